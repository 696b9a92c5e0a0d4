package portal

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/cardea-agent/cardea/agent/protocol"
	"github.com/cardea-agent/cardea/web/portal/accounts"
	"github.com/cardea-agent/cardea/web/verify"
)

// The longest bodies: a token and what the page sends around it, and a form.
const (
	maxBody = verify.MaxTokenSize + 1024
	maxForm = 16 << 10
)

// maxAgentSession is the longest name that an agent gives a session.
const maxAgentSession = 128

func (p *portal) signInRoutes(mux *http.ServeMux) {
	signIn := page{name: "signin", open: true, data: func(r *http.Request, _ *visit) (any, error) {
		then := localPath(r.FormValue("then"))
		return signInView{Then: then, Registers: strings.HasPrefix(then, "/register")}, nil
	}}
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		if v, err := p.begin(r); err == nil && v.SignedIn {
			http.Redirect(w, r, "/home", http.StatusSeeOther)
			return
		}
		p.show(signIn)(w, r)
	})
	mux.HandleFunc("POST /sign-in", p.form(signIn, p.signInByPassword))
	mux.HandleFunc("POST /sign-out", p.signOut)
	mux.HandleFunc("POST /challenge", p.challenge)
	mux.HandleFunc("POST /login", p.login)
	mux.HandleFunc("POST /lock", p.lock)
	mux.HandleFunc("POST /resume", p.resume)
	mux.HandleFunc("POST /logout", p.logout)
}

type signInView struct {
	Then      string // where to go after it
	Registers bool   // it is the first step of a registration
}

// signInByPassword begins a session under a new token, whatever the browser had
// before.
func (p *portal) signInByPassword(w http.ResponseWriter, r *http.Request, v *visit) (string, error) {
	from := accounts.Browser{From: v.From, Session: v.Token}
	token, err := p.Accounts.SignIn(r.Context(), from, r.PostFormValue("email"), r.PostFormValue("password"))
	if err != nil {
		return "", err
	}
	p.setCookie(w, cookieSession, token)
	return localPath(r.PostFormValue("then")), nil
}

// signOut is for pages without a script at work. That of a card's session tells
// the agent too, and uses logout.
func (p *portal) signOut(w http.ResponseWriter, r *http.Request) {
	if err := p.Accounts.End(r.Context(), p.cookie(r, cookieSession)); err != nil {
		p.fail(w, r, nil, err)
		return
	}
	p.setCookie(w, cookieSession, "")
	http.Redirect(w, r, "/?ended=signedOut", http.StatusSeeOther)
}

// proof is what a page sends: the agent's token, and with a sign-in the agent's
// name for the session that it began.
type proof struct {
	Token   json.RawMessage `json:"token"`
	Session string          `json:"session"`
}

// challenge gives the nonce for one signature of a card in this browser.
func (p *portal) challenge(w http.ResponseWriter, r *http.Request) {
	attempt := rand.Text()
	nonce, err := p.Verifier.Challenge(r.Context(), attempt)
	if err != nil {
		p.refuse(w, err)
		return
	}
	p.setCookie(w, cookieAttempt, attempt)
	answer(w, http.StatusOK, map[string]string{"nonce": nonce})
}

// login begins a session by card under a new token, whatever the browser had
// before.
func (p *portal) login(w http.ResponseWriter, r *http.Request) {
	who, session, err := p.verified(w, r)
	if err != nil {
		p.refuse(w, err)
		return
	}
	from := accounts.Browser{From: p.ClientAddress(r), Session: p.cookie(r, cookieSession)}
	token, err := p.Accounts.SignInByCard(r.Context(), from, who, session)
	if err != nil {
		p.refuse(w, err)
		return
	}
	p.setCookie(w, cookieSession, token)
	answer(w, http.StatusOK, struct{}{})
}

// resume unlocks a session when the certificate that began it has signed again.
func (p *portal) resume(w http.ResponseWriter, r *http.Request) {
	sent, attempt, err := p.receive(w, r)
	token := p.cookie(r, cookieSession)
	var session accounts.Session
	if err == nil {
		session, err = p.Accounts.Session(r.Context(), token)
	}
	if err == nil && session.Certificate == nil {
		err = refusal{code(accounts.CodeNotAllowed)} // a password began it
	}
	var who verify.Identity
	if err == nil {
		who, err = p.Verifier.Resume(r.Context(), attempt, sent.Token, session.Previous())
	}
	if err == nil {
		err = p.Accounts.Resume(r.Context(), token, who)
	}
	p.done(w, err)
}

// lock keeps the session's pages back. The page asks for it when its card is
// taken out.
func (p *portal) lock(w http.ResponseWriter, r *http.Request) {
	err := p.own(w, r)
	if err == nil {
		err = p.Accounts.Lock(r.Context(), p.cookie(r, cookieSession))
	}
	p.done(w, err)
}

func (p *portal) logout(w http.ResponseWriter, r *http.Request) {
	err := p.own(w, r)
	if err == nil {
		err = p.Accounts.End(r.Context(), p.cookie(r, cookieSession))
	}
	if err == nil {
		p.setCookie(w, cookieSession, "")
	}
	if codeOf(err) == codeSignedOut {
		err = nil
	}
	p.done(w, err)
}

// own is an error unless the page belongs to the browser's session. A page that
// slept in the background since an earlier session must not end this one.
func (p *portal) own(w http.ResponseWriter, r *http.Request) error {
	var sent proof
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&sent); err != nil {
		return refusal{codeTokenMalformed}
	}
	s, err := p.Accounts.Session(r.Context(), p.cookie(r, cookieSession))
	if err == nil && sent.Session != s.AgentSession {
		err = refusal{codeSignedOut}
	}
	return err
}

// receive reads a proof and the challenge that it answers, and forgets the
// browser's side of that challenge: the verifier takes it once.
func (p *portal) receive(w http.ResponseWriter, r *http.Request) (sent proof, attempt string, err error) {
	attempt = p.cookie(r, cookieAttempt)
	if attempt == "" {
		return proof{}, "", refusal{codeNonceUnknown}
	}
	p.setCookie(w, cookieAttempt, "")
	err = json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&sent)
	if err != nil || len(sent.Session) > maxAgentSession {
		return proof{}, "", refusal{codeTokenMalformed}
	}
	return sent, attempt, nil
}

// verified returns whose card signed, whoever that is.
func (p *portal) verified(w http.ResponseWriter, r *http.Request) (who verify.Identity, session string, err error) {
	sent, attempt, err := p.receive(w, r)
	if err != nil {
		return verify.Identity{}, "", err
	}
	who, err = p.Verifier.Verify(r.Context(), attempt, sent.Token)
	return who, sent.Session, err
}

// done answers a page's script.
func (p *portal) done(w http.ResponseWriter, err error) {
	if err != nil {
		p.refuse(w, err)
		return
	}
	answer(w, http.StatusOK, struct{}{})
}

// refuse tells a page's script the code and who can help, and the log the cause.
func (p *portal) refuse(w http.ResponseWriter, err error) {
	c := codeOf(err)
	p.Log.Info("a request was refused", "code", string(c), "reason", err)
	setRetryAfter(w, err)
	answer(w, statusOf(err), struct {
		Code code         `json:"code"`
		Who  protocol.Who `json:"who"`
	}{c, whoHelps[c]})
}

func answer(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value)
}
