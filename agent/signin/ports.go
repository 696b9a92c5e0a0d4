package signin

import (
	"context"
	"crypto"
	"crypto/x509"
	"time"
)

// Cards knows what is in the readers.
type Cards interface {
	// Snapshot returns what is known now, and a channel that is closed when
	// a newer snapshot exists.
	Snapshot() (Snapshot, <-chan struct{})
	// ReadAgain begins to read anew each card that has a Problem, and returns
	// when the snapshot shows that. Without one it does nothing.
	ReadAgain()
}

// Card is one card during one insertion. Taken out and put in again it is
// another Card with the same certificates.
type Card interface {
	// Insertion is a number that no other insertion of this agent's run has.
	Insertion() uint64
	// Reader is the name of the reader that the card is in.
	Reader() string
	// Gone is closed when the card was taken out. It is closed before any
	// method returns the code CodeCardRemoved.
	Gone() <-chan struct{}
	// Keys are the keys with certificates, read when the card was put in.
	Keys() []Key
	// Keypad reports whether the PIN is typed on the reader: Sign then takes
	// none, and waits for it.
	Keypad() bool
	// Tries asks the card how many tries are left of a key's PIN, without
	// spending one. TriesUnknown when the card does not tell.
	Tries(ctx context.Context, key Key) (int, error)
	// Acquire takes the card for one PIN operation. It fails at once with
	// the code CodeBusy when another operation has it. release is called
	// exactly once.
	Acquire() (release func(), err error)
	// Sign verifies the PIN, signs the digests one after the other and makes
	// the card forget the PIN. It asks the tries left again before it spends
	// one, and refuses with ErrLastTry to spend the last one unless the request
	// allows it. It uses the PIN up on every path.
	//
	// It returns the signatures that were made, in the order of the digests,
	// also next to an error. Its errors are a *Error with the codes
	// CodePINWrong, CodePINBlocked, CodeCardRemoved, CodeCardUnreadable,
	// CodePINNotSet, CodeModuleMissing, CodeModuleFailed, with a keypad
	// CodeCancelled for a no or no PIN on the reader, or ErrLastTry, or the end
	// of ctx.
	Sign(ctx context.Context, req CardSignRequest) ([][]byte, error)
}

// CardSignRequest asks a card for signatures by one of its keys.
type CardSignRequest struct {
	Key          Key
	PIN          *PIN // nil where the card has a keypad
	AllowLastTry bool // the person's extra yes to spending the last try
	Hash         crypto.Hash
	Digests      [][]byte // each of Hash's length
	// Signed, if set, is told how many signatures there are after each one.
	// It must not wait, and is not called once Sign has returned.
	Signed func(n int)
}

// TriesUnknown is what Card.Tries answers for a card that does not tell.
const TriesUnknown = -1

// Key is a private key on a card and the certificate of its public key.
type Key struct {
	ID          string // where it is on its card: the slot or the object's id
	Certificate *x509.Certificate
	// Algorithm is the JWA name of the signature it makes for a sign-in,
	// such as ES256, ES384, RS256 or PS256.
	Algorithm string
	// For is what the card's own structure keeps the key for. Empty where only
	// the certificate tells.
	For KeyPurpose
	// Shared: a certificate of the card that is no Key has the same public key.
	Shared bool
}

// KeyPurpose is what a key is for.
type KeyPurpose string

// The purposes of keys.
const (
	ForAuthentication KeyPurpose = "authentication"
	ForSignatures     KeyPurpose = "signatures" // binding ones, of documents
)

// Holder is the name to show for a key: the certificate's common name.
func (k Key) Holder() string { return k.Certificate.Subject.CommonName }

// Purpose says what a PIN is asked for.
type Purpose string

// The purposes.
const (
	ToSignIn          Purpose = "signIn"
	ToResume          Purpose = "resume"
	ToSign            Purpose = "sign"            // documents, with a binding signature
	ToShowCertificate Purpose = "showCertificate" // the signing one, without a PIN
)

// About is what a person must know before they type a PIN. None of it comes
// from a page but the language.
type About struct {
	Origin  string // the browser's word for who asks, in ASCII
	Purpose Purpose
	Items   int    // with ToSign: how many documents
	Holder  string // of the certificate that will sign
	Reader  string
	Lang    string // BCP 47, may be empty: the system's language
}

// PINQuestion is one asking within a Dialog.
type PINQuestion struct {
	TriesLeft int  // TriesUnknown when the card does not tell
	Wrong     bool // the PIN typed before was wrong
	LastTry   bool // the answer must carry an extra yes
}

// PINAnswer is what the person typed. LastTry is their extra yes.
type PINAnswer struct {
	PIN     *PIN
	LastTry bool
}

// Prompter opens windows of the agent's own for a person to answer in.
type Prompter interface {
	// Open begins one conversation. It fails with the code CodeNoPromptUI
	// within three seconds when nothing can ask. The window, if one is open,
	// closes with Close or when ctx ends.
	Open(ctx context.Context, about About) (Dialog, error)
}

// Dialog is one conversation with a person about one request.
type Dialog interface {
	// AskPIN asks and waits. Between two askings the window stays open and
	// shows that the card is being asked. The person's no is CodeCancelled;
	// a prompt that went away is CodeNoPromptUI.
	AskPIN(ctx context.Context, q PINQuestion) (PINAnswer, error)
	// ConfirmLastTry asks for the extra yes alone, where the PIN is typed on the
	// reader. The person's no is CodeCancelled.
	ConfirmLastTry(ctx context.Context, q PINQuestion) error
	// ShowKeypad shows that the PIN is to be typed on the reader, until ctx
	// ends or another question takes its place. The person's no is
	// CodeCancelled.
	ShowKeypad(ctx context.Context, q PINQuestion) error
	// ChooseKey lets the person choose one of several keys by its number.
	ChooseKey(ctx context.Context, keys []KeyChoice) (int, error)
	// ShowSigning shows how many of total documents are signed, until ctx
	// ends, and takes the newest number from signed. The person's no to the
	// rest is CodeCancelled.
	ShowSigning(ctx context.Context, total int, signed <-chan int) error
	// Close ends the conversation and its window. It may be called again.
	Close()
}

// KeyChoice is what a person sees of a key to choose from.
type KeyChoice struct {
	Holder string
	Issuer string
	Expiry time.Time
	Reader string
}

// Choices remembers which of several keys a person chose for an origin. What it
// cannot keep or read is as if it had never been.
type Choices interface {
	// Chosen returns the number of the key that was chosen when just these
	// keys were offered, or -1.
	Chosen(origin string, offered []Key) int
	// Remember keeps a choice.
	Remember(origin string, offered []Key, chosen int)
	// Forget takes a choice back.
	Forget(origin string, offered []Key)
}

// Desktop knows whether anybody can be asked.
type Desktop interface {
	// Locked reports whether the person's desktop is locked or not connected,
	// as far as is known, and a channel that is closed when that changes.
	Locked() (bool, <-chan struct{})
	// Check finds it out anew.
	Check(ctx context.Context) (locked bool)
}

// Rules are the administrator's decisions.
type Rules interface {
	// Usable says whether a certificate may sign people in at now. why is one
	// of the Why constants when not.
	Usable(key Key, now time.Time) (ok bool, why Why)
	// Excluded names the rule by which a key is not Usable, for the log.
	Excluded(key Key, now time.Time) (rule string)
	// MaySign says what Usable says, for signatures of documents.
	MaySign(key Key, now time.Time) (ok bool, why Why)
	// ExcludedFromSigning names the rule by which a key may not, for the log.
	ExcludedFromSigning(key Key, now time.Time) (rule string)
	// Removal is what happens to an origin's sessions when the card is out.
	Removal(origin string) Removal
	// SameGroup reports whether sessions of one origin may be attached to by
	// the other: the same origin, or a group that policy names.
	SameGroup(a, b string) bool
	// SessionLimit is the longest life of a session, counted from its PIN.
	SessionLimit() time.Duration
}

// Removal is what happens when the card of a session is taken out.
type Removal struct {
	Action RemovalAction
	Grace  time.Duration // how long the same card may come back
	OnLock bool          // a locked desktop counts as the card being out
}

// RemovalAction is what the attached pages are told to do.
type RemovalAction string

// The removal actions.
const (
	RemovalNone    RemovalAction = "none"
	RemovalLock    RemovalAction = "lock"
	RemovalSignOut RemovalAction = "signOut"
)

// Why says why a certificate may not be used.
type Why string

// The reasons, from the one that holds for no certificate at all to the most
// particular.
const (
	WhyNone        Why = "none"
	WhyExpired     Why = "expired"
	WhyNotYetValid Why = "notYetValid"
	WhyWrongUsage  Why = "wrongUsage"
	WhyBothUsages  Why = "bothUsages" // for signatures: the key could sign people in as well
	WhyWrongIssuer Why = "wrongIssuer"
)

// Tokens composes what the card signs and makes the token of it.
type Tokens interface {
	// Compose returns the hash and the digest that the key must sign to bind
	// a nonce to an origin.
	Compose(key Key, origin, nonce string) (crypto.Hash, []byte, error)
	// Finish checks the signature over digest with the certificate's public
	// key and returns the token. A signature that does not verify is an
	// error, never a token.
	Finish(key Key, hash crypto.Hash, digest, signature []byte) (Token, error)
	// Algorithms are those that a key can sign documents with, the one that
	// fits it best first.
	Algorithms(key Key) []Algorithm
	// Verify checks the signature of a document's digest.
	Verify(key Key, algorithm Algorithm, digest, signature []byte) error
}

// Algorithm is a signature algorithm by its JWA name (RFC 7518, section 3.1)
// and the hash that belongs to it.
type Algorithm struct {
	Name string
	Hash crypto.Hash
}

// Token is Web eID's authentication token (format "web-eid:1.0"), as it goes to
// the page. The tags are the format's own names.
type Token struct {
	UnverifiedCertificate string `json:"unverifiedCertificate"` // base64 of DER
	Algorithm             string `json:"algorithm"`             // JWA name
	Signature             string `json:"signature"`             // base64; ECDSA as r||s
	Format                string `json:"format"`
	AppVersion            string `json:"appVersion"`
}

// Audit writes one line for each decision about a PIN, a signature or a site, and
// about who may ask for one.
type Audit interface {
	Record(Event)
}

// The decisions that are no page's request. Those are named by their method.
const (
	WhatPIN    = "pin"    // a PIN that was typed
	WhatRefuse = "refuse" // a connection that was not let in
)

// OutcomeOK is the one outcome that is no error's code.
const OutcomeOK = "ok"

// Event is one decision. It holds no PIN, no nonce and no token.
type Event struct {
	What        string // one of the above, or what a page or a person asked for, such as authenticate
	Origin      string
	Certificate *x509.Certificate // nil when none was chosen
	Outcome     string            // OutcomeOK or an error's code
	Items       int               // with sign: how many documents were to be signed
	Signed      int               // and how many were
	TriesLeft   int               // with pin and CodePINWrong; TriesUnknown when the card does not tell
	Right       string            // with CodeNotPermitted: the right that is missing
	Reason      string            // with refuse: why, in the agent's words
	Peer        string            // with refuse: the other user's id, where that is the reason
}
