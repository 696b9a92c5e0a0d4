package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/mail"
	"net/netip"
	"path/filepath"
	"regexp"

	"github.com/cardea-agent/cardea/pcsc/virtual"
	"github.com/cardea-agent/cardea/web/portal"
	"github.com/cardea-agent/cardea/web/portal/accounts"
	"github.com/cardea-agent/cardea/web/portal/store"
	"github.com/cardea-agent/cardea/web/portal/texts"
	"github.com/cardea-agent/cardea/web/verify"
)

const (
	organisation = "Example Hospital"
	// demoPassword is everybody's, as the PIN is every card's.
	demoPassword = "a long demo password"
	demoPolicy   = "2026-11"
)

// ocspPath is where the authority of the demo's cards answers, on the site's own
// address: it ends with the demo.
const ocspPath = "/ocsp"

// mailFolder is where the site's mails lie.
func mailFolder(folder string) string { return filepath.Join(folder, "mail") }

// person is somebody with an account, and the card that is registered to it.
type person struct {
	name, email string
	role        store.Role
	card        int // in bench.cards
}

var people = []person{
	{"Anna Example", "anna@hospital.example", store.RoleUser, 0},
	{"Bryn Example", "bryn@hospital.example", store.RoleHelpdesk, 1},
}

// contacts are made up: 01632 960 is a range for stories.
var contacts = portal.Contacts{
	LocalAdministrator: portal.Contact{Name: "IT service desk", Phone: "01632 960100", Email: "it@hospital.example", Hours: "24/7"},
	CardIssuer:         portal.Contact{Name: "Card office", Phone: "01632 960101", Email: "cards@hospital.example", Hours: "08:00–18:00"},
	SoftwareDesk:       portal.Contact{Name: "Clinical applications desk", Phone: "01632 960102", Email: "apps@hospital.example"},
	MailDesk:           portal.Contact{Name: "Mail desk", Phone: "01632 960103", Email: "post@hospital.example"},
}

// signerID is the user id in the name of a signing certificate. A hospital's card
// writes id_NAME there.
var signerID = verify.CommonNameMatching(regexp.MustCompile(`([^_]+)(?:_.*)?`))

// newSite makes the site with its people and their cards. Mails go into folder,
// which the demo removes.
func newSite(ctx context.Context, b *bench, origin string, agentPort int, folder string, log *slog.Logger) (http.Handler, func() error, error) {
	ca := b.ca.Certificate.Subject
	verifier, err := verify.New(verify.Config{
		Origins: []string{origin}, Roots: b.ca.Pool(), NoExtendedUsage: true, UserID: verify.CommonName, DocumentUserID: signerID,
		IssuerNames: map[string]string{ca.String(): ca.CommonName},
		Revocation:  verify.Revocation{Mode: verify.RevocationHardFail, OCSP: true, OCSPURL: origin + ocspPath},
	})
	if err != nil {
		return nil, nil, err
	}
	kept, err := store.OpenMemory(ctx)
	if err != nil {
		return nil, nil, err
	}
	a, err := accounts.New(accounts.Config{
		Store: kept, Texts: texts.ByKey(), Language: string(texts.English), Site: organisation, Policy: demoPolicy, Log: log,
		Mailer: accounts.Folder{Path: mailFolder(folder), From: mail.Address{Name: organisation, Address: "no-reply@hospital.example"}},
	})
	if err != nil {
		return nil, nil, errors.Join(err, kept.Close())
	}
	end := func() error { a.Close(); return kept.Close() }
	for _, one := range people {
		if err := settle(ctx, a, one, b.cards[one.card].Card, ca.CommonName); err != nil {
			return nil, nil, errors.Join(err, end())
		}
	}
	return portal.New(portal.Config{
		Origin: origin, AgentPort: agentPort, Verifier: verifier, Accounts: a, Title: organisation, Contacts: contacts, Log: log,
	}), end, nil
}

// settle adds a person and registers their card, by what they would do
// themselves.
func settle(ctx context.Context, a *accounts.Accounts, one person, card *virtual.Card, issuer string) error {
	_, err := a.AddUser(ctx, accounts.NewUser{Email: one.email, Name: one.name, Password: demoPassword, Language: string(texts.English), Role: one.role})
	if err != nil {
		return err
	}
	token, err := a.SignIn(ctx, accounts.Browser{From: netip.IPv6Loopback()}, one.email, demoPassword)
	if err != nil {
		return err
	}
	cert := card.Certificate(virtual.Authentication)
	userID, err := verify.CommonName(cert)
	if err != nil {
		return err
	}
	who := verify.Identity{Issuer: issuer, UserID: userID, Certificate: cert, Expiry: cert.NotAfter}
	for _, do := range []func() error{
		func() error { return a.AcceptPolicy(ctx, token, demoPolicy) },
		func() error { _, err := a.BeginRegistration(ctx, token); return err },
		func() error { _, err := a.ChooseCard(ctx, token, "Hospital card"); return err },
		func() error { _, err := a.FinishRegistration(ctx, token, who); return err },
		func() error { return a.End(ctx, token) },
	} {
		if err := do(); err != nil {
			return fmt.Errorf("the account of %s: %w", one.name, err)
		}
	}
	return nil
}
