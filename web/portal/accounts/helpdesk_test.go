package accounts

import (
	"strings"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/web/portal/store"
)

func TestTheHelpdeskLooksUpAUserAndTheirCards(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ctx := t.Context()
	anns, ann := s.ann()
	card := s.register(anns, "Blue card", identity(t, "111122223333", 1))
	desk, deskID := s.desk()
	found, err := s.LookUp(ctx, desk, " Ann.Reed@hospital.example")
	check(t, err)
	wants(t, [2]any{found.User.ID, found.User.Email}, [2]any{ann, annsEmail})
	wants(t, found.Cards, []store.Card{card})
	line := s.last(ann)
	wants(t, [3]any{line.Action, line.Actor, line.ActorEmail}, [3]any{ActionUserLookedUp, deskID, "desk@hospital.example"})

	_, err = s.LookUp(ctx, desk, "nobody@hospital.example")
	refused(t, err, CodeUserNotFound)
	line = s.last(deskID) // in vain, and kept
	wants(t, [2]any{line.Action, line.Details}, [2]any{ActionUserLookedUp, map[string]string{"email": "nobody@hospital.example"}})
	_, err = s.LookUp(ctx, desk, "not an address")
	wants(t, refused(t, err, CodeFieldInvalid).Field, FieldEmail)
}

func TestTheHelpdeskRemovesARegistrationWithAReason(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ctx := t.Context()
	who := identity(t, "111122223333", 1)
	anns, ann := s.ann()
	card := s.register(anns, "Blue card", who)
	byCard := s.signInByCard(who)
	desk, deskID := s.desk()

	for _, reason := range []string{"", " ", "a\nb", strings.Repeat("x", 501)} {
		wants(t, refused(t, s.RemoveCardFor(ctx, desk, card.ID, reason), CodeFieldInvalid).Field, FieldReason)
	}
	refused(t, s.RemoveCardFor(ctx, desk, card.ID+1, "lost"), CodeCardNotFound)
	s.pass(5*time.Minute + time.Millisecond)
	refused(t, s.RemoveCardFor(ctx, desk, card.ID, "lost"), CodeReauthenticationNeeded)
	check(t, s.Reauthenticate(ctx, desk, deskPass, ward))
	check(t, s.RemoveCardFor(ctx, desk, card.ID, "lost on ward 7"))

	_, err := s.Session(ctx, byCard)
	refused(t, err, CodeSignedOut)
	_, err = s.SignInByCard(ctx, Browser{From: ward}, who, "")
	refused(t, err, CodeCardNotRegistered)
	line := s.last(ann)
	wants(t, [3]any{line.Action, line.Actor, line.Subject}, [3]any{ActionCardRemoved, deskID, ann})
	wants(t, line.Details, map[string]string{
		"card": "Blue card", "issuer": "CN=Cards", "holder": "111122223333", "reason": "lost on ward 7",
	})
	mails := s.mails()
	wants(t, len(mails), 2)
	last := mails[1]
	wants(t, last.To.Address, annsEmail)
	if !strings.Contains(last.Body, "Tynnodd y ddesg gymorth") || strings.Contains(last.Body, "ward 7") {
		t.Errorf("the mail is %+v", last)
	}
}

func TestTheHelpdeskReadsTheTrailAndThatIsKeptToo(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ctx := t.Context()
	_, ann := s.ann()
	desk, deskID := s.desk()
	for range 2 {
		_, err := s.LookUp(ctx, desk, annsEmail)
		check(t, err)
	}
	_, err := s.Trail(ctx, desk, ann, 0)
	check(t, err)
	lines, err := s.Trail(ctx, desk, ann, 0)
	check(t, err)
	var actions []string
	for _, l := range lines {
		actions = append(actions, l.Action)
	}
	wants(t, actions, []string{ActionTrailRead, ActionUserLookedUp, ActionUserLookedUp, ActionSignedIn, ActionUserCreated})
	wants(t, [2]any{lines[0].Actor, lines[0].ActorEmail}, [2]any{deskID, "desk@hospital.example"})
	older, err := s.Trail(ctx, desk, ann, lines[2].ID)
	check(t, err)
	wants(t, older, lines[3:])
}

func TestTheTrailComesInPages(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ctx := t.Context()
	_, ann := s.ann()
	desk, _ := s.desk()
	for range 150 {
		check(t, s.store.AddLine(ctx, store.Line{At: s.Now(), Subject: ann, Action: "test"}))
	}
	lines, err := s.Trail(ctx, desk, ann, 0)
	check(t, err)
	wants(t, len(lines), 100)
	lines, err = s.Trail(ctx, desk, ann, lines[99].ID)
	check(t, err)
	wants(t, len(lines), 52)
}

func TestOnlyTheHelpdeskHelps(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ctx := t.Context()
	anns, ann := s.ann()
	card := s.register(anns, "Blue card", identity(t, "111122223333", 1))
	s.user("bob@hospital.example", "bob has a password", store.RoleUser)
	bobs := s.signIn("bob@hospital.example", "bob has a password")
	before := s.actions(ann)
	for token, code := range map[string]Code{bobs: CodeNotAllowed, anns: CodeNotAllowed, "": CodeSignedOut, "guess": CodeSignedOut} {
		for name, do := range map[string]func() error{
			"look up": func() error { _, err := s.LookUp(ctx, token, annsEmail); return err },
			"in vain": func() error { _, err := s.LookUp(ctx, token, "nobody@hospital.example"); return err },
			"remove":  func() error { return s.RemoveCardFor(ctx, token, card.ID, "lost") },
			"status":  func() error { return s.SetStatus(ctx, token, ann, store.Inactive, "left") },
			"trail":   func() error { _, err := s.Trail(ctx, token, ann, 0); return err },
			"create": func() error {
				_, err := s.CreateUser(ctx, token, NewUser{"c@hospital.example", "C", annsPass, "en", store.RoleUser})
				return err
			},
		} {
			if err := do(); CodeOf(err) != code {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	wants(t, s.actions(ann), before)
	_, err := s.store.UserByEmail(ctx, "c@hospital.example")
	if err == nil {
		t.Error("a user was created")
	}
}

func TestTheHelpdeskKeepsAUserOutAndLetsThemInAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ctx := t.Context()
	anns, ann := s.ann()
	desk, deskID := s.desk()
	refused(t, s.SetStatus(ctx, desk, deskID, store.Inactive, "oops"), CodeNotAllowed)
	refused(t, s.SetStatus(ctx, desk, 99, store.Inactive, "left"), CodeUserNotFound)
	wants(t, refused(t, s.SetStatus(ctx, desk, ann, store.Inactive, ""), CodeFieldInvalid).Field, FieldReason)
	refused(t, s.SetStatus(ctx, desk, ann, "retired", "left"), CodeInternal)

	check(t, s.SetStatus(ctx, desk, ann, store.Inactive, "on leave"))
	wants(t, s.last(ann).Details, map[string]string{"status": "inactive", "reason": "on leave"})
	_, err := s.Session(ctx, anns)
	refused(t, err, CodeSignedOut)
	_, err = s.SignIn(ctx, Browser{From: ward}, annsEmail, annsPass)
	refused(t, err, CodeAccountInactive)
	check(t, s.SetStatus(ctx, desk, ann, store.Active, "back"))
	_, err = s.Session(ctx, anns) // the old session stays ended
	refused(t, err, CodeSignedOut)
	s.signIn(annsEmail, annsPass)
	s.pass(5*time.Minute + time.Millisecond)
	refused(t, s.SetStatus(ctx, desk, ann, store.Inactive, "left"), CodeReauthenticationNeeded)
}

func TestTheHelpdeskCreatesUsersAndNoHelpdesk(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ctx := t.Context()
	desk, deskID := s.desk()
	n := NewUser{Email: " New@Hospital.example", Name: " Nerys Ŵyn ", Password: "fifteen letters", Language: "cy", Role: store.RoleUser}
	id, err := s.CreateUser(ctx, desk, n)
	check(t, err)
	line := s.last(id)
	wants(t, [3]any{line.Action, line.Actor, line.Subject}, [3]any{ActionUserCreated, deskID, id})
	session, err := s.Session(ctx, s.signIn("new@hospital.example", n.Password))
	check(t, err)
	wants(t, [3]any{session.User.Name, session.User.Role, session.User.Language}, [3]any{"Nerys Ŵyn", store.RoleUser, "cy"})

	_, err = s.CreateUser(ctx, desk, n)
	refused(t, err, CodeEmailTaken)
	n.Email = "another@hospital.example"
	for _, role := range []store.Role{store.RoleHelpdesk, "", "administrator"} {
		n.Role = role
		_, err = s.CreateUser(ctx, desk, n)
		refused(t, err, CodeNotAllowed)
	}
	n.Role = store.RoleUser
	s.pass(5*time.Minute + time.Millisecond)
	_, err = s.CreateUser(ctx, desk, n)
	refused(t, err, CodeReauthenticationNeeded)
}

func TestAFieldOfANewUserThatIsWrongIsNamed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	good := NewUser{Email: "new@hospital.example", Name: "Nerys", Password: "fifteen letters", Language: "en", Role: store.RoleUser}
	for _, wrong := range []struct {
		field  string
		change func(*NewUser)
	}{
		{FieldEmail, func(n *NewUser) { n.Email = "" }},
		{FieldName, func(n *NewUser) { n.Name = "" }},
		{FieldName, func(n *NewUser) { n.Name = "a\r\nBcc: b@hospital.example" }},
		{FieldLanguage, func(n *NewUser) { n.Language = "" }},
		{FieldLanguage, func(n *NewUser) { n.Language = "fr" }},
		{FieldPassword, func(n *NewUser) { n.Password = "" }},
		{FieldPassword, func(n *NewUser) { n.Password = "fourteen chars" }},
		{FieldPassword, func(n *NewUser) { n.Password = strings.Repeat("x", 257) }},
		{FieldPassword, func(n *NewUser) { n.Password = strings.Repeat("\xff", 20) }},
	} {
		n := good
		wrong.change(&n)
		_, err := s.AddUser(t.Context(), n)
		if e := refused(t, err, CodeFieldInvalid); e.Field != wrong.field {
			t.Errorf("%+v: %v", n, err)
		}
		if n.Password != "" && strings.Contains(err.Error(), n.Password) {
			t.Errorf("the error tells the password: %v", err)
		}
	}
	_, err := s.AddUser(t.Context(), good)
	check(t, err)
}

func TestAPersonChoosesTheLanguageOfTheirMails(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	token, _ := s.ann()
	wants(t, refused(t, s.SetLanguage(t.Context(), token, "fr"), CodeFieldInvalid).Field, FieldLanguage)
	check(t, s.SetLanguage(t.Context(), token, "en"))
	s.register(token, "Blue card", identity(t, "111122223333", 1))
	wants(t, s.mails()[0].Subject, "A card was registered to your account at Mercy Hospital")
}
