package prompt

import (
	"time"

	"github.com/cardea-agent/cardea/agent/protocol"
	"github.com/cardea-agent/cardea/agent/signin"
)

// wireVersion is the version of the frames. Agent and tray are installed
// together, so it is named in hello for the log and compared by nobody yet.
const wireVersion = 1

// hello is the first frame of each end.
type hello struct {
	Protocol int    `json:"protocol"`
	Version  string `json:"version"`
}

// unsupported answers a frame whose kind is unknown.
type unsupported struct {
	Kind kind `json:"kind"`
}

// superseded tells a tray that a newer one took its place.
type superseded struct{}

// opening asks the tray to begin a dialog. ID numbers the answer that is
// awaited, here and in the messages below.
type opening struct {
	ID      uint64         `json:"id"`
	Dialog  uint64         `json:"dialog"`
	Origin  string         `json:"origin"`
	Purpose signin.Purpose `json:"purpose"`
	Items   int            `json:"items"`
	Holder  string         `json:"holder"`
	Reader  string         `json:"reader"`
	Lang    string         `json:"lang"`
}

// pinQuestion asks for a PIN in a dialog that is open; with askLastTry for the
// extra yes alone, and with showKeypad it says what is typed on the reader.
type pinQuestion struct {
	ID        uint64 `json:"id"`
	Dialog    uint64 `json:"dialog"`
	TriesLeft int    `json:"triesLeft"` // signin.TriesUnknown when the card does not tell
	Wrong     bool   `json:"wrong"`
	LastTry   bool   `json:"lastTry"`
}

// keyQuestion lets the person choose one of several keys.
type keyQuestion struct {
	ID     uint64      `json:"id"`
	Dialog uint64      `json:"dialog"`
	Keys   []keyChoice `json:"keys"`
}

// keyChoice is signin.KeyChoice on the wire.
type keyChoice struct {
	Holder string    `json:"holder"`
	Issuer string    `json:"issuer"`
	Expiry time.Time `json:"expiry"`
	Reader string    `json:"reader"`
}

// signingQuestion shows how many of Total documents are signed. The only answer
// is the person's no.
type signingQuestion struct {
	ID     uint64 `json:"id"`
	Dialog uint64 `json:"dialog"`
	Total  int    `json:"total"`
}

// signed tells the newest number.
type signed struct {
	Dialog uint64 `json:"dialog"`
	Count  int    `json:"count"`
}

// originQuestion asks whether a site that no administrator listed may ask for
// sign-ins. It is a dialog of its own, which closing ends. The only yes is
// allowed; failed with CodeCancelled is the person's no, with CodeBusy it was not
// shown, or not to the end.
type originQuestion struct {
	ID       uint64 `json:"id"`
	Dialog   uint64 `json:"dialog"`
	Origin   string `json:"origin"`
	Readable string `json:"readable"` // as people write it; the same where that could mislead
}

// closing ends a dialog and its window.
type closing struct {
	Dialog uint64 `json:"dialog"`
}

// answer is every answer of the tray. Its frame's kind says which of the
// fields beside ID has a meaning: Key with chosen, LastTry with pinFollows,
// Code with failed, none with opened and allowed.
type answer struct {
	ID      uint64      `json:"id"`
	Key     int         `json:"key,omitzero"`
	LastTry bool        `json:"lastTry,omitzero"`
	Code    signin.Code `json:"code,omitzero"`
}

// Status is what the tray shows of readers and cards. It is the form that a
// signin.Snapshot has on the wire.
type Status struct {
	Revision uint64         `json:"revision"`
	State    signin.State   `json:"state"`
	Readers  []ReaderStatus `json:"readers"`
	// Code is the error that the state is the reason of, and Contact whom to ask
	// about it. Both are empty for a state in which people can sign in.
	Code    signin.Code `json:"code,omitzero"`
	Contact string      `json:"contact,omitzero"`
}

// ReaderStatus is one reader of a Status. Holder and Expiry are of the card's
// first certificate and empty when no card is in that the agent can speak to:
// the tray belongs to the person whose card it is.
type ReaderStatus struct {
	Name    string          `json:"name"`
	Keypad  bool            `json:"keypad"`
	Status  signin.State    `json:"status"`
	Pending bool            `json:"pending"`
	PIN     signin.PINState `json:"pin"`
	Holder  string          `json:"holder,omitzero"`
	Expiry  time.Time       `json:"expiry,omitzero"`
	ATR     string          `json:"atr,omitzero"`     // of a card that is not known
	Problem signin.Code     `json:"problem,omitzero"` // with the card's module
}

// statusOf makes the wire form of a snapshot. contact says whom to ask for which
// help; nil names nobody.
func statusOf(s signin.Snapshot, contact func(kind string) string) Status {
	status := Status{Revision: s.Revision, State: s.State, Readers: make([]ReaderStatus, 0, len(s.Readers)), Code: protocol.CodeOf(s.State)}
	if status.Code != "" && contact != nil {
		status.Contact = contact(string(protocol.Errors[status.Code].Who))
		if status.Contact == "" {
			status.Contact = contact(string(protocol.WhoAdmin)) // who helps with everything else
		}
	}
	for _, r := range s.Readers {
		reader := ReaderStatus{Name: r.Name, Keypad: r.Keypad, Status: r.Status, Pending: r.Pending, PIN: r.PIN, ATR: r.ATR, Problem: r.Problem}
		if r.Card != nil {
			if keys := r.Card.Keys(); len(keys) > 0 {
				reader.Holder, reader.Expiry = keys[0].Holder(), keys[0].Certificate.NotAfter
			}
		}
		status.Readers = append(status.Readers, reader)
	}
	return status
}
