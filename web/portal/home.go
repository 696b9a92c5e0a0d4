package portal

import (
	"net/http"

	"github.com/cardea-agent/cardea/web/portal/store"
)

func (p *portal) homeRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /home", p.show(page{name: "home", data: p.home}))
	mux.HandleFunc("GET /notes", p.show(page{name: "notes"}))
	policy := page{name: "policy", data: p.policy}
	mux.HandleFunc("GET /policy", p.show(policy))
	password := page{name: "password", data: p.password}
	mux.HandleFunc("GET /password", p.show(password))
	mux.HandleFunc("POST /password", p.form(password, p.changePassword))
	mux.HandleFunc("POST /policy", p.form(policy, p.acceptPolicy))
}

// home is the first page behind the sign-in: who it is, and what there is to do.
func (p *portal) home(r *http.Request, v *visit) (any, error) {
	cards, err := p.Accounts.Cards(r.Context(), v.Token)
	return struct{ Cards []store.Card }{cards}, err
}

// password is where a person chooses another one. It asks who they are before
// they type it.
func (p *portal) password(r *http.Request, v *visit) (any, error) {
	return struct{ Done string }{done(r, v)}, p.confirmed(v)
}

func (p *portal) changePassword(_ http.ResponseWriter, r *http.Request, v *visit) (string, error) {
	err := p.Accounts.ChangePassword(r.Context(), v.Token, r.PostFormValue("password"))
	return "/password?done=passwordChanged", err
}

// policyView is the acceptable-use policy, for reading and for accepting.
type policyView struct {
	Version  string
	Accepted bool
	Then     string // where to go after it
}

func (p *portal) policy(r *http.Request, v *visit) (any, error) {
	return policyView{p.Accounts.Policy, v.Session.PolicyAccepted, localPath(r.FormValue("then"))}, nil
}

func (p *portal) acceptPolicy(_ http.ResponseWriter, r *http.Request, v *visit) (string, error) {
	if err := p.Accounts.AcceptPolicy(r.Context(), v.Token, r.PostFormValue("version")); err != nil {
		return "", err
	}
	return localPath(r.PostFormValue("then")), nil
}
