package signin

import "time"

// Request is a page's wish to sign someone in. Its context carries the time
// limit and ends with the connection or the page's cancel.
type Request struct {
	Origin string // the handshake's
	Nonce  string // checked by the caller: base64 text of at least 32 bytes
	Lang   string // BCP 47, may be empty
}

// ResumeRequest is a page's wish to go on with a session after its card came
// back.
type ResumeRequest struct {
	Request
	Session string
}

// Result is what a sign-in gives.
type Result struct {
	Token   Token
	Session string // the unguessable id of the new session
}

// Phase is what a request is waiting for.
type Phase string

// The phases of a request.
const (
	WaitingForReader Phase = "waitingForReader"
	WaitingForCard   Phase = "waitingForCard"
	Choosing         Phase = "choosing"
	WaitingForPIN    Phase = "waitingForPIN"
	WrongPIN         Phase = "wrongPIN" // the PIN is awaited again
	Signing          Phase = "signing"
)

// Progress is one change of phase.
type Progress struct {
	Phase     Phase
	TriesLeft int // with WrongPIN
	// Done and Total are with Signing, of several documents: how many are
	// signed, and how many there are.
	Done, Total int
}

// SessionState is how a session stands.
type SessionState string

// The states of a session. SessionRemoved: the card is out and its grace time
// runs. SessionLocked: the card is back and a resume with PIN is awaited.
const (
	SessionPresent SessionState = "present"
	SessionRemoved SessionState = "removed"
	SessionLocked  SessionState = "locked"
	SessionEnded   SessionState = "ended"
)

// EndedWhy says why a session ended.
type EndedWhy string

// The reasons for a session's end.
const (
	EndedByPage      EndedWhy = "endSession"
	EndedByTimeLimit EndedWhy = "timeLimit"
	EndedByRemoval   EndedWhy = "cardRemoved" // signOut, or the grace time ran out
)

// SessionStanding is the answer to an attach.
type SessionStanding struct {
	State     SessionState
	GraceLeft time.Duration // with SessionRemoved and SessionLocked
	Why       EndedWhy      // with SessionEnded
}

// SessionEventKind names what happened to a session.
type SessionEventKind string

// The events of a session.
const (
	EventCardRemoved   SessionEventKind = "cardRemoved"
	EventLocked        SessionEventKind = "locked"
	EventCardReturned  SessionEventKind = "cardReturned"
	EventDifferentCard SessionEventKind = "differentCard"
	EventResumed       SessionEventKind = "resumed"
	EventEnded         SessionEventKind = "ended"
)

// SessionEvent is one thing that happened to a session.
type SessionEvent struct {
	Session string
	Kind    SessionEventKind
	Removal Removal  // with EventCardRemoved
	Why     EndedWhy // with EventEnded
}
