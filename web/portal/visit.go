package portal

import (
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/cardea-agent/cardea/web/portal/accounts"
	"github.com/cardea-agent/cardea/web/portal/store"
	"github.com/cardea-agent/cardea/web/portal/texts"
)

// The cookies. The first two are secrets of one browser that its scripts cannot
// read.
const (
	cookieSession  = "cardea-portal"
	cookieAttempt  = "cardea-attempt" // names the open challenge
	cookieLanguage = "cardea-language"
)

// visit is one request: whose it is, and in which language.
type visit struct {
	Token    string // of the session; empty if there is none
	SignedIn bool
	Session  accounts.Session // when SignedIn
	Texts    texts.Texts
	From     netip.Addr
}

// ByCard reports whether a card began the session, so that its pages lock.
func (v *visit) ByCard() bool { return v.SignedIn && v.Session.Certificate != nil }

// Helpdesk reports whether the person may see the helpdesk's pages.
func (v *visit) Helpdesk() bool {
	return v.SignedIn && !v.Session.Locked && v.Session.User.Role == store.RoleHelpdesk
}

// begin finds out whose request it is. A session that has ended is none; any
// other error is the site's own trouble.
func (p *portal) begin(r *http.Request) (*visit, error) {
	v := &visit{Token: p.cookie(r, cookieSession), From: p.ClientAddress(r)}
	var err error
	if v.Token != "" {
		v.Session, err = p.Accounts.Session(r.Context(), v.Token)
		switch accounts.CodeOf(err) {
		case accounts.CodeSignedOut, accounts.CodeSessionExpired, accounts.CodeAccountInactive:
			err = nil
		default:
			v.SignedIn = err == nil
		}
	}
	v.Texts = p.texts[p.language(r, v)]
	if err == nil && v.SignedIn && !v.Session.Locked {
		err = p.Accounts.Touch(r.Context(), v.Token)
	}
	return v, err
}

// language is what the person chose here, else what their account says, else
// what the browser asks for.
func (p *portal) language(r *http.Request, v *visit) texts.Language {
	chosen := texts.Language(p.cookie(r, cookieLanguage))
	if slices.Contains(texts.Languages, chosen) {
		return chosen
	}
	if v.SignedIn && slices.Contains(texts.Languages, texts.Language(v.Session.User.Language)) {
		return texts.Language(v.Session.User.Language)
	}
	return texts.Match(r.Header.Get("Accept-Language"))
}

// setLanguage is the language switch, which every page has.
func (p *portal) setLanguage(w http.ResponseWriter, r *http.Request) {
	chosen := texts.Language(r.PostFormValue("language"))
	if slices.Contains(texts.Languages, chosen) {
		p.setCookie(w, cookieLanguage, string(chosen))
		if token := p.cookie(r, cookieSession); token != "" {
			// It is about mails. Who is signed out or locked keeps the old one.
			if err := p.Accounts.SetLanguage(r.Context(), token, string(chosen)); accounts.CodeOf(err) == accounts.CodeInternal && err != nil {
				p.Log.Error("the language cannot be kept", "reason", err)
			}
		}
	}
	http.Redirect(w, r, localPath(r.PostFormValue("then")), http.StatusSeeOther)
}

// localPath is where a person wanted to go, if that is a page of this site, or
// else the home page.
func localPath(path string) string {
	u, err := url.Parse(path)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, "//") || strings.Contains(path, `\`) {
		return "/home"
	}
	return u.RequestURI()
}

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

// remoteAddress is who is at the other end of the connection.
func remoteAddress(r *http.Request) netip.Addr {
	address, _ := netip.ParseAddrPort(r.RemoteAddr) // one that is none is the zero address
	return address.Addr().Unmap()
}
