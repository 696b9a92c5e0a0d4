package portal

import (
	"crypto/rand"
	"encoding/json"
	"net/http"

	"github.com/cardea-agent/cardea/web/verify"
)

// codeSignedOut is the portal's own code beside those of package verify: the
// browser has no session, or no longer.
const codeSignedOut verify.Code = "signedOut"

// maxBody is a token and what the page sends around it.
const maxBody = verify.MaxTokenSize + 1024

// The cookies. Both are secrets of one browser that its scripts cannot read.
const (
	cookieSession = "cardea-portal"
	cookieAttempt = "cardea-attempt" // names the open challenge
)

// cookieName binds the cookie to this host where the browser can (RFC 6265bis,
// section 4.1.3.2): over https.
func (p *portal) cookieName(name string) string {
	if p.secure {
		return "__Host-" + name
	}
	return name
}

// setCookie sets a cookie until the browser closes, or deletes it if value is
// empty.
func (p *portal) setCookie(w http.ResponseWriter, name, value string) {
	c := &http.Cookie{
		Name: p.cookieName(name), Value: value, Path: "/",
		Secure: p.secure, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

func (p *portal) cookie(r *http.Request, name string) string {
	c, err := r.Cookie(p.cookieName(name))
	if err != nil {
		return ""
	}
	return c.Value
}

func (p *portal) session(r *http.Request) (session, bool) {
	return p.sessions.get(p.cookie(r, cookieSession))
}

// proof is what the page sends: the agent's token, and with a sign-in the
// agent's name for the session that it began.
type proof struct {
	Token   json.RawMessage `json:"token"`
	Session string          `json:"session"`
}

// challenge gives the nonce for one sign-in or resumption of this browser.
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

// login begins a session under a new key, whatever the browser had before.
func (p *portal) login(w http.ResponseWriter, r *http.Request) {
	sent, attempt, ok := p.receive(w, r)
	if !ok {
		return
	}
	if len(sent.Session) > 128 {
		refuseCode(w, http.StatusBadRequest, verify.CodeTokenMalformed)
		return
	}
	who, err := p.Verifier.Verify(r.Context(), attempt, sent.Token)
	if err != nil {
		p.refuse(w, err)
		return
	}
	p.sessions.end(p.cookie(r, cookieSession))
	p.setCookie(w, cookieSession, p.sessions.begin(who, sent.Session))
	answer(w, http.StatusOK, struct{}{})
}

// resume unlocks a session when the certificate that began it has signed again.
func (p *portal) resume(w http.ResponseWriter, r *http.Request) {
	sent, attempt, ok := p.receive(w, r)
	if !ok {
		return
	}
	s, ok := p.session(r)
	if !ok {
		refuseCode(w, http.StatusUnauthorized, codeSignedOut)
		return
	}
	if _, err := p.Verifier.Resume(r.Context(), attempt, sent.Token, s.who); err != nil {
		p.refuse(w, err)
		return
	}
	p.setLocked(w, r, false)
}

// lock keeps the session's pages back. The page asks for it when its card is
// taken out.
func (p *portal) lock(w http.ResponseWriter, r *http.Request) {
	if !p.own(w, r) {
		refuseCode(w, http.StatusUnauthorized, codeSignedOut)
		return
	}
	p.setLocked(w, r, true)
}

func (p *portal) setLocked(w http.ResponseWriter, r *http.Request, locked bool) {
	if !p.sessions.setLocked(p.cookie(r, cookieSession), locked) {
		refuseCode(w, http.StatusUnauthorized, codeSignedOut)
		return
	}
	answer(w, http.StatusOK, struct{}{})
}

func (p *portal) logout(w http.ResponseWriter, r *http.Request) {
	if p.own(w, r) {
		p.sessions.end(p.cookie(r, cookieSession))
		p.setCookie(w, cookieSession, "")
	}
	answer(w, http.StatusOK, struct{}{})
}

// own reports whether the page belongs to the browser's session. A page that
// slept in the background since an earlier session must not end this one.
func (p *portal) own(w http.ResponseWriter, r *http.Request) bool {
	var sent proof
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&sent)
	s, ok := p.session(r)
	return err == nil && ok && sent.Session == s.agentSession
}

// receive reads a proof and the challenge that it answers, and forgets the
// browser's side of that challenge: the verifier takes it once.
func (p *portal) receive(w http.ResponseWriter, r *http.Request) (sent proof, attempt string, ok bool) {
	attempt = p.cookie(r, cookieAttempt)
	if attempt == "" {
		refuseCode(w, http.StatusForbidden, verify.CodeNonceUnknown)
		return proof{}, "", false
	}
	p.setCookie(w, cookieAttempt, "")
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&sent); err != nil {
		refuseCode(w, http.StatusBadRequest, verify.CodeTokenMalformed)
		return proof{}, "", false
	}
	return sent, attempt, true
}

// refuse tells the page the code and the log the cause.
func (p *portal) refuse(w http.ResponseWriter, err error) {
	code, status := verify.CodeOf(err), http.StatusForbidden
	if code == verify.CodeInternal {
		status = http.StatusInternalServerError
	}
	p.Log.Info("a sign-in was refused", "code", string(code), "reason", err)
	refuseCode(w, status, code)
}

func refuseCode(w http.ResponseWriter, status int, code verify.Code) {
	answer(w, status, map[string]verify.Code{"code": code})
}

func answer(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value)
}
