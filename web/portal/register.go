package portal

import (
	"net/http"

	"github.com/cardea-agent/cardea/web/portal/accounts"
	"github.com/cardea-agent/cardea/web/portal/store"
)

// registerRoutes are the pages on which a card is registered to an account, in
// three steps: to sign in, to choose a name for the card, and to insert it and
// type its PIN. Where somebody stands is kept, so that they can go on another
// time and on another computer.
func (p *portal) registerRoutes(mux *http.ServeMux) {
	register := page{name: "register", data: p.registration}
	mux.HandleFunc("GET /register", p.show(register))
	mux.HandleFunc("POST /register/choose", p.form(register, p.chooseCard))
	mux.HandleFunc("POST /register/cancel", p.form(register, p.cancelRegistration))
	mux.HandleFunc("POST /register/check", p.checkRegistration)
	mux.HandleFunc("POST /register/finish", p.finishRegistration)
	mux.HandleFunc("GET /registered", p.show(page{name: "registered"}))
}

// registrationView is what the page of a registration shows.
type registrationView struct {
	Checks []accounts.Check
	Name   string // of the card; empty before it is chosen
	Insert bool   // the third step, else the second
}

func (p *portal) registration(r *http.Request, v *visit) (any, error) {
	checks, err := p.Accounts.Prerequisites(r.Context(), v.Token)
	if err != nil {
		return nil, err
	}
	shown := registrationView{Checks: checks}
	under, err := p.Accounts.Registration(r.Context(), v.Token)
	switch accounts.CodeOf(err) {
	case accounts.CodeRegistrationNotFound, accounts.CodeRegistrationExpired:
		return shown, nil // the second step begins one
	}
	if err != nil {
		return nil, err
	}
	shown.Name = under.Name
	shown.Insert = under.Step == store.StepInsert && r.URL.Query().Get("step") != "name"
	return shown, nil
}

// chooseCard is the second step. It begins the registration, or takes up the one
// that is under way.
func (p *portal) chooseCard(_ http.ResponseWriter, r *http.Request, v *visit) (string, error) {
	_, err := p.Accounts.BeginRegistration(r.Context(), v.Token)
	if err == nil {
		_, err = p.Accounts.ChooseCard(r.Context(), v.Token, r.PostFormValue("name"))
	}
	return "/register", err
}

func (p *portal) cancelRegistration(_ http.ResponseWriter, r *http.Request, v *visit) (string, error) {
	return "/cards", p.Accounts.CancelRegistration(r.Context(), v.Token)
}

// checkRegistration is asked before the agent is: nobody types a PIN for a
// registration that would be refused.
func (p *portal) checkRegistration(w http.ResponseWriter, r *http.Request) {
	p.done(w, p.Accounts.CheckRegistration(r.Context(), p.cookie(r, cookieSession)))
}

// finishRegistration is the third step. A session that a password began goes on
// as one of the card, so that its pages lock from now on.
func (p *portal) finishRegistration(w http.ResponseWriter, r *http.Request) {
	entered := false
	who, session, err := p.verified(w, r)
	token := p.cookie(r, cookieSession)
	if err == nil {
		_, err = p.Accounts.FinishRegistration(r.Context(), token, who)
	}
	var now accounts.Session
	if err == nil {
		now, err = p.Accounts.Session(r.Context(), token)
	}
	if err == nil && now.Certificate == nil {
		from := accounts.Browser{From: p.ClientAddress(r), Session: token}
		if token, err = p.Accounts.SignInByCard(r.Context(), from, who, session); err == nil {
			p.setCookie(w, cookieSession, token)
			entered = true
		}
	}
	if err != nil {
		p.refuse(w, err)
		return
	}
	answer(w, http.StatusOK, map[string]bool{"entered": entered})
}
