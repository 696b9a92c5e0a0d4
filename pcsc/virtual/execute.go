package virtual

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// pivAID identifies the PIV application (SP 800-73-4 part 1, 2.2); the last two
// bytes are its version and may be left out in SELECT.
var pivAID = []byte{0xA0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00, 0x01, 0x00}

// pivAIDShort is how much of the identifier SELECT must have: piv-go and some YubiKey
// tools send the registered application provider alone.
const pivAIDShort = 5

// yubiKeyVersion is the firmware version that the YubiKey tools are told: the
// first one whose serial number can be asked for inside PIV has a 5 in front.
var yubiKeyVersion = []byte{5, 4, 3}

// execute runs one command and says what kind of work it was. Called with the lock held.
func (c *Card) execute(raw []byte) (answer []byte, work operation) {
	cmd, ok := parseCommand(raw)
	if !ok {
		c.forgetExchange()
		return statusWord(swWrongLength), noOperation
	}
	if sw := c.checkClass(cmd); sw != swOK {
		c.forgetExchange()
		return statusWord(sw), noOperation
	}
	if cmd.ins == insGetResponse {
		c.fresh = false
		return c.getResponse(cmd), noOperation
	}
	c.response = nil
	cmd, complete, sw := c.joinChain(cmd)
	if !complete {
		return statusWord(sw), noOperation
	}
	fresh := c.fresh
	c.fresh = false
	data, sw, work := c.dispatch(cmd, fresh)
	if sw != swOK || len(data) == 0 {
		return statusWord(sw), work
	}
	return c.respond(cmd, data), work
}

// forgetExchange drops what a broken command leaves behind.
func (c *Card) forgetExchange() { c.chain, c.response, c.fresh = nil, nil, false }

// checkClass refuses what only other cards know: secure messaging, logical channels.
func (c *Card) checkClass(cmd command) uint16 {
	switch {
	case cmd.class&^classChaining == 0:
	case cmd.class&0xE0 == 0 && cmd.class&0x0C != 0:
		return swSecureMessaging
	case cmd.class&0xE0 == 0:
		return swChannelUnsupported
	default:
		return swClassUnknown
	}
	if cmd.extended && c.profile.Quirks.NoExtended {
		return swWrongLength
	}
	return swOK
}

// joinChain collects the parts of a chained command (ISO 7816-4, 5.1.1.1).
// complete is false while more is to come, or when the chain is refused.
func (c *Card) joinChain(cmd command) (whole command, complete bool, sw uint16) {
	last := cmd.class&classChaining == 0
	if c.chain == nil {
		if last {
			return cmd, true, swOK
		}
		if cmd.ins != insAuthenticate && cmd.ins != insPutData {
			c.fresh = false
			return cmd, false, swChainingUnsupported
		}
		cmd.data = slices.Clone(cmd.data)
		c.chain = &cmd
		return cmd, false, swOK
	}
	head := c.chain
	if cmd.ins != head.ins || cmd.p1 != head.p1 || cmd.p2 != head.p2 {
		c.forgetExchange()
		return cmd, false, swLastOfChainExpected
	}
	head.data = append(head.data, cmd.data...)
	if len(head.data) > maxChainedCommand {
		c.forgetExchange()
		return cmd, false, swWrongLength
	}
	if !last {
		return cmd, false, swOK
	}
	c.chain = nil
	cmd.data = head.data
	return cmd, true, swOK
}

// dispatch runs a whole command. fresh: the command before verified the PIN.
func (c *Card) dispatch(cmd command, fresh bool) (data []byte, sw uint16, work operation) {
	if c.profile.NotPIV {
		if cmd.ins == insSelect {
			return nil, swNotFound, noOperation
		}
		return nil, swInstructionUnknown, noOperation
	}
	switch cmd.ins {
	case insSelect:
		data, sw = selectApplication(cmd)
	case insGetData:
		data, sw = c.getData(cmd)
	case insVerify:
		sw, work = c.verify(cmd), pinOperation
	case insChange:
		sw, work = c.changeReferenceData(cmd), pinOperation
	case insResetRetry:
		sw, work = c.resetRetryCounter(cmd), pinOperation
	case insAuthenticate:
		return c.authenticate(cmd, fresh)
	case insPutData, insGenerateKey:
		// Both need the card management key, which an issued card's holder does not have.
		sw = swSecurityStatus
	case insYubiKeyVersion:
		data, sw = yubiKeyVersion, swOK
	case insYubiKeySerial:
		data, sw = c.guid[12:], swOK
	default:
		sw = swInstructionUnknown
	}
	return data, sw, work
}

// respond cuts data to what the command asked for; GET RESPONSE fetches the rest.
func (c *Card) respond(cmd command, data []byte) []byte {
	exact := c.profile.Quirks.ExactLength && (cmd.ins == insSelect || cmd.ins == insGetData)
	if exact && !cmd.extended && cmd.expected > len(data) && cmd.expected < 256 {
		return statusWord(swWrongLe | uint16(len(data)))
	}
	expected := cmd.expected
	if expected == 0 && !c.profile.Quirks.StrictLe {
		// yubico-piv-tool asks without Le and wants the answer, as YubiKeys give it.
		expected = 256
	}
	n := min(expected, len(data))
	answer := slices.Clone(data[:n])
	c.response = slices.Clone(data[n:])
	return append(answer, c.moreData()...)
}

// getResponse hands out the next part of a long answer.
func (c *Card) getResponse(cmd command) []byte {
	c.chain = nil
	if len(c.response) == 0 {
		return statusWord(swConditionsNotMet)
	}
	if cmd.p1 != 0 || cmd.p2 != 0 {
		c.response = nil
		return statusWord(swWrongP1P2)
	}
	if c.profile.Quirks.ExactLength && cmd.expected > len(c.response) && cmd.expected < 256 {
		return statusWord(swWrongLe | uint16(len(c.response)))
	}
	n := min(cmd.expected, len(c.response))
	answer := slices.Clone(c.response[:n])
	c.response = c.response[n:]
	return append(answer, c.moreData()...)
}

// moreData is 9000, or 61xx while there is more: xx = 00 means 256 bytes or more.
func (c *Card) moreData() []byte {
	switch left := len(c.response); {
	case left == 0:
		return statusWord(swOK)
	case left < 256:
		return statusWord(swMoreData | uint16(left))
	default:
		return statusWord(swMoreData)
	}
}

// selectApplication answers with the application property template (SP 800-73-4
// part 2, table 3). Selecting the selected application changes nothing: the PIN
// stays verified (3.1.1).
func selectApplication(cmd command) ([]byte, uint16) {
	if cmd.p1 != 0x04 || cmd.p2 != 0x00 {
		return nil, swFunctionUnsupported
	}
	if len(cmd.data) < pivAIDShort || !bytes.HasPrefix(pivAID, cmd.data) {
		return nil, swNotFound
	}
	return tlv(0x61,
		tlv(0x4F, pivAID[5:]),
		tlv(0x79, tlv(0x4F, pivAID[:5])),
		tlv(0x50, []byte("Virtual PIV card")),
	), swOK
}

func statusWord(sw uint16) []byte { return binary.BigEndian.AppendUint16(nil, sw) }
