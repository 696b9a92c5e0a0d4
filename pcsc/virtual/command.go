package virtual

// Instructions of NIST SP 800-73-4 part 2, table 5, and GET RESPONSE of ISO 7816-4.
const (
	insVerify       = 0x20
	insChange       = 0x24
	insResetRetry   = 0x2C
	insGenerateKey  = 0x47
	insAuthenticate = 0x87
	insSelect       = 0xA4
	insGetResponse  = 0xC0
	insGetData      = 0xCB
	insPutData      = 0xDB
)

// Instructions that YubiKeys add to PIV and their tools ask for.
const (
	insYubiKeySerial  = 0xF8
	insYubiKeyVersion = 0xFD
)

// Status words (ISO 7816-4, 5.6; SP 800-73-4 part 2, table 6).
const (
	swOK                       = 0x9000
	swMoreData                 = 0x6100
	swWrongPIN                 = 0x63C0
	swWrongLength              = 0x6700
	swChannelUnsupported       = 0x6881
	swSecureMessaging          = 0x6882
	swLastOfChainExpected      = 0x6883
	swChainingUnsupported      = 0x6884
	swSecurityStatus           = 0x6982
	swBlocked                  = 0x6983
	swReferenceNotUsable       = 0x6984
	swConditionsNotMet         = 0x6985
	swWrongData                = 0x6A80
	swFunctionUnsupported      = 0x6A81
	swNotFound                 = 0x6A82
	swWrongP1P2                = 0x6A86
	swReferenceNotFound        = 0x6A88
	swWrongLe                  = 0x6C00
	swInstructionUnknown       = 0x6D00
	swClassUnknown             = 0x6E00
	maxChainedCommand          = 4096
	classChaining         byte = 0x10
)

// command is one command APDU taken apart (ISO 7816-4, 5.1).
type command struct {
	class, ins, p1, p2 byte
	data               []byte
	expected           int // Ne: 0 when the command asks for no data
	extended           bool
}

// parseCommand takes a command APDU apart: cases 1 to 4, short and extended.
func parseCommand(raw []byte) (command, bool) {
	if len(raw) < 4 {
		return command{}, false
	}
	c := command{class: raw[0], ins: raw[1], p1: raw[2], p2: raw[3]}
	body := raw[4:]
	switch {
	case len(body) == 0:
		return c, true
	case len(body) == 1:
		c.expected = shortLength(body[0])
		return c, true
	case body[0] != 0:
		return c.withBody(body[1:], int(body[0]), 1)
	case len(body) == 3:
		c.extended = true
		c.expected = extendedLength(body[1], body[2])
		return c, true
	case len(body) > 3:
		c.extended = true
		return c.withBody(body[3:], int(body[1])<<8|int(body[2]), 2)
	}
	return command{}, false
}

// withBody reads length bytes of data and, if there is more, an Le of leSize bytes.
func (c command) withBody(body []byte, length, leSize int) (command, bool) {
	if length == 0 || len(body) < length {
		return command{}, false
	}
	c.data, body = body[:length], body[length:]
	switch {
	case len(body) == 0:
		return c, true
	case len(body) != leSize:
		return command{}, false
	case leSize == 1:
		c.expected = shortLength(body[0])
	default:
		c.expected = extendedLength(body[0], body[1])
	}
	return c, true
}

func shortLength(b byte) int {
	if b == 0 {
		return 256
	}
	return int(b)
}

func extendedLength(high, low byte) int {
	if high == 0 && low == 0 {
		return 65536
	}
	return int(high)<<8 | int(low)
}
