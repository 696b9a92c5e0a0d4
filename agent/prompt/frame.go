package prompt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/go-json-experiment/json"
)

// The limits of a frame, in bytes.
const (
	maxKind = 32
	maxBody = 64 << 10
	// MaxPIN is the longest PIN that a frame carries. Cards allow eight
	// (NIST SP 800-73-4) to sixteen; windows set their own, lower limit.
	MaxPIN = 64
)

// kind says what the body of a frame is.
type kind string

// The kinds that both ends send.
const (
	kindHello       kind = "hello"
	kindUnsupported kind = "unsupported"
)

// The kinds that the agent sends.
const (
	kindStatus      kind = "status"
	kindSuperseded  kind = "superseded"
	kindOpen        kind = "open"
	kindAskPIN      kind = "askPIN"
	kindChooseKey   kind = "chooseKey"
	kindAskLastTry  kind = "askLastTry"
	kindShowKeypad  kind = "showKeypad"
	kindShowSigning kind = "showSigning"
	kindSigned      kind = "signed"
	kindAskOrigin   kind = "askOrigin"
	kindClose       kind = "close"
)

// The kinds of an inquiry: the question, and the agent's answers.
const (
	kindInquire  kind = "inquire"
	kindFacts    kind = "facts"
	kindRecord   kind = "record"
	kindInquired kind = "inquired"
)

// The kinds of an inquiry about sites.
const (
	kindListSites   kind = "listSites"
	kindSite        kind = "site"
	kindSitesListed kind = "sitesListed"
)

// The kinds that the tray sends. A pinFollows frame is followed at once by the
// pin frame that belongs to it.
const (
	kindOpened     kind = "opened"
	kindChosen     kind = "chosen"
	kindConfirmed  kind = "confirmed"
	kindAllowed    kind = "allowed"
	kindFailed     kind = "failed"
	kindPINFollows kind = "pinFollows"
	kindPIN        kind = "pin"
)

// errFrame is the cause of every refusal of bytes that are not a frame.
var errFrame = errors.New("prompt: not a frame")

// frame is one message. The body of a pin frame is the reader's to wipe.
type frame struct {
	kind kind
	body []byte
}

// readFrame reads exactly one frame and not a byte more, so that no buffer
// between the socket and the caller ever holds a PIN.
func readFrame(r io.Reader) (frame, error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return frame{}, err
	}
	size, kindSize := int64(binary.BigEndian.Uint32(head[:4])), int64(head[4])
	bodySize := size - 1 - kindSize
	if kindSize == 0 || kindSize > maxKind || bodySize < 0 || bodySize > maxBody {
		return frame{}, fmt.Errorf("%w: sizes %d and %d", errFrame, size, kindSize)
	}
	name := make([]byte, kindSize)
	if _, err := io.ReadFull(r, name); err != nil {
		return frame{}, noEOF(err)
	}
	for _, c := range name {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return frame{}, fmt.Errorf("%w: its kind is not letters", errFrame)
		}
	}
	f := frame{kind: kind(name)}
	if f.kind == kindPIN && (bodySize == 0 || bodySize > MaxPIN) {
		return frame{}, fmt.Errorf("%w: a PIN of %d bytes", errFrame, bodySize)
	}
	f.body = make([]byte, bodySize)
	if _, err := io.ReadFull(r, f.body); err != nil {
		clear(f.body)
		return frame{}, noEOF(err)
	}
	return f, nil
}

// noEOF turns an end in the middle of a frame into an error that says so.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// head returns the bytes that go before a body.
func head(k kind, bodySize int) []byte {
	b := make([]byte, 0, 5+len(k))
	b = binary.BigEndian.AppendUint32(b, uint32(1+len(k)+bodySize)) // #nosec G115 -- capped by the callers
	b = append(b, byte(len(k)))                                     // #nosec G115 -- our own constants
	return append(b, k...)
}

// marshal makes a frame of any kind but pin with v as its JSON body.
func marshal(k kind, v any) ([]byte, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("prompt: %s: %w", k, err)
	}
	if len(body) > maxBody {
		return nil, fmt.Errorf("prompt: %s: body of %d bytes", k, len(body))
	}
	return append(head(k, len(body)), body...), nil
}

// writeFrame writes a frame of any kind but pin with v as its JSON body.
func writeFrame(w io.Writer, k kind, v any) error {
	b, err := marshal(k, v)
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}

// writePIN writes a pinFollows frame and the pin frame in one system call where
// there is one for that, the PIN straight from its own buffer.
func writePIN(w io.Writer, a answer, pin []byte) error {
	if len(pin) == 0 || len(pin) > MaxPIN {
		return errors.New("prompt: the PIN's length is not possible")
	}
	b, err := marshal(kindPINFollows, a)
	if err != nil {
		return err
	}
	parts := net.Buffers{append(b, head(kindPIN, len(pin))...), pin}
	_, err = parts.WriteTo(w)
	return err
}

// decode reads the JSON body of a frame strictly: unknown, duplicate and
// wrongly cased names are errors.
func (f frame) decode(v any) error {
	if err := json.Unmarshal(f.body, v, json.RejectUnknownMembers(true)); err != nil {
		return fmt.Errorf("%w: body of %s: %w", errFrame, f.kind, err)
	}
	return nil
}
