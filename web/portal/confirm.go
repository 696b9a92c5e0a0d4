package portal

import (
	"net/http"
	"net/url"

	"github.com/cardea-agent/cardea/web/portal/accounts"
)

// confirmRoutes is the page where a person shows once more who they are, before
// something about cards and accounts changes.
func (p *portal) confirmRoutes(mux *http.ServeMux) {
	confirm := page{name: "confirm", data: func(r *http.Request, _ *visit) (any, error) {
		return confirmView{Then: localPath(r.FormValue("then"))}, nil
	}}
	mux.HandleFunc("GET /confirm", p.show(confirm))
	mux.HandleFunc("POST /confirm", p.form(confirm, p.confirmByPassword))
	mux.HandleFunc("POST /confirm/card", p.confirmByCard)
}

type confirmView struct {
	Then string // where to go after it
}

// confirmed refuses what needs a fresh proof, as package accounts will.
func (p *portal) confirmed(v *visit) error {
	if p.Accounts.Clock().After(v.Session.FreshUntil) {
		return refusal{code(accounts.CodeReauthenticationNeeded)}
	}
	return nil
}

// toConfirm asks for the proof, and leads back to the page after it.
func (p *portal) toConfirm(w http.ResponseWriter, r *http.Request) {
	then := r.URL.RequestURI()
	if r.Method != http.MethodGet {
		then = localPath(r.PostFormValue("here"))
	}
	http.Redirect(w, r, "/confirm?then="+url.QueryEscape(then), http.StatusSeeOther)
}

func (p *portal) confirmByPassword(_ http.ResponseWriter, r *http.Request, v *visit) (string, error) {
	err := p.Accounts.Reauthenticate(r.Context(), v.Token, r.PostFormValue("password"), v.From)
	return localPath(r.PostFormValue("then")), err
}

// confirmByCard takes any card of the person's own. The session stays with the
// card that began it.
func (p *portal) confirmByCard(w http.ResponseWriter, r *http.Request) {
	who, _, err := p.verified(w, r)
	if err == nil {
		err = p.Accounts.ReauthenticateByCard(r.Context(), p.cookie(r, cookieSession), who)
	}
	p.done(w, err)
}
