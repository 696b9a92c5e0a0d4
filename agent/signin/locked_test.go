package signin_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/cardea-agent/cardea/agent/signin"
)

func TestALockEndsARequestWithItsCodeWhicheverIsNoticedFirst(t *testing.T) {
	for _, cardFirst := range []bool{false, true} {
		run(t, func(b *bench) {
			b.cards.Insert(b.card)
			p := b.authenticate(time.Minute)
			asked := b.asked()
			if cardFirst {
				b.cards.Forget(b.card)
				synctest.Wait()
				b.desktop.Set(true)
			} else {
				b.desktop.Set(true)
				b.cards.Forget(b.card)
			}
			p.ends(signin.CodeSessionLocked)
			<-asked.Closed
			calls := b.card.Calls()
			b.authenticate(time.Minute).ends(signin.CodeSessionLocked)
			if b.card.Calls() != calls {
				t.Error("a card was spoken to behind the lock")
			}
			b.desktop.Set(false)
			b.cards.Insert(b.card.Again())
			p = b.authenticate(time.Minute)
			b.asked().Type("123456")
			p.succeeds()
		})
	}
}

func TestACardThatIsForgottenBehindALockIsNotRemovedUntilItIsOut(t *testing.T) {
	run(t, func(b *bench) {
		session := b.begin()
		page := b.attach(session, present)
		b.cards.Forget(b.card)
		time.Sleep(5 * time.Minute) // longer than the grace time
		b.attach(session, present).detach()
		b.cards.Remove(b.card)
		page.hears(signin.EventCardRemoved, signin.EventLocked)
		b.attach(session, signin.SessionStanding{State: signin.SessionRemoved, GraceLeft: time.Minute}).detach()
	})
}

func TestTheGraceTimeRunsFromTheLockWhereItCountsAsRemoval(t *testing.T) {
	run(t, func(b *bench) {
		b.rules.Rule.OnLock = true
		session := b.begin()
		page := b.attach(session, present)
		b.cards.Forget(b.card)
		page.hears(signin.EventCardRemoved, signin.EventLocked)
		time.Sleep(time.Minute)
		page.hears(signin.EventEnded)
		b.attach(session, signin.SessionStanding{State: signin.SessionEnded, Why: signin.EndedByRemoval}).detach()
	})
}

func TestALockInTheMiddleOfABatchLeavesWhatWasSignedAndSaysWhy(t *testing.T) {
	run(t, func(b *bench) {
		p, req := b.signs(10)
		card := b.card
		p.onProgress = func(g signin.Progress) {
			if g.Done == 4 {
				b.desktop.Set(true)
				b.cards.Forget(card)
			}
		}
		b.asked().Type("123456")
		p.is(req, 4, signin.CodeSessionLocked)
	})
}
