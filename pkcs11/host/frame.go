package host

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// A frame is a length (4 bytes, big endian), the length of its kind (1 byte),
// the kind in ASCII and a body. That is the form of package agent/prompt, and
// the code is written again: what stands beside a vendor's library imports
// nothing of the agent's, the kinds and limits are other ones, and what would
// be shared is a page.

// The limits of a frame, in bytes.
const (
	maxKind = 16
	// maxBody has room for 250 digests, and for the certificates of all tokens
	// that a module can make us look at in practice.
	maxBody = 1 << 20
	maxPIN  = 64
)

// kind says what the body of a frame is.
type kind string

// The kinds that the parent sends.
const (
	kindTokens kind = "tokens" // a tokensRequest
	kindToken  kind = "token"  // a tokenRequest
	kindSign   kind = "sign"   // a pkcs11.Batch
	kindPIN    kind = "pin"    // the PIN and nothing else, when it was asked for
	kindCancel kind = "cancel" // empty: sign no further item
)

// The kinds that the child sends.
const (
	kindReady  kind = "ready"  // a ready: the module is loaded
	kindCall   kind = "call"   // the name of the function that is called next
	kindAskPIN kind = "askPIN" // empty
	kindKeypad kind = "keypad" // empty: a PIN is awaited on the reader
	kindKeyed  kind = "keyed"  // empty: no more
	kindSigned kind = "signed" // a signature
	kindResult kind = "result" // a result; what follows is the end
	kindBye    kind = "bye"    // empty: the module is finalized
)

// errFrame is the cause of every refusal of bytes that are not a frame.
var errFrame = errors.New("pkcs11 host: not a frame")

// frame is one message.
type frame struct {
	kind kind
	body []byte
}

// readFrame reads exactly one frame and not a byte more, so that no buffer
// between the pipe and the caller ever holds a PIN. The body of a PIN frame is
// made by secret.
func readFrame(r io.Reader, secret func(size int) []byte) (frame, error) {
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
	if f.kind == kindPIN {
		if bodySize > maxPIN {
			return frame{}, fmt.Errorf("%w: a PIN of %d bytes", errFrame, bodySize)
		}
		f.body = secret(int(bodySize))
	} else {
		f.body = make([]byte, bodySize)
	}
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

// writeFrame writes a frame in one call, so that frames of several goroutines
// do not mix.
func writeFrame(w io.Writer, k kind, body []byte) error {
	if len(body) > maxBody {
		return fmt.Errorf("pkcs11 host: %s: body of %d bytes", k, len(body))
	}
	b := head(k, len(body))
	_, err := w.Write(append(b, body...))
	return err
}

// writePIN writes a PIN straight from its own buffer.
func writePIN(w io.Writer, pin []byte) error {
	if _, err := w.Write(head(kindPIN, len(pin))); err != nil {
		return err
	}
	if len(pin) == 0 {
		return nil
	}
	_, err := w.Write(pin)
	return err
}

// head returns the bytes that go before a body.
func head(k kind, bodySize int) []byte {
	b := make([]byte, 0, 5+len(k))
	b = binary.BigEndian.AppendUint32(b, uint32(1+len(k)+bodySize)) // #nosec G115 -- capped by the callers
	b = append(b, byte(len(k)))                                     // #nosec G115 -- our own constants
	return append(b, k...)
}

// writeJSON writes a frame with v as its JSON body.
func writeJSON(w io.Writer, k kind, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("pkcs11 host: %s: %w", k, err)
	}
	return writeFrame(w, k, body)
}
