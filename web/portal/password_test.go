package portal_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/web/portal/store"
)

const another = "six red foxes run by"

func TestAPersonChoosesAnotherPassword(t *testing.T) {
	s := newSite(t)
	email := s.addUser("Anna Example", store.RoleUser)
	s.signInByPassword(email)
	answer, text := s.do("GET", "/home", "")
	s.wants(answer, text, http.StatusOK, `href="/password"`)
	answer, text = s.submit("/password", "here", "/password", "password", "12345678")
	s.wants(answer, text, http.StatusUnprocessableEntity, `data-code="fieldInvalid"`, "data-invalid", `!12345678`)
	answer, _ = s.submit("/password", "here", "/password", "password", another)
	s.leads(answer, "/password?done=passwordChanged")
	answer, text = s.do("GET", "/password?done=passwordChanged", "")
	s.wants(answer, text, http.StatusOK, `id="done"`, "Your password was changed.", "!"+another)
	s.pass(6 * time.Minute)
	for _, method := range []string{"GET", "POST"} {
		if answer, _ = s.do("GET", "/password", ""); method == "POST" {
			answer, _ = s.submit("/password", "here", "/password", "password", another)
		}
		s.leads(answer, "/confirm?then=%2Fpassword")
	}
	s.browser = s.newBrowser()
	answer, text = s.submit("/sign-in", "email", email, "password", password)
	s.wants(answer, text, http.StatusForbidden, `data-code="credentialsWrong"`)
	answer, _ = s.submit("/sign-in", "email", email, "password", another)
	s.leads(answer, "/home")
}

func TestTheHelpdeskGivesAnotherPassword(t *testing.T) {
	s := desk(t)
	user := s.userOf(annas)
	answer, text := s.do("GET", annasQ, "")
	s.wants(answer, text, http.StatusOK, `id="set-password"`)
	form := []string{"here", annasQ, "email", annas, "user", user, "forgotten", "yes"}
	answer, text = s.submit("/helpdesk/password", append(form, "password", "short", "reason", "Forgotten")...)
	s.wants(answer, text, http.StatusUnprocessableEntity, `data-code="fieldInvalid"`, "<details open>", `value="Forgotten"`, "Anna Example")
	answer, _ = s.submit("/helpdesk/password", append(form, "password", another, "reason", "Forgotten")...)
	s.leads(answer, "/helpdesk?done=passwordSet&email=anna.example%40hospital.example")
	answer, text = s.do("GET", "/helpdesk/trail?user="+user, "")
	s.wants(answer, text, http.StatusOK, "The helpdesk gave the account another password: Forgotten", "!"+another)
	// Their own has no such form, nor has a colleague's.
	answer, text = s.do("GET", "/helpdesk?email=desk.example%40hospital.example", "")
	s.wants(answer, text, http.StatusOK, `id="found"`, `!id="set-password"`)
	s.browser = s.newBrowser()
	answer, _ = s.submit("/sign-in", "email", annas, "password", another)
	s.leads(answer, "/home")
}
