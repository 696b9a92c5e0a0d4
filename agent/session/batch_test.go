package session_test

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/agent/protocol"
	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/pcsc/apdu"
	"github.com/cardea-agent/cardea/pcsc/virtual"
)

// wards are the ways in which the tests here reach their card.
var wards = map[string]func(*testing.T) *ward{"virtual": newWard}

// eachWard runs a test over each of them, with the tray and the card in place.
func eachWard(t *testing.T, test func(t *testing.T, w *ward, p *page)) {
	t.Helper()
	for name, make := range wards {
		t.Run(name, func(t *testing.T) {
			w := make(t)
			w.startTray()
			w.slot.Insert(w.card)
			test(t, w, w.open(signing))
		})
	}
}

// batch asks for signatures of n documents and types the PIN.
func (w *ward) batch(p *page, certificate *x509.Certificate, n int) (id int, digests [][]byte) {
	w.t.Helper()
	digests, items := documents(n)
	id = p.send("sign", protocol.SignParams{Certificate: base64.StdEncoding.EncodeToString(certificate.Raw), Hash: "SHA-256", Items: items})
	a := w.asked()
	if a.About.Purpose != signin.ToSign || a.About.Items != n || a.About.Origin != signing {
		w.t.Errorf("the window shows %+v", a.About)
	}
	a.Type(canary)
	return id, digests
}

// hearsDone waits until n documents are signed, or more.
func (p *page) hearsDone(n int) {
	p.t.Helper()
	for {
		select {
		case m := <-p.notes:
			var progress protocol.ProgressParams
			if err := json.Unmarshal(m.Params, &progress); err != nil {
				p.t.Fatal(err)
			}
			if progress.Done != nil && *progress.Done >= n {
				return
			}
		case <-time.After(limit):
			p.t.Fatal("the page hears of no progress")
		}
	}
}

// is fails unless the first n documents are signed, verifiably, and the others
// are not because of code.
func (w *ward) is(m message, certificate *x509.Certificate, digests [][]byte, n int, code signin.Code) {
	w.t.Helper()
	var r protocol.SignResult
	if err := json.Unmarshal(m.Result, &r); err != nil || m.Error != nil {
		w.t.Fatalf("%+v, %v", m.Error, err)
	}
	if len(r.Signatures) != n || len(r.Failures) != len(digests)-n {
		w.t.Fatalf("%d signatures and %+v, want %d signatures", len(r.Signatures), r.Failures, n)
	}
	for i, s := range r.Signatures {
		if s.ID != fmt.Sprint(i) {
			w.t.Errorf("signature %d is of %s", i, s.ID)
		}
		verified(w.t, certificate, digests[i], s.Signature)
	}
	for i, f := range r.Failures {
		if f != (protocol.ItemFailure{ID: fmt.Sprint(n + i), Code: string(code)}) {
			w.t.Errorf("failure %d is %+v, want %s", i, f, code)
		}
	}
	if code != signin.CodeCardRemoved && w.card.PINVerified() { // one that is out has forgotten
		w.t.Error("the PIN stays verified")
	}
}

// used are the slots whose keys a card used, and pins how often it got the PIN.
func used(card *virtual.Card) (slots []virtual.KeySlot, pins int) {
	for _, e := range card.Trace() {
		switch {
		case e.INS() == apdu.InsGeneralAuthenticate:
			slots = append(slots, virtual.KeySlot(e.Command[3]))
		case e.INS() == apdu.InsVerify && e.Length > 5:
			pins++
		}
	}
	slices.Sort(slots)
	return slices.Compact(slots), pins
}

// later lets n commands with an instruction go well before the action.
func later(ins byte, n int, a virtual.Action) []virtual.Fault {
	well := virtual.On(ins, virtual.Action{})
	return append(slices.Repeat([]virtual.Fault{well}, n), virtual.On(ins, a))
}

func TestThePINIsTypedOnceAndGivenForEachDocument(t *testing.T) {
	eachWard(t, func(t *testing.T, w *ward, p *page) {
		certificate := w.signingCertificate(p)
		id, digests := w.batch(p, certificate, 25)
		w.is(p.answer(id), certificate, digests, 25, "")
		slots, pins := used(w.card)
		if pins != 25 || !slices.Equal(slots, []virtual.KeySlot{virtual.Signature}) {
			t.Errorf("the card got the PIN %d times, for the keys %X", pins, slots)
		}
		if !strings.Contains(w.journal.String(), `"items":25,"signed":25`) {
			t.Error("the audit log does not say what was signed")
		}
	})
}

func TestACardPulledInABatchLeavesTheSignaturesBeforeIt(t *testing.T) {
	eachWard(t, func(t *testing.T, w *ward, p *page) {
		certificate := w.signingCertificate(p)
		w.card.Script(later(apdu.InsGeneralAuthenticate, 2, virtual.Delay(time.Minute))...)
		id, digests := w.batch(p, certificate, 5)
		p.hearsDone(2)
		w.slot.Remove()
		w.is(p.answer(id), certificate, digests, 2, signin.CodeCardRemoved)
	})
}

func TestABatchStopsAtTheFirstPINThatIsRefused(t *testing.T) {
	eachWard(t, func(t *testing.T, w *ward, p *page) {
		certificate := w.signingCertificate(p)
		// The card is asked for its tries twice before the first PIN.
		w.card.Script(later(apdu.InsVerify, 2+3, virtual.Answer(0x63C2))...)
		id, digests := w.batch(p, certificate, 6)
		w.is(p.answer(id), certificate, digests, 3, signin.CodePINWrong)
		if _, pins := used(w.card); pins != 4 {
			t.Errorf("the card got the PIN %d times, want 4", pins)
		}
	})
}

func TestAPageThatCancelsABatchGetsWhatWasSigned(t *testing.T) {
	eachWard(t, func(t *testing.T, w *ward, p *page) {
		certificate := w.signingCertificate(p)
		w.card.Script(virtual.On(apdu.InsVerify, virtual.Delay(20*time.Millisecond)).Always())
		id, digests := w.batch(p, certificate, 250)
		p.hearsDone(1)
		cancel := p.send("cancel", map[string]any{"id": id})
		var result message
		for range 2 {
			m := <-p.answers
			if m.ID == id {
				result = m
			} else if m.ID != cancel || m.Error != nil {
				t.Fatalf("the cancel is answered with %+v", m)
			}
		}
		w.card.Script()
		var r protocol.SignResult
		if err := json.Unmarshal(result.Result, &r); err != nil || len(r.Signatures) == 0 || len(r.Signatures) == 250 {
			t.Fatalf("%d signatures, %v", len(r.Signatures), err)
		}
		w.is(result, certificate, digests, len(r.Signatures), signin.CodeCancelled)
	})
}

func TestABatchThatIsWrongIsRefusedByNameBeforeACardIsTouched(t *testing.T) {
	eachWard(t, func(t *testing.T, w *ward, p *page) {
		certificate := base64.StdEncoding.EncodeToString(w.signingCertificate(p).Raw)
		commands := w.card.Count()
		of := func(sizes ...int) (items []protocol.SignItem) {
			for i, size := range sizes {
				items = append(items, protocol.SignItem{ID: fmt.Sprint(i), Digest: base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{1}, size))})
			}
			return items
		}
		twice := of(32, 32)
		twice[1].ID = twice[0].ID
		for name, c := range map[string]struct {
			hash  string
			items []protocol.SignItem
			field string
		}{
			"a short digest":         {"SHA-256", of(32, 31), "items[1].digest"},
			"a long digest":          {"SHA-256", of(33), "items[0].digest"},
			"another hash's digest":  {"SHA-384", of(32), "items[0].digest"},
			"an empty digest":        {"SHA-512", of(0), "items[0].digest"},
			"a hash of another key":  {"SHA-384", of(48), "hash"},
			"a weak hash":            {"SHA-1", of(20), "hash"},
			"no document":            {"SHA-256", []protocol.SignItem{}, "items"},
			"too many":               {"SHA-256", of(slices.Repeat([]int{32}, 251)...), "items"},
			"one document two times": {"SHA-256", twice, "items[1].id"},
		} {
			m := p.call("sign", protocol.SignParams{Certificate: certificate, Hash: c.hash, Items: c.items})
			if m.code() != "invalidRequest" || m.Error.Data.Params["field"] != c.field {
				t.Errorf("%s: %+v, want the field %s", name, m.Error, c.field)
			}
		}
		if n := w.card.Count(); n != commands {
			t.Errorf("%d commands reached the card", n-commands)
		}
	})
}

// What a card's certificates say is the issuer's word, and can be wrong. Neither
// key may ever do the other's work.
func TestTheKeysOfSignInsAndOfDocumentsNeverStandInForEachOther(t *testing.T) {
	const signsIn, binds = x509.KeyUsageDigitalSignature, x509.KeyUsageContentCommitment
	lies := map[string]struct {
		usage, other   x509.KeyUsage // of 9A and of 9C
		change         func(*virtual.Profile)
		signIn, signed string // why not; empty where it may
	}{
		"the truth":                     {signsIn, binds, nil, "", ""},
		"each says the other":           {binds, signsIn, nil, "wrongUsage", "wrongUsage"},
		"9A says it binds":              {binds, binds, nil, "wrongUsage", ""},
		"9C says it signs in":           {signsIn, signsIn, nil, "", "wrongUsage"},
		"9C says both":                  {signsIn, signsIn | binds, nil, "", "bothUsages"},
		"9A says both":                  {signsIn | binds, binds, nil, "", ""},
		"one key in both":               {signsIn, binds, sameKey(virtual.Signature, virtual.Authentication), "bothUsages", "bothUsages"},
		"9C's key opens mail":           {signsIn, binds, sameKey(virtual.KeyManagement, virtual.Signature), "", "bothUsages"},
		"9C's key opens doors":          {signsIn, binds, sameKey(virtual.CardAuthentication, virtual.Signature), "", "bothUsages"},
		"9C also lets clients be named": {signsIn, binds, forClients, "", "bothUsages"},
	}
	for backend, make := range wards {
		t.Run(backend, func(t *testing.T) {
			w := make(t)
			w.startTray()
			for name, c := range lies {
				t.Run(name, func(t *testing.T) {
					w.t = t
					w.card = virtual.NewCard(w.ca, virtual.P256("Anna Example").With(func(p *virtual.Profile) {
						p.PIN = canary
						p.Key(virtual.Authentication).Usage, p.Key(virtual.Signature).Usage = c.usage, c.other
						if c.change != nil {
							c.change(p)
						}
					}))
					w.swap()
					w.keepsApart(w.open(signing), c.signIn, c.signed)
				})
			}
		})
	}
}

func forClients(p *virtual.Profile) {
	p.Key(virtual.Signature).ExtendedUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
}

func sameKey(slot, as virtual.KeySlot) func(*virtual.Profile) {
	return func(p *virtual.Profile) { p.Key(slot).SameAs = as }
}

// swap puts w.card in, in place of the card that is in.
func (w *ward) swap() {
	w.t.Helper()
	p := w.open(signing)
	p.call("watch", map[string]any{})
	w.slot.Remove()
	p.status(func(s protocol.Snapshot) bool { return s.Readers[0].Card == nil })
	w.slot.Insert(w.card)
	p.status(func(s protocol.Snapshot) bool { return s.Readers[0].Card != nil })
}

// status waits until the newest snapshot is as wanted.
func (p *page) status(wanted func(protocol.Snapshot) bool) {
	p.t.Helper()
	deadline := time.After(limit)
	for {
		m := p.call("watch", map[string]any{})
		var now protocol.Snapshot
		if err := json.Unmarshal(m.Result, &now); err != nil {
			p.t.Fatal(err)
		}
		if len(now.Readers) > 0 && wanted(now) {
			return
		}
		select {
		case <-p.notes:
		case <-deadline:
			p.t.Fatalf("the status stays %s", m.Result)
		}
	}
}

// keepsApart tries both keys for both uses. The certificates come from the card
// itself: a page that is not honest may know them.
func (w *ward) keepsApart(p *page, signIn, signed string) {
	w.t.Helper()
	refused := func(what, why string, m message) {
		w.t.Helper()
		if m.code() != "noUsableCertificate" || m.Error.Data.Params["why"] != why {
			w.t.Errorf("%s: %+v, want %s", what, m, why)
		}
	}
	if signIn == "" {
		w.signIn(p)
	} else {
		refused("authenticate", signIn, p.call("authenticate", map[string]any{"nonce": nonce()}))
	}
	if slots, _ := used(w.card); slices.Contains(slots, virtual.Signature) {
		w.t.Error("authenticate used the key for documents")
	}
	before := w.card.Count()
	_, items := documents(1)
	first, second := w.card.Certificate(virtual.Authentication), w.card.Certificate(virtual.Signature)
	for _, c := range []*x509.Certificate{first, second} {
		if c == second && signed == "" {
			continue
		}
		m := p.call("sign", protocol.SignParams{Certificate: base64.StdEncoding.EncodeToString(c.Raw), Hash: "SHA-256", Items: items})
		if m.code() != "noUsableCertificate" {
			w.t.Errorf("sign by the certificate of %s: %+v", c.Subject, m)
		}
	}
	if n := w.card.Count(); n != before {
		w.t.Errorf("%d commands reached the card", n-before)
	}
	if signed != "" {
		refused("getSigningCertificate", signed, p.call("getSigningCertificate", map[string]any{}))
		return
	}
	certificate := w.signingCertificate(p)
	if !certificate.Equal(second) {
		w.t.Fatal("the certificate is not that of the key for documents")
	}
	id, digests := w.batch(p, certificate, 1)
	w.is(p.answer(id), certificate, digests, 1, "")
	if slots, _ := used(w.card); slices.Contains(slots, virtual.KeyManagement) || slices.Contains(slots, virtual.CardAuthentication) {
		w.t.Errorf("the keys %X were used", slots)
	}
}
