package apdu

import "fmt"

// StatusWord is SW1 SW2, the two bytes that end every answer. It is an error
// where a caller makes it one; Success never should be.
type StatusWord uint16

// The status words that Cardea tells apart (ISO 7816-4:2013, tables 5 and 6;
// the uses for PIV are in NIST SP 800-73-4 part 2, 3).
const (
	Success                StatusWord = 0x9000
	WrongLength            StatusWord = 0x6700
	SecurityNotSatisfied   StatusWord = 0x6982
	MethodBlocked          StatusWord = 0x6983
	ReferenceNotUsable     StatusWord = 0x6984
	ConditionsNotSatisfied StatusWord = 0x6985
	IncorrectData          StatusWord = 0x6A80
	FunctionNotSupported   StatusWord = 0x6A81
	NotFound               StatusWord = 0x6A82
	IncorrectP1P2          StatusWord = 0x6A86
	ReferenceNotFound      StatusWord = 0x6A88
	InsNotSupported        StatusWord = 0x6D00
	ClaNotSupported        StatusWord = 0x6E00
)

// exactTexts says what the status words mean that have a meaning of their own.
var exactTexts = map[StatusWord]string{
	Success:                "success",
	0x6200:                 "warning, no information",
	0x6281:                 "part of the data may be corrupted",
	0x6282:                 "end of the file reached",
	0x6283:                 "selected file deactivated",
	0x6284:                 "file control information malformed",
	0x6285:                 "selected file in termination state",
	0x6286:                 "no input from a sensor",
	0x6287:                 "a referenced record is deactivated",
	0x6300:                 "warning, no information, memory may have changed",
	0x6381:                 "file filled up by the last write",
	0x6400:                 "execution error",
	0x6401:                 "immediate answer required by the card",
	0x6500:                 "execution error, memory may have changed",
	0x6581:                 "memory failure",
	WrongLength:            "wrong length",
	0x6800:                 "function of the class byte not supported",
	0x6881:                 "logical channel not supported",
	0x6882:                 "secure messaging not supported",
	0x6883:                 "last command of the chain expected",
	0x6884:                 "command chaining not supported",
	0x6900:                 "command not allowed",
	0x6981:                 "command incompatible with file structure",
	SecurityNotSatisfied:   "security status not satisfied",
	MethodBlocked:          "authentication method blocked",
	ReferenceNotUsable:     "reference data not usable",
	ConditionsNotSatisfied: "conditions of use not satisfied",
	0x6986:                 "command not allowed, no current file",
	0x6987:                 "secure messaging objects missing",
	0x6988:                 "secure messaging objects incorrect",
	0x6A00:                 "wrong parameters P1 P2",
	IncorrectData:          "incorrect data",
	FunctionNotSupported:   "function not supported",
	NotFound:               "file or application not found",
	0x6A83:                 "record not found",
	0x6A84:                 "not enough memory",
	0x6A85:                 "length inconsistent with the structure",
	IncorrectP1P2:          "incorrect parameters P1 P2",
	0x6A87:                 "length inconsistent with P1 P2",
	ReferenceNotFound:      "referenced data not found",
	0x6A89:                 "file already exists",
	0x6A8A:                 "name already exists",
	0x6B00:                 "wrong parameters P1 P2",
	InsNotSupported:        "instruction not supported",
	ClaNotSupported:        "class not supported",
	0x6F00:                 "no precise diagnosis",
}

// groupTexts says what a first byte means when the whole has no entry.
var groupTexts = map[byte]string{
	0x61: "more data available",
	0x62: "warning",
	0x63: "warning, memory may have changed",
	0x64: "execution error",
	0x65: "execution error, memory may have changed",
	0x66: "security issue",
	0x68: "function of the class byte not supported",
	0x69: "command not allowed",
	0x6A: "wrong parameters P1 P2",
	0x6C: "wrong expected length",
}

// SW1 is the first byte.
func (s StatusWord) SW1() byte { return byte(s >> 8) }

// SW2 is the second byte.
func (s StatusWord) SW2() byte { return byte(s & 0xFF) }

// TriesLeft is the counter in 63Cx. ok is false for other status words.
func (s StatusWord) TriesLeft() (tries int, ok bool) {
	return int(s & 0x0F), s&0xFFF0 == 0x63C0
}

// Error names the status word and says what it means.
func (s StatusWord) Error() string {
	return fmt.Sprintf("card answered %04X, %s", uint16(s), s.text())
}

func (s StatusWord) text() string {
	if tries, ok := s.TriesLeft(); ok {
		return fmt.Sprintf("verification failed, tries left: %d", tries)
	}
	if text, ok := exactTexts[s]; ok {
		return text
	}
	if text, ok := groupTexts[s.SW1()]; ok {
		return text
	}
	return "meaning not defined by ISO 7816-4"
}
