package signin_test

import (
	"testing"
	"time"

	"github.com/cardea-agent/cardea/agent/signin"
)

func TestACardWhoseModuleFailedIsReadOnceMoreForARequest(t *testing.T) {
	for name, works := range map[string]bool{"works again": true, "fails again": false} {
		t.Run(name, func(t *testing.T) {
			run(t, func(b *bench) {
				broken := signin.Reader{Name: "Reader 1", Status: signin.CardUnreadable, Problem: signin.CodeModuleFailed, How: signin.ModuleHung}
				b.cards.Set(signin.CardUnreadable, broken)
				b.cards.Again = func() {
					b.cards.Set(signin.NoCard, signin.Reader{Name: "Reader 1", Status: signin.NoCard, Pending: true})
				}
				p := b.authenticate(time.Minute)
				if n := b.cards.Readings(); n != 1 {
					t.Fatalf("the card is read %d times more", n)
				}
				if works {
					b.cards.Insert(b.card)
					b.asked().Type("123456")
					p.succeeds()
					return
				}
				b.cards.Set(signin.CardUnreadable, broken)
				if e := p.ends(signin.CodeModuleFailed); e.How != signin.ModuleHung || b.cards.Readings() != 1 {
					t.Errorf("ended with %v after %d readings", e, b.cards.Readings())
				}
			})
		})
	}
}

func TestAMissingModuleIsNamedOnlyWhereNoCardServes(t *testing.T) {
	run(t, func(b *bench) {
		missing := signin.Reader{Name: "Reader 2", Status: signin.CardUnknown, Problem: signin.CodeModuleMissing}
		b.cards.Set(signin.Ready, missing, signin.Reader{Name: "Reader 1", Status: signin.Ready, Card: b.card, PIN: signin.PINOk})
		p := b.authenticate(time.Minute)
		b.asked().Type("123456")
		p.succeeds()
		b.cards.Set(signin.CardUnknown, missing)
		b.authenticate(time.Minute).ends(signin.CodeModuleMissing)
	})
}
