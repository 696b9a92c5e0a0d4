package virtual

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"time"
)

// Fault makes one command go wrong. Make it with At or On.
type Fault struct {
	n      int  // which command from now on, 0: by instruction
	ins    byte // which instruction
	skip   int  // how many with this instruction go well before
	always bool
	action Action
}

// Action is what goes wrong. before runs instead of the command if it returns
// an answer or an error; after gets the answer that the card would have given.
type Action struct {
	before func(ctx context.Context) ([]byte, error)
	after  func(answer []byte) ([]byte, error)
}

// The faults.
var (
	// Remove pulls the card before it does the command.
	Remove = Action{before: func(context.Context) ([]byte, error) { return nil, ErrRemoved }}
	// RemoveAfter pulls the card when it has done the command and before it
	// answers: a try of the PIN is spent.
	RemoveAfter = Action{after: func([]byte) ([]byte, error) { return nil, ErrRemoved }}
	// Mute does not answer, nor do the command.
	Mute = Action{before: func(context.Context) ([]byte, error) { return nil, ErrMute }}
)

// Answer does not do the command and answers this status word.
func Answer(sw uint16) Action { return Garbage(statusWord(sw)...) }

// Garbage does not do the command and answers these bytes, which need not be an
// answer at all. It panics when there are none: that is Mute.
func Garbage(answer ...byte) Action {
	if len(answer) == 0 {
		panic("virtual: garbage of no bytes")
	}
	return Action{before: func(context.Context) ([]byte, error) { return bytes.Clone(answer), nil }}
}

// Delay does the command after a pause, which ends when the card is pulled.
func Delay(d time.Duration) Action {
	return Action{before: func(ctx context.Context) ([]byte, error) { return nil, wait(ctx, d) }}
}

// Hold does the command when f returns. A card that is pulled meanwhile, which
// ends ctx, does not do it. f may change the card's script, but nothing else of
// the card answers until it returns.
func Hold(f func(ctx context.Context)) Action {
	return Action{before: func(ctx context.Context) ([]byte, error) {
		if f(ctx); ctx.Err() != nil {
			return nil, ErrRemoved
		}
		return nil, nil
	}}
}

// At lets the action happen once, at the n-th command from now, counted from 1.
func At(n int, a Action) Fault { return Fault{n: n, action: a} }

// On lets the action happen once, at the next command with this instruction.
func On(ins byte, a Action) Fault { return Fault{ins: ins, action: a} }

// Always lets the action happen at every command with the instruction of On, or
// at the n-th and every later one of At.
func (f Fault) Always() Fault { f.always = true; return f }

// Skip lets that many commands with the instruction of On go well first. A
// sign-in sends VERIFY to ask for the tries, with the PIN, and to forget it.
func (f Fault) Skip(n int) Fault { f.skip = n; return f }

// RemoveAt is At(n, Remove).
func RemoveAt(n int) Fault { return At(n, Remove) }

// MuteAt is At(n, Mute).
func MuteAt(n int) Fault { return At(n, Mute) }

// Script replaces the card's faults. Without arguments the card is sound again.
func (c *Card) Script(faults ...Fault) {
	c.script.mu.Lock()
	defer c.script.mu.Unlock()
	c.script.faults = slices.Clone(faults)
	c.script.seen = 0
}

// script is the faults that are still to come.
type script struct {
	mu     sync.Mutex // guards all below
	faults []Fault
	seen   int
}

// next returns what is to happen to this command: nothing, or the first fault
// that matches.
func (s *script) next(raw []byte) Action {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.faults) == 0 {
		return Action{}
	}
	s.seen++
	for i, f := range s.faults {
		if !f.matches(s.seen, raw) {
			continue
		}
		if f.skip > 0 {
			s.faults[i].skip--
			continue
		}
		if !f.always {
			s.faults = slices.Delete(s.faults, i, i+1)
		}
		return f.action
	}
	return Action{}
}

func (f Fault) matches(n int, raw []byte) bool {
	if f.n > 0 {
		return n == f.n || f.always && n > f.n
	}
	return len(raw) > 1 && raw[1] == f.ins
}
