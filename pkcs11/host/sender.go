package host

import (
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"
)

// sender writes a child's frames. Those of a long batch's signatures it gathers:
// to wake the parent for each takes a fast module a fifth of its time.
type sender struct {
	to io.Writer

	mu       sync.Mutex // guards what follows, and writing
	gathered []byte
	frames   int       // signatures so far
	written  time.Time // the last of them
	late     *time.Timer
}

const (
	// fewSignatures are sent one by one.
	fewSignatures = 16
	// gatherTime is how long one may be held back. What was is lost with a
	// module that crashes.
	gatherTime = 500 * time.Microsecond
)

// send writes a frame, and before it what was gathered. It ends the process if
// it cannot.
func (s *sender) send(k kind, body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flushLocked()
	if err := writeFrame(s.to, k, body); err != nil {
		leave(err)
	}
}

// sendJSON sends v as a JSON body.
func (s *sender) sendJSON(k kind, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		leave(fmt.Errorf("pkcs11 host: %s: %w", k, err))
	}
	s.send(k, body)
}

// signed sends a signature, at once or with the next ones.
func (s *sender) signed(signature []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gathered = append(append(s.gathered, head(kindSigned, len(signature))...), signature...)
	s.frames++
	now := time.Now()
	switch {
	case s.frames <= fewSignatures || now.Sub(s.written) >= gatherTime:
		s.written = now
		s.flushLocked()
	case s.late == nil: // in case the module hangs now
		s.late = time.AfterFunc(gatherTime, s.flush)
	}
}

func (s *sender) flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flushLocked()
}

func (s *sender) flushLocked() {
	if s.late != nil {
		s.late.Stop()
		s.late = nil
	}
	if len(s.gathered) == 0 {
		return
	}
	if _, err := s.to.Write(s.gathered); err != nil {
		leave(err)
	}
	s.gathered = s.gathered[:0]
}
