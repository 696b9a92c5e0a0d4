package pcsc

import (
	"errors"
	"strings"
	"testing"
)

// kinds is every kind with the codes that must mean it, written out by hand
// from winscard.h so that a slip in the table shows.
var kinds = []struct {
	kind  error
	codes []Code
}{
	{ErrNoService, []Code{InvalidHandle, CommError, NoService, ServiceStopped, 0x80100018, 0x6, 0x6D}},
	{ErrDenied, []Code{0x80100027, SecurityViolation}},
	{ErrNoReader, []Code{UnknownReader, ReaderUnavailable, NoReadersAvailable, 0x16}},
	{ErrNoCard, []Code{NoSmartcard}},
	{ErrCardRemoved, []Code{NotTransacted, RemovedCard}},
	{ErrCardReset, []Code{CardReset, UnpoweredCard}},
	{ErrInUse, []Code{SharingViolation, 0x80100031}},
	{ErrUnresponsive, []Code{UnresponsiveCard, NotReady, 0x80100015, 0x8010002F, 0x1F, 0x45D}},
	{ErrUnsupported, []Code{ProtoMismatch, UnsupportedFeature, UnsupportedCard, 0x8010000D, 0x8010001A, 0x8010001C, 0x80100022}},
	{ErrCancelled, []Code{Cancelled, 0x80100012, 0x8010006E}},
	{ErrTimeout, []Code{Timeout}},
	{ErrFailed, []Code{InternalError, InvalidParameter, NoMemory, InsufficientBuffer, InvalidValue, UnknownError,
		0x80100005, 0x80100007, 0x8010000E, 0x80100019, 0x8010001B, 0x80100020, 0x80100021, 0x80100023, 0x80100024,
		0x80100025, 0x80100026, 0x80100028, 0x80100029, 0x8010002A, 0x8010002B, 0x8010002C, 0x8010002D, 0x80100030,
		0x8010006B, 0x8010006C, 0x8010006D, 0x8010006F}},
}

func TestEveryCodeMeansOneThingAPersonCanDo(t *testing.T) {
	seen := map[Code]bool{}
	for _, row := range kinds {
		for _, code := range row.codes {
			if seen[code] {
				t.Errorf("%08X is listed twice", uint32(code))
			}
			seen[code] = true
			err := opError("connect", "Reader", code)
			for _, other := range kinds {
				if got, want := errors.Is(err, other.kind), other.kind == row.kind; got != want {
					t.Errorf("%v: Is(%v) = %v, want %v", err, other.kind, got, want)
				}
			}
			if !errors.Is(err, code) {
				t.Errorf("%v does not wrap its code", err)
			}
			if name := code.Error(); !strings.HasPrefix(name, "SCARD_") && !strings.HasPrefix(name, "ERROR_") {
				t.Errorf("%08X has no name: %s", uint32(code), name)
			}
		}
	}
	for code := range codes {
		if !seen[code] {
			t.Errorf("%v has a meaning that no row of this test expects", code)
		}
	}
}

func TestEveryCodeReadsDifferently(t *testing.T) {
	texts := map[string]Code{}
	for code := range codes {
		if other, ok := texts[code.Error()]; ok {
			t.Errorf("%08X and %08X both read %q", uint32(code), uint32(other), code.Error())
		}
		texts[code.Error()] = code
	}
}

func TestAnErrorSaysWhatFailedAndWhatToDo(t *testing.T) {
	tests := []struct {
		err  error
		want string
	}{
		{opError("connect", "Reader 1", SharingViolation),
			`pcsc: connect "Reader 1": another program is using the card: SCARD_E_SHARING_VIOLATION (8010000B)`},
		{opError("establish a context", "", NoService),
			`pcsc: establish a context: the smartcard service is not running: SCARD_E_NO_SERVICE (8010001D)`},
		{opError("transmit", "Reader 1", Code(0xDEAD)),
			`pcsc: transmit "Reader 1": the smartcard service failed: unknown PC/SC code (0000DEAD)`},
		{opError("transmit", "Reader 1", errors.New("odd")), `pcsc: transmit: odd`},
		{opError(opEstablish, "", SecurityViolation),
			`pcsc: establish a context: access to the smartcard service is denied: SCARD_W_SECURITY_VIOLATION (8010006A)`},
		{opError("transmit", "Reader 1", SecurityViolation), // a service that ended under a call
			`pcsc: transmit "Reader 1": the smartcard service is not running: SCARD_F_COMM_ERROR (80100013)`},
	}
	for _, test := range tests {
		if got := test.err.Error(); got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
	}
	if err := opError("connect", "Reader 1", nil); err != nil {
		t.Errorf("success became %v", err)
	}
}
