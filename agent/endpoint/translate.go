package endpoint

import (
	"crypto/x509"
	"math"
	"reflect"
	"time"

	"github.com/cardea-agent/cardea/agent/protocol"
	"github.com/cardea-agent/cardea/agent/signin"
)

// snapshot is what a page may know now, and the channel that is closed when
// there is more.
func (c *connection) snapshot() (protocol.Snapshot, <-chan struct{}) {
	snapshot, changed := c.Backend.Snapshot()
	return pageSnapshot(snapshot, time.Now()), changed
}

// pageSnapshot leaves out whatever would tell who holds a card.
func pageSnapshot(s signin.Snapshot, now time.Time) protocol.Snapshot {
	page := protocol.Snapshot{
		Revision: s.Revision,
		State:    s.State,
		Readers:  make([]protocol.Reader, 0, len(s.Readers)),
		Warnings: []string{},
	}
	for _, r := range s.Readers {
		page.Readers = append(page.Readers, protocol.Reader{Name: r.Name, Keypad: r.Keypad, Card: pageCard(r, now)})
	}
	return page
}

// pageCard is nil for an empty reader, and while nothing is known of a card
// that was just put in.
func pageCard(r signin.Reader, now time.Time) *protocol.Card {
	switch {
	case r.Pending || r.Card == nil && r.Status == signin.NoCard:
		return nil
	case r.Card == nil:
		return &protocol.Card{}
	}
	card := &protocol.Card{Known: true, PIN: r.PIN}
	if certificate := authenticationCertificate(r.Card.Keys()); certificate != nil {
		days := int(math.Floor(certificate.NotAfter.Sub(now).Hours() / 24))
		card.ExpiresInDays = &days
	}
	return card
}

// authenticationCertificate is the first that signs, and not documents
// (nonRepudiation, RFC 5280 section 4.2.1.3).
func authenticationCertificate(keys []signin.Key) *x509.Certificate {
	for _, k := range keys {
		usage := k.Certificate.KeyUsage
		if usage&x509.KeyUsageDigitalSignature != 0 && usage&x509.KeyUsageContentCommitment == 0 {
			return k.Certificate
		}
	}
	return nil
}

// sameSnapshot reports whether a page would see no difference.
func sameSnapshot(a, b protocol.Snapshot) bool {
	a.Revision = b.Revision
	return reflect.DeepEqual(a, b)
}

func progressParams(id protocol.ID, p signin.Progress) protocol.ProgressParams {
	params := protocol.ProgressParams{ID: id, Phase: p.Phase}
	if p.Phase == signin.WrongPIN && p.TriesLeft != signin.TriesUnknown {
		params.TriesLeft = &p.TriesLeft
	}
	if p.Total > 0 {
		params.Done, params.Total = &p.Done, &p.Total
	}
	return params
}

func attachResult(s signin.SessionStanding) protocol.AttachResult {
	result := protocol.AttachResult{State: s.State, Why: s.Why}
	if s.State == signin.SessionRemoved || s.State == signin.SessionLocked {
		left := seconds(s.GraceLeft)
		result.GraceLeft = &left
	}
	return result
}

func sessionParams(e signin.SessionEvent) protocol.SessionParams {
	params := protocol.SessionParams{Session: e.Session, Event: e.Kind, Why: e.Why}
	if e.Kind == signin.EventCardRemoved {
		grace := seconds(e.Removal.Grace)
		params.Action, params.GraceSeconds = e.Removal.Action, &grace
	}
	return params
}
