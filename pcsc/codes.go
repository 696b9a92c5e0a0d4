package pcsc

import "fmt"

// Code is a return code of PC/SC (winscard.h of Windows and of pcsc-lite), or
// on Windows a system error that SCard functions return in its place.
type Code uint32

// The return codes that this module names in code. All others that a resource
// manager can answer are in the table below.
const (
	InternalError      Code = 0x80100001
	Cancelled          Code = 0x80100002
	InvalidHandle      Code = 0x80100003
	InvalidParameter   Code = 0x80100004
	NoMemory           Code = 0x80100006
	InsufficientBuffer Code = 0x80100008
	UnknownReader      Code = 0x80100009
	Timeout            Code = 0x8010000A
	SharingViolation   Code = 0x8010000B
	NoSmartcard        Code = 0x8010000C
	ProtoMismatch      Code = 0x8010000F
	NotReady           Code = 0x80100010
	InvalidValue       Code = 0x80100011
	CommError          Code = 0x80100013
	UnknownError       Code = 0x80100014
	NotTransacted      Code = 0x80100016
	ReaderUnavailable  Code = 0x80100017
	NoService          Code = 0x8010001D
	ServiceStopped     Code = 0x8010001E
	UnsupportedFeature Code = 0x8010001F
	NoReadersAvailable Code = 0x8010002E
	UnsupportedCard    Code = 0x80100065
	UnresponsiveCard   Code = 0x80100066
	UnpoweredCard      Code = 0x80100067
	CardReset          Code = 0x80100068
	RemovedCard        Code = 0x80100069
	SecurityViolation  Code = 0x8010006A
)

// Error names the code as the field does: "SCARD_E_NO_SERVICE (8010001D)".
func (c Code) Error() string {
	name := codes[c].name
	if name == "" {
		name = "unknown PC/SC code"
	}
	return fmt.Sprintf("%s (%08X)", name, uint32(c))
}

// Kind is what a person can do about the code, one of the Err values of this
// package. A code that no table names is ErrFailed.
func (c Code) Kind() error {
	if kind := codes[c].kind; kind != nil {
		return kind
	}
	return ErrFailed
}

// codes is the one place where return codes get their meaning.
var codes = map[Code]struct {
	name string
	kind error
}{
	0x80100001: {"SCARD_F_INTERNAL_ERROR", ErrFailed},
	0x80100002: {"SCARD_E_CANCELLED", ErrCancelled},
	// The service went away and came back: the context is of its last life.
	0x80100003: {"SCARD_E_INVALID_HANDLE", ErrNoService},
	0x80100004: {"SCARD_E_INVALID_PARAMETER", ErrFailed},
	0x80100005: {"SCARD_E_INVALID_TARGET", ErrFailed},
	0x80100006: {"SCARD_E_NO_MEMORY", ErrFailed},
	0x80100007: {"SCARD_F_WAITED_TOO_LONG", ErrFailed},
	0x80100008: {"SCARD_E_INSUFFICIENT_BUFFER", ErrFailed},
	0x80100009: {"SCARD_E_UNKNOWN_READER", ErrNoReader},
	0x8010000A: {"SCARD_E_TIMEOUT", ErrTimeout},
	0x8010000B: {"SCARD_E_SHARING_VIOLATION", ErrInUse},
	0x8010000C: {"SCARD_E_NO_SMARTCARD", ErrNoCard},
	0x8010000D: {"SCARD_E_UNKNOWN_CARD", ErrUnsupported},
	0x8010000E: {"SCARD_E_CANT_DISPOSE", ErrFailed},
	0x8010000F: {"SCARD_E_PROTO_MISMATCH", ErrUnsupported},
	0x80100010: {"SCARD_E_NOT_READY", ErrUnresponsive},
	0x80100011: {"SCARD_E_INVALID_VALUE", ErrFailed},
	0x80100012: {"SCARD_E_SYSTEM_CANCELLED", ErrCancelled},
	// What a wait and every other call of pcsc-lite answer when the daemon
	// ends while they wait for it.
	0x80100013: {"SCARD_F_COMM_ERROR", ErrNoService},
	0x80100014: {"SCARD_F_UNKNOWN_ERROR", ErrFailed},
	0x80100015: {"SCARD_E_INVALID_ATR", ErrUnresponsive},
	// In winscard.h "an attempt was made to end a non-existent transaction".
	// pcsc-lite answers it when the reader could not exchange an APDU: the
	// first thing heard of a card that was pulled, and of one that broke off.
	0x80100016: {"SCARD_E_NOT_TRANSACTED", ErrCardRemoved},
	0x80100017: {"SCARD_E_READER_UNAVAILABLE", ErrNoReader},
	0x80100018: {"SCARD_P_SHUTDOWN", ErrNoService},
	0x80100019: {"SCARD_E_PCI_TOO_SMALL", ErrFailed},
	0x8010001A: {"SCARD_E_READER_UNSUPPORTED", ErrUnsupported},
	0x8010001B: {"SCARD_E_DUPLICATE_READER", ErrFailed},
	0x8010001C: {"SCARD_E_CARD_UNSUPPORTED", ErrUnsupported},
	0x8010001D: {"SCARD_E_NO_SERVICE", ErrNoService},
	0x8010001E: {"SCARD_E_SERVICE_STOPPED", ErrNoService},
	// SCARD_E_UNEXPECTED on Windows.
	0x8010001F: {"SCARD_E_UNSUPPORTED_FEATURE", ErrUnsupported},
	0x80100020: {"SCARD_E_ICC_INSTALLATION", ErrFailed},
	0x80100021: {"SCARD_E_ICC_CREATEORDER", ErrFailed},
	0x80100022: {"SCARD_E_UNSUPPORTED_FEATURE", ErrUnsupported},
	0x80100023: {"SCARD_E_DIR_NOT_FOUND", ErrFailed},
	0x80100024: {"SCARD_E_FILE_NOT_FOUND", ErrFailed},
	0x80100025: {"SCARD_E_NO_DIR", ErrFailed},
	0x80100026: {"SCARD_E_NO_FILE", ErrFailed},
	0x80100027: {"SCARD_E_NO_ACCESS", ErrDenied},
	0x80100028: {"SCARD_E_WRITE_TOO_MANY", ErrFailed},
	0x80100029: {"SCARD_E_BAD_SEEK", ErrFailed},
	0x8010002A: {"SCARD_E_INVALID_CHV", ErrFailed},
	0x8010002B: {"SCARD_E_UNKNOWN_RES_MNG", ErrFailed},
	0x8010002C: {"SCARD_E_NO_SUCH_CERTIFICATE", ErrFailed},
	0x8010002D: {"SCARD_E_CERTIFICATE_UNAVAILABLE", ErrFailed},
	0x8010002E: {"SCARD_E_NO_READERS_AVAILABLE", ErrNoReader},
	0x8010002F: {"SCARD_E_COMM_DATA_LOST", ErrUnresponsive},
	0x80100030: {"SCARD_E_NO_KEY_CONTAINER", ErrFailed},
	0x80100031: {"SCARD_E_SERVER_TOO_BUSY", ErrInUse},
	0x80100065: {"SCARD_W_UNSUPPORTED_CARD", ErrUnsupported},
	0x80100066: {"SCARD_W_UNRESPONSIVE_CARD", ErrUnresponsive},
	// Without power a card has forgotten everything, as after a reset.
	0x80100067: {"SCARD_W_UNPOWERED_CARD", ErrCardReset},
	0x80100068: {"SCARD_W_RESET_CARD", ErrCardReset},
	0x80100069: {"SCARD_W_REMOVED_CARD", ErrCardRemoved},
	// How pcscd says that polkit refuses this user.
	0x8010006A: {"SCARD_W_SECURITY_VIOLATION", ErrDenied},
	0x8010006B: {"SCARD_W_WRONG_CHV", ErrFailed},
	0x8010006C: {"SCARD_W_CHV_BLOCKED", ErrFailed},
	0x8010006D: {"SCARD_W_EOF", ErrFailed},
	0x8010006E: {"SCARD_W_CANCELLED_BY_USER", ErrCancelled},
	0x8010006F: {"SCARD_W_CARD_NOT_AUTHENTICATED", ErrFailed},

	// System errors that winscard.dll passes on.
	0x00000006: {"ERROR_INVALID_HANDLE", ErrNoService},
	// A reader that was unplugged under a call.
	0x00000016: {"ERROR_BAD_COMMAND", ErrNoReader},
	0x0000001F: {"ERROR_GEN_FAILURE", ErrUnresponsive},
	// A remote session without smartcard redirection.
	0x0000006D: {"ERROR_BROKEN_PIPE", ErrNoService},
	0x0000045D: {"ERROR_IO_DEVICE", ErrUnresponsive},
}
