package portal

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/cardea-agent/cardea/agent/protocol"
)

// texts are the words of the pages in one language, by key. static/portal.js
// gets them too, so that there is one place for them: texts.en.json has
// those that are the portal's own. What an error means, who can help and what an
// administrator does about it is the protocol's table.
type texts map[string]string

// english returns the texts. It panics when they cannot be read, which a test
// would have seen.
func english() texts {
	t := texts{}
	if err := json.Unmarshal(must(files.ReadFile("texts.en.json")), &t); err != nil {
		panic(err)
	}
	for code, row := range protocol.Errors {
		t["error."+string(code)] = plain(row.Message)
		t["meaning."+string(code)] = plain(row.Meaning)
		t["fix."+string(code)] = plain(row.Fix)
	}
	return t
}

// plain takes the table's Markdown quotes away, and curls its apostrophes as
// the portal's own texts have them.
func plain(s string) string { return strings.NewReplacer("`", "", "'", "’").Replace(s) }

// page returns a text for a template.
func (t texts) page(key string) (string, error) {
	s, ok := t[key]
	if !ok {
		return "", fmt.Errorf("there is no text %q", key)
	}
	return s, nil
}

// script is the texts as a module for the pages' scripts.
func (t texts) script() []byte {
	b, err := json.Marshal(t) // escapes what HTML would take for markup
	if err != nil {
		panic(err)
	}
	return fmt.Appendf(nil, "export const texts = %s;\n", b)
}
