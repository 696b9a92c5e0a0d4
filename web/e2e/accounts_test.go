//go:build linux

package e2e

import (
	"context"
	"errors"
	"net/mail"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/pcsc/virtual"
	"github.com/cardea-agent/cardea/web/portal/accounts"
	"github.com/cardea-agent/cardea/web/portal/store"
	"github.com/cardea-agent/cardea/web/portal/texts"
	"github.com/cardea-agent/cardea/web/verify"
)

// password is everybody's.
const password = "four grey geese go home"

// people are the accounts of one site.
type people struct {
	*accounts.Accounts
	mails string        // the folder of the mails that were sent
	ahead *atomic.Int64 // how far the accounts' clock is, as a time.Duration
}

// newPeople makes the accounts of a site, in a file as a real one has it.
func newPeople(t *testing.T) people {
	t.Helper()
	dir := t.TempDir()
	kept, err := store.Open(t.Context(), filepath.Join(dir, "portal.db"))
	if err != nil {
		t.Fatal(err)
	}
	mails, ahead := filepath.Join(dir, "mails"), &atomic.Int64{}
	a, err := accounts.New(accounts.Config{
		Store: kept, Texts: texts.ByKey(), Language: "en", Site: "Example Hospital", Policy: "2026-11",
		Mailer:   accounts.Folder{Path: mails, From: mail.Address{Name: "Example Hospital", Address: "no-reply@hospital.example"}},
		Clock:    func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) },
		HashCost: accounts.HashCost{Memory: 64, Passes: 1, Lanes: 1}, // the cost is measured elsewhere
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		a.Close()
		if err := kept.Close(); err != nil {
			t.Error(err)
		}
	})
	return people{a, mails, ahead}
}

// timePasses lets the site believe that it is later.
func (p people) timePasses(d time.Duration) { p.ahead.Add(int64(d)) }

// emailOf is the address of somebody: anna.example@hospital.example.
func emailOf(name string) string {
	return strings.ToLower(strings.ReplaceAll(name, " ", ".")) + "@hospital.example"
}

// add gives somebody an account, unless they have one.
func (p people) add(t *testing.T, name string, role store.Role) {
	t.Helper()
	_, err := p.AddUser(t.Context(), accounts.NewUser{Email: emailOf(name), Name: name, Password: password, Language: "en", Role: role})
	if err != nil && accounts.CodeOf(err) != accounts.CodeEmailTaken {
		t.Fatal(err)
	}
}

// register registers somebody's card, as they would do it, unless one of the
// holder's is registered.
func (p people) register(t *testing.T, name, issuer string, card *virtual.Card) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	cert := card.Certificate(virtual.Authentication)
	userID, err := verify.CommonName(cert)
	if err != nil {
		t.Fatal(err)
	}
	token, err := p.SignIn(ctx, accounts.Browser{}, emailOf(name), password)
	if err != nil {
		t.Fatal(err)
	}
	_, begun := p.BeginRegistration(ctx, token)
	if accounts.CodeOf(begun) == accounts.CodePolicyNotAccepted {
		err = p.AcceptPolicy(ctx, token, p.Policy)
		_, begun = p.BeginRegistration(ctx, token)
	}
	_, chosen := p.ChooseCard(ctx, token, "Hospital card")
	_, done := p.FinishRegistration(ctx, token, verify.Identity{Issuer: issuer, UserID: userID, Certificate: cert, Expiry: cert.NotAfter})
	if accounts.CodeOf(done) == accounts.CodeCardAlreadyRegistered {
		done = nil
	}
	if err := errors.Join(err, begun, chosen, done, p.End(ctx, token)); err != nil {
		t.Fatal(err)
	}
}
