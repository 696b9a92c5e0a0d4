package accounts

import (
	"testing"
	"time"

	"github.com/cardea-agent/cardea/web/portal/store"
)

const another = "six red foxes run by"

func TestAPersonChangesTheirPasswordAndKeepsOnlyThisSession(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ctx := t.Context()
	elsewhere, id := s.ann()
	token, _ := s.SignIn(ctx, Browser{}, annsEmail, annsPass)
	check(t, s.ChangePassword(ctx, token, another))
	_, err := s.Session(ctx, token)
	check(t, err)
	_, err = s.Session(ctx, elsewhere)
	refused(t, err, CodeSignedOut)
	_, err = s.SignIn(ctx, Browser{}, annsEmail, annsPass)
	refused(t, err, CodeCredentialsWrong)
	s.signIn(annsEmail, another)
	mails := s.mails()
	wants(t, mails[len(mails)-1].Subject, "Newidiwyd eich cyfrinair yn "+s.Site)
	found := s.actions(id)
	wants(t, found[len(found)-3:], []string{ActionPasswordChanged, ActionSignInFailed, ActionSignedIn})
}

func TestANewPasswordNeedsAFreshProofAndIsLong(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ctx := t.Context()
	token, _ := s.ann()
	wants(t, refused(t, s.ChangePassword(ctx, token, "12345678"), CodeFieldInvalid).Field, FieldPassword)
	s.pass(5*time.Minute + time.Millisecond)
	refused(t, s.ChangePassword(ctx, token, another), CodeReauthenticationNeeded)
	s.signIn(annsEmail, annsPass)
}

func TestTheHelpdeskSetsAPasswordForSomebodyWhoForgotTheirs(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ctx := t.Context()
	anns, id := s.ann()
	desk, _ := s.desk()
	wants(t, refused(t, s.SetPasswordFor(ctx, desk, id, another, " "), CodeFieldInvalid).Field, FieldReason)
	wants(t, refused(t, s.SetPasswordFor(ctx, desk, id, "short", "Forgotten"), CodeFieldInvalid).Field, FieldPassword)
	refused(t, s.SetPasswordFor(ctx, desk, 999, another, "Forgotten"), CodeUserNotFound)
	check(t, s.SetPasswordFor(ctx, desk, id, another, "Forgotten, known to me in person"))
	_, err := s.Session(ctx, anns)
	refused(t, err, CodeSignedOut)
	line := s.last(id)
	wants(t, line.Action, ActionPasswordChanged)
	wants(t, line.Details, map[string]string{"reason": "Forgotten, known to me in person"})
	s.signIn(annsEmail, another)
	mails := s.mails()
	wants(t, mails[len(mails)-1].To.Address, annsEmail)
}

func TestOnlyTheHelpdeskSetsPasswordsAndNotItsOwn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ctx := t.Context()
	anns, id := s.ann()
	desk, deskID := s.desk()
	other := s.user("other@hospital.example", annsPass, store.RoleHelpdesk)
	refused(t, s.SetPasswordFor(ctx, anns, id, another, "Me"), CodeNotAllowed)
	refused(t, s.SetPasswordFor(ctx, desk, deskID, another, "Me"), CodeNotAllowed)
	refused(t, s.SetPasswordFor(ctx, desk, other, another, "A colleague"), CodeNotAllowed)
	s.pass(5*time.Minute + time.Millisecond)
	refused(t, s.SetPasswordFor(ctx, desk, id, another, "Forgotten"), CodeReauthenticationNeeded)
}
