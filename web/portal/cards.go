package portal

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/cardea-agent/cardea/web/portal/accounts"
	"github.com/cardea-agent/cardea/web/portal/store"
)

func (p *portal) cardsRoutes(mux *http.ServeMux) {
	cards, card := page{name: "cards", data: p.cards}, page{name: "card", data: p.card}
	mux.HandleFunc("GET /cards", p.show(cards))
	mux.HandleFunc("POST /cards/sign-out-everywhere", p.form(cards, p.signOutEverywhere))
	mux.HandleFunc("GET /cards/{id}", p.show(card))
	mux.HandleFunc("POST /cards/{id}/name", p.form(card, p.nameCard))
	mux.HandleFunc("POST /cards/{id}/remove", p.form(card, p.removeCard))
}

// cardView is a registered card on a page.
type cardView struct {
	store.Card
	Here     bool // it began this session
	Only     bool // its holder has no other
	Expired  bool
	DaysLeft int // until it expires, begun ones counted
}

func (p *portal) cardViews(v *visit, cards []store.Card) []cardView {
	var views []cardView
	for _, c := range cards {
		left := c.Expiry.Sub(p.Accounts.Clock())
		views = append(views, cardView{
			Card: c, Here: c.ID == v.Session.Card.ID, Only: len(cards) == 1,
			Expired: left <= 0, DaysLeft: int((left + 24*time.Hour - 1) / (24 * time.Hour)),
		})
	}
	return views
}

type cardsView struct {
	Done  string
	Cards []cardView
}

// cards lists the person's own.
func (p *portal) cards(r *http.Request, v *visit) (any, error) {
	cards, err := p.Accounts.Cards(r.Context(), v.Token)
	return cardsView{done(r, v), p.cardViews(v, cards)}, err
}

// card is where one is renamed and removed. It asks who the person is before
// they type anything that would be lost by asking later.
func (p *portal) card(r *http.Request, v *visit) (any, error) {
	if err := p.confirmed(v); err != nil {
		return nil, err
	}
	cards, err := p.Accounts.Cards(r.Context(), v.Token)
	if err != nil {
		return nil, err
	}
	views, id := p.cardViews(v, cards), cardID(r.PathValue("id"))
	i := slices.IndexFunc(views, func(c cardView) bool { return c.ID == id })
	if i < 0 {
		return nil, refusal{code(accounts.CodeCardNotFound)}
	}
	return views[i], nil
}

// cardID is zero, which no card has, if the text is no number.
func cardID(text string) store.CardID {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0
	}
	return store.CardID(id)
}

func (p *portal) nameCard(_ http.ResponseWriter, r *http.Request, v *visit) (string, error) {
	err := p.Accounts.NameCard(r.Context(), v.Token, cardID(r.PathValue("id")), r.PostFormValue("name"))
	return "/cards?done=cardNamed", err
}

// removeCard ends the session if the card began it.
func (p *portal) removeCard(w http.ResponseWriter, r *http.Request, v *visit) (string, error) {
	signedOut, err := p.Accounts.RemoveCard(r.Context(), v.Token, cardID(r.PathValue("id")))
	if err == nil && signedOut {
		p.setCookie(w, cookieSession, "")
		return "/?ended=ownCard", nil
	}
	return "/cards?done=cardRemoved", err
}

func (p *portal) signOutEverywhere(w http.ResponseWriter, r *http.Request, v *visit) (string, error) {
	if err := p.Accounts.EndAll(r.Context(), v.Token); err != nil {
		return "", err
	}
	p.setCookie(w, cookieSession, "")
	return "/?ended=everywhere", nil
}

// done says what the form before this page did; empty if there was none. The
// address names it, since the page is loaded anew.
func done(r *http.Request, v *visit) string {
	key := "done." + r.URL.Query().Get("done")
	if !v.Texts.Has(key) {
		return ""
	}
	return word(v.Texts, key)
}
