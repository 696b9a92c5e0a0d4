package protocol

import "github.com/cardea-agent/cardea/agent/signin"

// Version is the number that hello carries. Pages whose library speaks nothing
// as new as OldestVersion are told so.
const (
	Version       = 1
	OldestVersion = 1
)

// Subprotocol must be asked for in the WebSocket handshake.
const Subprotocol = "cardea.v1"

// Path and HealthPath are the only two that the agent answers.
const (
	Path       = "/cardea"
	HealthPath = "/health"
)

// DefaultPort is where pages look for the agent.
const DefaultPort = 24747

// The methods, page to agent.
const (
	MethodHello        = "hello"
	MethodWatch        = "watch"
	MethodAuthenticate = "authenticate"
	MethodAttach       = "attach"
	MethodResume       = "resume"
	MethodCancel       = "cancel"
	MethodEndSession   = "endSession"

	MethodGetSigningCertificate = "getSigningCertificate"
	MethodSign                  = "sign"
)

// The notifications, agent to page.
const (
	NotifyStatus   = "status"
	NotifyProgress = "progress"
	NotifySession  = "session"
)

// HelloParams begins a connection.
type HelloParams struct {
	Client   string `json:"client"`   // name and version of the page's library
	Protocol int    `json:"protocol"` // the newest version it speaks
}

// HelloResult tells the page whom it reached and what is possible.
type HelloResult struct {
	Agent        string   `json:"agent"` // version of the agent
	Protocol     int      `json:"protocol"`
	Capabilities []string `json:"capabilities"` // the methods, and token formats as "format:web-eid:1.0"
	Origin       string   `json:"origin"`       // the page's own, as the agent saw it
	Removal      Removal  `json:"removal"`
}

// Removal is what the page is to do when the card is out.
type Removal struct {
	Action       signin.RemovalAction `json:"action"`
	GraceSeconds int                  `json:"graceSeconds"`
}

// AuthenticateParams asks for a token by the card's authentication key.
type AuthenticateParams struct {
	Nonce          string `json:"nonce"`
	Lang           string `json:"lang,omitzero"`
	TimeoutSeconds int    `json:"timeoutSeconds,omitzero"` // 1 to 600; 120 when absent
}

// AuthenticateResult is the token and the session that it began.
type AuthenticateResult struct {
	Token   signin.Token `json:"token"`
	Session string       `json:"session"`
}

// AttachParams joins a session that an earlier page began.
type AttachParams struct {
	Session string `json:"session"`
}

// AttachResult is how the session stands. GraceLeft is in seconds.
type AttachResult struct {
	State     signin.SessionState `json:"state"`
	GraceLeft *int                `json:"graceLeft,omitempty"` // with removed and locked
	Why       signin.EndedWhy     `json:"why,omitzero"`        // with ended
}

// ResumeParams asks for a new token by the session's own certificate.
type ResumeParams struct {
	Session        string `json:"session"`
	Nonce          string `json:"nonce"`
	Lang           string `json:"lang,omitzero"`
	TimeoutSeconds int    `json:"timeoutSeconds,omitzero"`
}

// ResumeResult is the new token.
type ResumeResult struct {
	Token signin.Token `json:"token"`
}

// CancelParams names the request to end by its JSON-RPC id.
type CancelParams struct {
	ID ID `json:"id"`
}

// EndSessionParams names the session to end.
type EndSessionParams struct {
	Session string `json:"session"`
}

// GetSigningCertificateParams asks which certificate the person signs documents
// with.
type GetSigningCertificateParams struct {
	Lang           string `json:"lang,omitzero"`
	TimeoutSeconds int    `json:"timeoutSeconds,omitzero"`
}

// GetSigningCertificateResult is the certificate that the person chose to show,
// and what its key can sign with, the best first.
type GetSigningCertificateResult struct {
	Certificate string   `json:"certificate"` // base64 of DER
	Algorithms  []string `json:"algorithms"`  // JWA names; their digits are the hash's
}

// SignParams asks for binding signatures of documents, by their digests.
type SignParams struct {
	Certificate    string     `json:"certificate"` // base64 of DER, as getSigningCertificate gave it
	Hash           string     `json:"hash"`        // one of Hashes
	Items          []SignItem `json:"items"`       // 1 to MaxItems
	Lang           string     `json:"lang,omitzero"`
	TimeoutSeconds int        `json:"timeoutSeconds,omitzero"` // 1 to 600; 120 and two for each item when absent
}

// SignItem is one document. ID is the page's own and returns with the outcome.
type SignItem struct {
	ID     string `json:"id"`
	Digest string `json:"digest"` // base64, of exactly the hash's length
}

// SignResult is what became of the items, each in one of the two lists.
type SignResult struct {
	Certificate string          `json:"certificate"` // base64 of DER
	Algorithm   string          `json:"algorithm"`   // JWA name
	Signatures  []ItemSignature `json:"signatures"`
	Failures    []ItemFailure   `json:"failures"`
}

// ItemSignature is one signature: base64, ECDSA as r||s.
type ItemSignature struct {
	ID        string `json:"id"`
	Signature string `json:"signature"`
}

// ItemFailure is the code of the error that kept an item from being signed.
type ItemFailure struct {
	ID   string `json:"id"`
	Code string `json:"code"` // one of Errors
}

// Snapshot is what a page may know about readers and cards before a PIN: no
// holder and no certificate.
type Snapshot struct {
	Revision uint64       `json:"revision"`
	State    signin.State `json:"state"`
	Readers  []Reader     `json:"readers"`
	Warnings []string     `json:"warnings"`
}

// Reader is one reader of a Snapshot. Card is null when it is empty.
type Reader struct {
	Name   string `json:"name"`
	Keypad bool   `json:"keypad"`
	Card   *Card  `json:"card"`
}

// Card is what a page may know of a card.
type Card struct {
	Known         bool            `json:"known"`
	PIN           signin.PINState `json:"pin,omitzero"`
	ExpiresInDays *int            `json:"expiresInDays,omitempty"`
}

// ProgressParams tells what a request waits for.
type ProgressParams struct {
	ID        ID           `json:"id"`
	Phase     signin.Phase `json:"phase"`
	TriesLeft *int         `json:"triesLeft,omitempty"` // with wrongPIN, where the card tells
	Done      *int         `json:"done,omitempty"`      // with signing of several documents: how many are signed
	Total     *int         `json:"total,omitempty"`     // and how many there are
}

// SessionParams tells what happened to a session.
type SessionParams struct {
	Session      string                  `json:"session"`
	Event        signin.SessionEventKind `json:"event"`
	Action       signin.RemovalAction    `json:"action,omitzero"`        // with cardRemoved
	GraceSeconds *int                    `json:"graceSeconds,omitempty"` // with cardRemoved
	Why          signin.EndedWhy         `json:"why,omitzero"`           // with ended
}

// Health is the answer to GET /health for allowed origins.
type Health struct {
	Agent    string       `json:"agent"`
	Protocol int          `json:"protocol"`
	State    signin.State `json:"state"`
}
