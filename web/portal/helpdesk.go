package portal

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/cardea-agent/cardea/web/portal/accounts"
	"github.com/cardea-agent/cardea/web/portal/store"
	"github.com/cardea-agent/cardea/web/portal/texts"
)

func (p *portal) helpdeskRoutes(mux *http.ServeMux) {
	desk := page{name: "helpdesk", data: p.helpdesk}
	mux.HandleFunc("GET /helpdesk", p.show(desk))
	mux.HandleFunc("POST /helpdesk/remove", p.form(desk, p.removeCardFor))
	mux.HandleFunc("POST /helpdesk/status", p.form(desk, p.setStatus))
	mux.HandleFunc("POST /helpdesk/password", p.form(desk, p.setPasswordFor))
	create := page{name: "helpdesk-new", data: p.newUser}
	mux.HandleFunc("GET /helpdesk/new", p.show(create))
	mux.HandleFunc("POST /helpdesk/new", p.form(create, p.createUser))
	mux.HandleFunc("GET /helpdesk/trail", p.show(page{name: "helpdesk-trail", data: p.trail}))
}

// forHelpdesk refuses everybody else before a page shows anything. What changes
// something is refused by package accounts.
func forHelpdesk(v *visit) error {
	if !v.Helpdesk() {
		return refusal{code(accounts.CodeNotAllowed)}
	}
	return nil
}

// helpdeskView is the search, and who was found.
type helpdeskView struct {
	Email     string // that is looked up; empty before
	Problem   *problem
	Found     *accounts.Found // nil if nobody
	Cards     []cardView
	Self      bool // it is their own account
	Confirmed bool // they may change something
	Done      string
}

// helpdesk looks a user up. Each time it is shown is a line of the audit trail,
// also by a reload: somebody saw the page.
func (p *portal) helpdesk(r *http.Request, v *visit) (any, error) {
	if err := forHelpdesk(v); err != nil {
		return nil, err
	}
	out := helpdeskView{Email: r.FormValue("email"), Confirmed: p.confirmed(v) == nil, Done: done(r, v)}
	if out.Email == "" {
		return out, nil
	}
	found, err := p.Accounts.LookUp(r.Context(), v.Token, out.Email)
	switch accounts.CodeOf(err) {
	case accounts.CodeUserNotFound, accounts.CodeFieldInvalid:
		out.Problem, err = p.problem(v, err), nil
	default:
		out.Found, out.Cards, out.Self = &found, p.cardViews(v, found.Cards), found.User.ID == v.Session.User.ID
	}
	return out, err
}

// userPage is where a user is shown, and what was done about them.
func userPage(email, done string) string {
	return "/helpdesk?" + url.Values{"email": {email}, "done": {done}}.Encode()
}

func (p *portal) removeCardFor(_ http.ResponseWriter, r *http.Request, v *visit) (string, error) {
	err := p.Accounts.RemoveCardFor(r.Context(), v.Token, cardID(r.PostFormValue("card")), r.PostFormValue("reason"))
	return userPage(r.PostFormValue("email"), "cardRemovedFor"), err
}

func (p *portal) setStatus(_ http.ResponseWriter, r *http.Request, v *visit) (string, error) {
	status, did := store.Active, "madeActive"
	if r.PostFormValue("status") != string(store.Active) {
		status, did = store.Inactive, "madeInactive"
	}
	err := p.Accounts.SetStatus(r.Context(), v.Token, userID(r.PostFormValue("user")), status, r.PostFormValue("reason"))
	return userPage(r.PostFormValue("email"), did), err
}

func (p *portal) setPasswordFor(_ http.ResponseWriter, r *http.Request, v *visit) (string, error) {
	err := p.Accounts.SetPasswordFor(r.Context(), v.Token, userID(r.PostFormValue("user")), r.PostFormValue("password"), r.PostFormValue("reason"))
	return userPage(r.PostFormValue("email"), "passwordSet"), err
}

// userID is zero, which no user has, if the text is no number.
func userID(text string) store.UserID {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0
	}
	return store.UserID(id)
}

// newUser is the form for an account. It asks who the person is before they type
// anything that would be lost by asking later.
func (p *portal) newUser(_ *http.Request, v *visit) (any, error) {
	if err := forHelpdesk(v); err != nil {
		return nil, err
	}
	return nil, p.confirmed(v)
}

func (p *portal) createUser(_ http.ResponseWriter, r *http.Request, v *visit) (string, error) {
	email := r.PostFormValue("email")
	_, err := p.Accounts.CreateUser(r.Context(), v.Token, accounts.NewUser{
		Email: email, Name: r.PostFormValue("name"), Password: r.PostFormValue("password"),
		Language: r.PostFormValue("language"), Role: store.RoleUser,
	})
	return userPage(email, "userCreated"), err
}

// linesOnPage is the most that Accounts.Trail returns.
const linesOnPage = 100

// trailView is a page of what a user did and what was done about them.
type trailView struct {
	User    store.UserID
	Email   string
	Lines   []trailLine
	First   bool  // the latest of all are here
	Earlier int64 // where the next page begins; zero if there is none
}

// trailLine is a line of the audit trail in words. Actor and Subject are those
// who are not the user themselves; empty if nobody else.
type trailLine struct {
	store.Line
	Text           string
	Actor, Subject string
}

func (p *portal) trail(r *http.Request, v *visit) (any, error) {
	out := trailView{User: userID(r.FormValue("user"))}
	before, err := strconv.ParseInt(r.FormValue("before"), 10, 64)
	out.First = err != nil || before <= 0
	if out.First {
		before = 0
	}
	lines, err := p.Accounts.Trail(r.Context(), v.Token, out.User, before)
	if err != nil {
		return nil, err
	}
	if len(lines) == 0 && out.First { // an account begins with a line
		return nil, refusal{code(accounts.CodeUserNotFound)}
	}
	if len(lines) == linesOnPage {
		out.Earlier = lines[len(lines)-1].ID
	}
	for _, l := range lines {
		if l.Subject == out.User {
			out.Email = l.SubjectEmail
		} else {
			out.Email = l.ActorEmail
		}
		out.Lines = append(out.Lines, trailLine{
			l, p.inWords(v.Texts, l), other(v.Texts, out.User, l.Actor, l.ActorEmail), other(v.Texts, out.User, l.Subject, l.SubjectEmail),
		})
	}
	return out, nil
}

// other names somebody, unless it is the user whose trail it is, or nobody.
func other(t texts.Texts, user, who store.UserID, email string) string {
	switch {
	case who == 0 || who == user:
		return ""
	case email == "":
		return word(t, "trail.gone")
	}
	return email
}

// inWords says what a line is about. Some actions have a text for each way they
// went.
func (p *portal) inWords(t texts.Texts, l store.Line) string {
	key := "trail." + l.Action
	switch {
	case l.Details["by"] != "":
		key += "." + l.Details["by"]
	case l.Details["status"] != "":
		key += "." + l.Details["status"]
	case (l.Action == accounts.ActionCardRemoved || l.Action == accounts.ActionPasswordChanged) && l.Details["reason"] != "":
		key += ".byHelpdesk"
	}
	var values []any
	for name, value := range l.Details {
		if subject := "mail." + value + ".subject"; name == "mail" && t.Has(subject) {
			value, _ = t.T(subject, "site", p.Title)
		}
		values = append(values, name, value)
	}
	text, err := t.T(key, values...)
	if err != nil {
		return l.Action // of a newer program
	}
	return text
}
