package endpoint

import (
	"context"
	"strings"
	"testing"

	"github.com/cardea-agent/cardea/agent/signin"
)

// A sign-in whose card takes no time: what remains is the endpoint's share.
func BenchmarkASignInAtNoCost(b *testing.B) {
	backend := &fakeBackend{authenticate: func(context.Context, signin.Request, func(signin.Progress)) (signin.Result, error) {
		return signin.Result{Token: signin.Token{UnverifiedCertificate: strings.Repeat("A", 1500), Signature: strings.Repeat("B", 344)}, Session: session}, nil
	}}
	p := serve(b, defaults(backend)).open(b, good)
	for b.Loop() {
		p.ask("authenticate", `{"nonce":"`+nonce+`"}`)
		p.next()
	}
}

func BenchmarkAnEventUntilItIsOnThePage(b *testing.B) {
	events := make(chan signin.SessionEvent)
	backend := &fakeBackend{attach: func(string, string) (signin.SessionStanding, <-chan signin.SessionEvent, func(), error) {
		return signin.SessionStanding{State: signin.SessionPresent}, events, func() {}, nil
	}}
	p := serve(b, defaults(backend)).open(b, good)
	p.ask("attach", `{"session":"`+session+`"}`)
	p.next()
	for b.Loop() {
		events <- signin.SessionEvent{Session: session, Kind: signin.EventCardRemoved}
		p.next()
	}
}
