package endpoint

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/cardea-agent/cardea/agent/peer"
	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/agent/signin/signintest"
)

func TestEachRefusalIsWrittenDownOnce(t *testing.T) {
	audit := &signintest.Audit{}
	config := defaults(&fakeBackend{})
	config.Audit = audit
	s := serve(t, config)
	for range 3 {
		for _, text := range []string{originIs("https://evil.example"), originIs("null"), originIs("https://" + strings.Repeat("x", 900))} {
			if resp, _ := s.exchange(t, "tcp4", text); resp.StatusCode != http.StatusForbidden {
				t.Fatalf("%d", resp.StatusCode)
			}
		}
	}
	var got []string
	for _, e := range audit.Events() {
		if e.What != signin.WhatRefuse || e.Outcome != "originRefused" || e.Reason == "" || len(e.Origin) > maxLogged {
			t.Errorf("the line says %+v", e)
		}
		got = append(got, e.Origin)
	}
	if want := []string{"https://evil.example", "null", ("https://" + strings.Repeat("x", 900))[:maxLogged]}; !slices.Equal(got, want) {
		t.Errorf("written down are %v, want %v", got, want)
	}
}

func TestARequestWithoutTheRightIsWrittenDownOnce(t *testing.T) {
	audit := &signintest.Audit{}
	config := defaults(&fakeBackend{})
	config.Audit = audit
	p := serve(t, config).open(t, limited)
	for range 3 {
		p.ask("authenticate", fmt.Sprintf(`{"nonce":%q}`, nonce))
		p.expectError("1", signin.CodeNotPermitted, "authenticate")
	}
	want := signin.Event{What: "authenticate", Origin: limited, Outcome: "notPermitted", Right: "authenticate"}
	if got := audit.Events(); len(got) != 1 || got[0] != want {
		t.Errorf("written down is %+v, want %+v", got, want)
	}
}

func TestAnotherUsersConnectionIsWrittenDownWithTheUser(t *testing.T) {
	audit := &signintest.Audit{}
	config := defaults(&fakeBackend{})
	config.Audit, config.Peers = audit, ownedBy{owner: peer.Owner{UID: "1001"}}
	s := serve(t, config)
	for range 2 {
		conn, err := net.Dial("tcp4", fmt.Sprintf("127.0.0.1:%d", s.port))
		if err != nil {
			t.Fatal(err)
		}
		if n, err := conn.Read(make([]byte, 1)); err == nil {
			t.Errorf("another user was answered with %d bytes", n)
		}
		_ = conn.Close()
	}
	if got := audit.Events(); len(got) != 1 || got[0].What != signin.WhatRefuse || got[0].Peer != "1001" || got[0].Origin != "" {
		t.Errorf("written down is %+v", got)
	}
}

func TestAnErrorTellsWhomToAskWhereSomebodyIsNamed(t *testing.T) {
	config := defaults(&fakeBackend{})
	config.Contact = func(kind string) string { return map[string]string{"site": "records@example.org"}[kind] }
	p := serve(t, config).open(t, good)
	p.ask("dance", "{}")
	p.expectError("1", "unsupported", `"contact":"records@example.org"`)
	config.Contact = func(string) string { return "" }
	p = serve(t, config).open(t, good)
	p.ask("dance", "{}")
	if got := p.next(); strings.Contains(got, "contact") {
		t.Errorf("nobody is named in %s", got)
	}
}
