package signin

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
)

// PIN is what a person typed to prove that the card is theirs. It can be used
// once, is wiped by that use, and cannot be printed, logged or marshalled.
type PIN struct {
	mu sync.Mutex
	b  []byte
}

// ErrPINUsed is returned by Use when the PIN was used or wiped before.
var ErrPINUsed = errors.New("signin: the PIN was already used")

var errPINSecret = errors.New("signin: a PIN cannot be marshalled")

// NewPIN takes b over: the caller must not use or copy it any more.
func NewPIN(b []byte) *PIN { return &PIN{b: b} }

// Use hands the PIN to f once and wipes it when f returns or panics. f must not
// keep the slice.
func (p *PIN) Use(f func(pin []byte) error) error {
	p.mu.Lock()
	b := p.b
	p.b = nil
	p.mu.Unlock()
	if b == nil {
		return ErrPINUsed
	}
	defer clear(b)
	return f(b)
}

// Wipe clears the PIN. It is safe to call at any time, also on nil.
func (p *PIN) Wipe() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.b)
	p.b = nil
}

const hiddenPIN = "[PIN]"

// String hides the PIN.
func (p *PIN) String() string { return hiddenPIN }

// Format hides the PIN from every verb of fmt.
func (p *PIN) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(hiddenPIN)) }

// LogValue hides the PIN from slog.
func (p *PIN) LogValue() slog.Value { return slog.StringValue(hiddenPIN) }

// MarshalText always fails, so that no encoder can write a PIN.
func (p *PIN) MarshalText() ([]byte, error) { return nil, errPINSecret }

// MarshalJSON always fails, so that no encoder can write a PIN.
func (p *PIN) MarshalJSON() ([]byte, error) { return nil, errPINSecret }
