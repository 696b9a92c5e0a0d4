package pcsc

import "time"

// Driver opens contexts of a PC/SC resource manager. It is the one seam below
// this package: System talks to the machine's resource manager through
// ebfe/scard, and package virtual provides one that lives in process.
//
// Every error that a Driver, Context or Handle returns because of a PC/SC
// return code is a Code.
type Driver interface {
	// Establish opens a new context (SCardEstablishContext).
	Establish() (Context, error)
}

// Context is one SCARDCONTEXT. No call may be made on a Context while another
// one on the same Context is waiting, but for Cancel.
type Context interface {
	// ListReaders returns the names of all readers. No reader is the Code
	// NoReadersAvailable, as in PC/SC, never an empty list.
	ListReaders() ([]string, error)
	// GetStatusChange waits until a reader's state differs from its Current,
	// then fills Event and ATR of every state (SCardGetStatusChange). A
	// negative timeout waits for ever. states must not be empty.
	GetStatusChange(states []ReaderState, timeout time.Duration) error
	// Cancel ends a wait of this context with the Code Cancelled. A Cancel
	// that comes before the wait began is lost.
	Cancel() error
	// Connect opens the card in the named reader.
	Connect(reader string, mode ShareMode, protocols Protocol) (Handle, error)
	// Release ends the context (SCardReleaseContext).
	Release() error
}

// Handle is one SCARDHANDLE.
type Handle interface {
	// ActiveProtocol is the one protocol agreed on, T0 or T1.
	ActiveProtocol() Protocol
	// BeginTransaction waits for exclusive use of the card.
	BeginTransaction() error
	// EndTransaction gives the card back, leaving or resetting it.
	EndTransaction(d Disposition) error
	// Transmit sends one command APDU and returns the response with its
	// status word. command is not kept.
	Transmit(command []byte) ([]byte, error)
	// Reconnect takes the connection up again after a reset.
	Reconnect(mode ShareMode, protocols Protocol, initialization Disposition) error
	// Disconnect closes the connection, leaving or resetting the card.
	Disconnect(d Disposition) error
}

// ReaderState is one entry of a wait (SCARD_READERSTATE).
type ReaderState struct {
	Reader  string
	Current StateFlag // what the caller knows, its event counter included
	Event   StateFlag // what is, filled by GetStatusChange
	ATR     []byte    // filled by GetStatusChange when a card is present
}

// StateFlag is dwCurrentState and dwEventState: flags in the lower 16 bits and
// a counter of insertions and removals in the upper 16.
type StateFlag uint32

// The flags of a reader's state, with the numbers of PC/SC.
const (
	StateUnaware     StateFlag = 0x0000
	StateIgnore      StateFlag = 0x0001
	StateChanged     StateFlag = 0x0002
	StateUnknown     StateFlag = 0x0004
	StateUnavailable StateFlag = 0x0008
	StateEmpty       StateFlag = 0x0010
	StatePresent     StateFlag = 0x0020
	StateExclusive   StateFlag = 0x0080
	StateInUse       StateFlag = 0x0100
	StateMute        StateFlag = 0x0200
	StateUnpowered   StateFlag = 0x0400
)

// PnPReader is the name that announces new readers in a wait. Windows and
// pcsc-lite know it, macOS does not.
const PnPReader = `\\?PnP?\Notification`

// ShareMode says who else may use a card while we are connected to it.
type ShareMode uint32

// The share modes, with the numbers of PC/SC.
const (
	ShareExclusive ShareMode = 1
	ShareShared    ShareMode = 2
)

// Protocol is a set of transmission protocols.
type Protocol uint32

// The protocols, with the numbers of PC/SC.
const (
	ProtocolT0  Protocol = 1
	ProtocolT1  Protocol = 2
	ProtocolAny Protocol = ProtocolT0 | ProtocolT1
)

// Disposition says what happens to the card at the end of a transaction or a
// connection.
type Disposition uint32

// The dispositions, with the numbers of PC/SC.
const (
	LeaveCard   Disposition = 0
	ResetCard   Disposition = 1
	UnpowerCard Disposition = 2
)
