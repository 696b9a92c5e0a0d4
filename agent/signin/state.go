package signin

// State is the one word for what a person can do now. It is derived from
// facts by agent/card and shown by the tray and to pages.
type State string

// The states, from the furthest from a sign-in to the nearest.
const (
	ServiceDown         State = "serviceDown"         // the system's smartcard service does not answer
	NoReader            State = "noReader"            // no reader is connected
	NoCard              State = "noCard"              // no reader holds a card
	CardUnreadable      State = "cardUnreadable"      // a card is in but does not answer as a card should
	CardUnknown         State = "cardUnknown"         // a card is in that the agent cannot speak to
	NoUsableCertificate State = "noUsableCertificate" // the card has no certificate that may sign people in
	PINBlocked          State = "pinBlocked"          // too many wrong PINs
	Ready               State = "ready"               // a sign-in can begin
	Busy                State = "busy"                // a sign-in is under way
)

// PINState says how near a card is to being blocked.
type PINState string

// The PIN states. PINLow means that a try was spent already, PINFinal that one
// is left. PINUnknown is for cards that do not tell.
const (
	PINOk        PINState = "ok"
	PINLow       PINState = "low"
	PINFinal     PINState = "final"
	PINIsBlocked PINState = "blocked"
	PINUnknown   PINState = ""
)

// Snapshot is everything known about readers and cards at one time.
type Snapshot struct {
	Revision uint64 // grows with every change
	State    State
	Readers  []Reader
	// Locked: the desktop is locked, and no card is known or spoken to.
	Locked bool
}

// Reader is one reader of a Snapshot.
type Reader struct {
	Name   string // as the resource manager calls it
	Keypad bool   // the PIN is typed on the reader
	// Status says what is in the reader: NoCard, CardUnreadable, CardUnknown,
	// NoUsableCertificate, PINBlocked, Ready or Busy.
	Status State
	Card   Card // nil unless a card is in that the agent can speak to
	// Pending is true while a card that was just put in is being read.
	Pending bool
	PIN     PINState
	// Again is the Insertion that a card has again once it is read: it was
	// forgotten when the desktop was locked, and never taken out. 0 without one.
	Again uint64
	// ATR is what a card of status CardUnknown answered to a reset, in hex
	// with spaces: what somebody who looks after cards needs to know of it.
	// Empty with any other status.
	ATR string
	// Problem is CodeModuleMissing or CodeModuleFailed where that is why the
	// card cannot be used, else empty; How goes with it.
	Problem Code
	How     How
}
