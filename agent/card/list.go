package card

import (
	_ "embed"
	"sync"

	"github.com/cardea-agent/cardea/agent/card/cards"
)

//go:embed cards.toml
var shippedText []byte

// ShippedList is the list of cards that is part of the program.
var ShippedList = sync.OnceValue(func() *cards.List {
	list, err := cards.Parse(shippedText)
	if err != nil {
		panic("card: cards.toml: " + err.Error()) // the tests read it too
	}
	return list
})
