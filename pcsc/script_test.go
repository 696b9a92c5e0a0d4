package pcsc

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

// script is a Driver with one card that writes down every call and answers as
// told: an entry of answers is used up by the next call of that name.
type script struct {
	Context
	Handle

	mu      sync.Mutex
	log     []string
	answers map[string][]func() error
	sent    [][]byte // the very slices that Transmit was given
	silent  bool     // Transmit brings no byte
}

func newScript() *script { return &script{answers: map[string][]func() error{}} }

// answer makes the next call of that name that has no answer yet return err.
func (s *script) answer(name string, err error) { s.do(name, func() error { return err }) }

func (s *script) do(name string, f func() error) { s.answers[name] = append(s.answers[name], f) }

// hang makes the next call of that name block until the result is called.
func (s *script) hang(name string) (resume func()) {
	until := make(chan struct{})
	s.do(name, func() error { <-until; return nil })
	return func() { close(until) }
}

func (s *script) call(name string) error {
	s.mu.Lock()
	s.log = append(s.log, name)
	f := func() error { return nil }
	if left := s.answers[name]; len(left) > 0 {
		f, s.answers[name] = left[0], left[1:]
	}
	s.mu.Unlock()
	return f()
}

// calls is what was called so far, and forgets it.
func (s *script) calls() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() { s.log = nil }()
	return strings.Join(s.log, " ")
}

func (s *script) Establish() (Context, error) { return s, s.call("establish") }
func (s *script) Release() error              { return s.call("release") }
func (s *script) Connect(_ string, mode ShareMode, p Protocol) (Handle, error) {
	if mode != ShareShared || p != ProtocolAny {
		return nil, InvalidValue
	}
	return s, s.call("connect")
}
func (s *script) BeginTransaction() error                          { return s.call("begin") }
func (s *script) Reconnect(ShareMode, Protocol, Disposition) error { return s.call("reconnect") }
func (s *script) Transmit(command []byte) ([]byte, error) {
	s.sent = append(s.sent, command)
	if s.silent {
		return nil, s.call("transmit")
	}
	return append(slices.Clone(command), 0x90, 0x00), s.call("transmit")
}
func (s *script) EndTransaction(d Disposition) error {
	return s.call([]string{"end", "end+reset"}[d])
}
func (s *script) Disconnect(d Disposition) error {
	return s.call([]string{"disconnect", "disconnect+reset"}[d])
}

// connected runs body with a Card over a fresh script, and closes it.
func connected(t *testing.T, body func(*testing.T, *script, *Card)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newScript()
		c, err := Connect(t.Context(), s, "A")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		wantCalls(t, s, "establish connect")
		body(t, s, c)
	})
}

func wantCalls(t *testing.T, s *script, want string) {
	t.Helper()
	synctest.Wait()
	if got := s.calls(); got != want {
		t.Errorf("called: %s\nwant:   %s", got, want)
	}
}

func send(tx *Tx) error {
	_, err := tx.Transmit([]byte{0, 0xA4, 4, 0})
	return err
}

// instant is a card that takes no time, to see what a Card adds.
type instant struct {
	Context
	Handle
}

func (i instant) Establish() (Context, error)                         { return i, nil }
func (i instant) Connect(string, ShareMode, Protocol) (Handle, error) { return i, nil }
func (i instant) Release() error                                      { return nil }
func (i instant) BeginTransaction() error                             { return nil }
func (i instant) EndTransaction(Disposition) error                    { return nil }
func (i instant) Disconnect(Disposition) error                        { return nil }
func (i instant) Transmit([]byte) ([]byte, error)                     { return []byte{0x90, 0x00}, nil }
