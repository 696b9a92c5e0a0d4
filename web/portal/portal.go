// Package portal is a sign-in site for smartcards, for an organisation to use
// or to read: people sign in with their card or with e-mail address and
// password, register their cards, see and remove them, and sign documents; the
// helpdesk helps.
//
// It shows how the pieces meet: web/client in the page, web/verify on the
// server, and sessions of the site's own in between. Its rooms are store, which
// keeps what must not be forgotten; accounts, which decides; texts, which has
// every word; this one, which is the pages; and server, the program that runs
// them from a file of settings. A page of its own tells for each
// error what happened, what to try and who can help.
//
// While the card is out the page is covered and the server keeps its pages to
// itself, until the same card has signed again. What was typed into a page
// stays in it meanwhile. A session that a password began has no card to lock by.
//
// A PIN never comes near it: the agent's own window asks for it. It never
// answers a request that another site's page made or that names another host,
// and never shows a locked page's owner.
//
// It is tested with tokens that the agent makes from virtual cards, and through
// browsers by the end-to-end tests.
package portal

import (
	"embed"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/cardea-agent/cardea/web/client"
	"github.com/cardea-agent/cardea/web/portal/accounts"
	"github.com/cardea-agent/cardea/web/portal/texts"
	"github.com/cardea-agent/cardea/web/verify"
)

// Config is what a portal is made of. Origin, AgentPort, Verifier and Accounts
// are required.
type Config struct {
	// Origin is the site's own, as browsers write it: https://signin.example.
	// The Verifier must accept it. http is for this computer only.
	Origin string
	// AgentPort is the port on which the agents of the site's users listen,
	// protocol.DefaultPort unless an administrator changed it.
	AgentPort int
	Verifier  *verify.Verifier
	Accounts  *accounts.Accounts
	// Title is the organisation's name, shown on every page.
	Title    string
	Contacts Contacts
	// ClientAddress is who sent a request; nil is the other end of the
	// connection. Behind a proxy it reads what the proxy says.
	ClientAddress func(*http.Request) netip.Addr
	// Log hears why something was refused. It never hears a token, a password or
	// what was typed. nil: nothing.
	Log *slog.Logger
}

// portal serves the pages.
type portal struct {
	Config
	secure  bool // the origin is https
	texts   map[texts.Language]texts.Texts
	pages   map[texts.Language]map[string]*template.Template
	limiter limiter
}

//go:embed static templates
var files embed.FS

// New returns the site. It panics when Origin is not an origin: that is a
// mistake in the calling program, and verify.New says what is wrong with it.
func New(c Config) http.Handler {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Title == "" {
		c.Title = "Cardea"
	}
	if c.ClientAddress == nil {
		c.ClientAddress = remoteAddress
	}
	all := texts.All()
	p := &portal{
		Config: c, secure: strings.HasPrefix(c.Origin, "https://"), texts: all, pages: parsePages(all),
		limiter: limiter{buckets: map[netip.Prefix]*rate.Limiter{}},
	}
	mux := http.NewServeMux()
	p.signInRoutes(mux)
	p.homeRoutes(mux)
	p.cardsRoutes(mux)
	p.documentsRoutes(mux)
	p.confirmRoutes(mux)
	p.helpdeskRoutes(mux)
	p.registerRoutes(mux)
	p.helpRoutes(mux)
	mux.HandleFunc("POST /language", p.setLanguage)
	p.assets(mux)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		v, err := p.begin(r)
		if err == nil {
			err = refusal{codePageNotFound}
		}
		p.fail(w, r, v, err)
	})
	return Guard(c.Origin, c.AgentPort, p.limit(mux))
}

// limit bounds the requests that change or cost something.
func (p *portal) limit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && !p.limiter.allow(p.ClientAddress(r), time.Now()) {
			w.Header().Set("Retry-After", "1")
			if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
				p.refuse(w, refusal{codeTooManyRequests})
			} else {
				p.fail(w, r, nil, refusal{codeTooManyRequests})
			}
			return
		}
		next.ServeHTTP(w, r)
	})
}

// assets serves scripts and styles, which are the same for everybody.
func (p *portal) assets(mux *http.ServeMux) {
	serve := func(name string, text []byte) {
		kind := "text/javascript; charset=utf-8"
		switch {
		case strings.HasSuffix(name, ".css"):
			kind = "text/css; charset=utf-8"
		case strings.HasSuffix(name, ".svg"):
			kind = "image/svg+xml"
		}
		mux.HandleFunc("GET /assets/"+name, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.Header().Set("Cache-Control", "no-cache")
			_, _ = w.Write(text)
		})
	}
	static, err := fs.Glob(files, "static/*")
	if err != nil {
		panic(err)
	}
	for _, path := range static {
		serve(strings.TrimPrefix(path, "static/"), must(files.ReadFile(path)))
	}
	serve("cardea.js", must(client.Dist.ReadFile("dist/cardea.js")))
	for l, t := range p.texts {
		serve("texts."+string(l)+".js", t.Script(p.contactLines()))
	}
}

// must is for what is embedded in the program.
func must(text []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return text
}
