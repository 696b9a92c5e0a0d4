package pcsc

import "fmt"

// Code is a PC/SC return code (PC/SC part 5, winscard.h, pcsclite.h).
type Code uint32

// The return codes that this package tells apart.
const (
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
	InternalError      Code = 0x80100014
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
)

// Error names the code with its number: no two codes read alike.
func (c Code) Error() string {
	return fmt.Sprintf("pcsc: code %08X", uint32(c))
}
