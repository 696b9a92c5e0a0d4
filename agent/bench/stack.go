//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cardea-agent/cardea/agent/policy"
	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/pcsc"
	"github.com/cardea-agent/cardea/pcsc/pcscdtest"
	"github.com/cardea-agent/cardea/pcsc/virtual"
)

// origin is the page that signs in, and rules let it.
const (
	origin = "https://portal.example"
	rules  = "[[origin]]\nurl = \"" + origin + "\"\n"
)

// patience bounds every wait for something that must happen soon.
const patience = 30 * time.Second

// A stack is a resource manager with a reader for virtual cards.
type stack struct {
	suffix string // of the names of its figures; the real pcscd has none
	driver *counter
	reader string
	insert func(kind) (remove func() error, err error)
}

// inProcess is a resource manager in this process.
func inProcess() stack {
	manager := virtual.NewManager()
	slot := manager.AddReader("Bench Reader")
	insert := func(k kind) (func() error, error) {
		slot.Insert(k.card())
		return func() error { slot.Remove(); return nil }, nil
	}
	return stack{suffix: "_in_process", driver: &counter{Driver: manager}, reader: slot.Name(), insert: insert}
}

// startPCSCD starts a private pcscd with two readers, to which this process and
// its children speak from now on.
func startPCSCD() (s stack, stop func(), err error) {
	daemon, err := pcscdtest.Start("Cardea Bench Reader")
	if err != nil {
		return stack{}, nil, err
	}
	// libpcsclite reads it once, at the first call of this process.
	name, value, _ := strings.Cut(daemon.Env(), "=")
	if err := os.Setenv(name, value); err != nil {
		return stack{}, nil, errors.Join(err, daemon.Close())
	}
	stop = func() {
		if err := daemon.Close(); err != nil {
			fmt.Fprintln(os.Stderr, "cardea-bench:", err)
		}
	}
	reader := daemon.Readers[0]
	insert := func(k kind) (func() error, error) { return startCard(reader.Addr, k) }
	return stack{driver: &counter{Driver: pcsc.System{}}, reader: reader.Name, insert: insert}, stop, nil
}

// counter is a driver that counts the commands that are sent.
type counter struct {
	pcsc.Driver
	commands atomic.Int64
}

type countingContext struct {
	pcsc.Context
	counter *counter
}

type countingHandle struct {
	pcsc.Handle
	counter *counter
}

func (c *counter) Establish() (pcsc.Context, error) {
	context, err := c.Driver.Establish()
	return countingContext{context, c}, err
}

func (c countingContext) Connect(reader string, mode pcsc.ShareMode, protocols pcsc.Protocol) (pcsc.Handle, error) {
	handle, err := c.Context.Connect(reader, mode, protocols)
	return countingHandle{handle, c.counter}, err
}

func (h countingHandle) Transmit(command []byte) ([]byte, error) {
	h.counter.commands.Add(1)
	return h.Handle.Transmit(command)
}

func parseRules() *policy.Policy {
	p, err := policy.Parse([]byte(rules))
	if err != nil {
		panic(err) // a constant
	}
	return p
}

// instant is a person who typed the PIN before being asked.
type instant struct {
	answered func() // called when the PIN is on its way; may be nil
}

func (p instant) Open(context.Context, signin.About) (signin.Dialog, error) { return p, nil }

func (p instant) AskPIN(_ context.Context, q signin.PINQuestion) (signin.PINAnswer, error) {
	if q.Wrong || q.LastTry {
		return signin.PINAnswer{}, &signin.Error{Code: signin.CodeCancelled} // the right PIN was refused
	}
	if p.answered != nil {
		p.answered()
	}
	return signin.PINAnswer{PIN: signin.NewPIN([]byte(virtual.DefaultPIN))}, nil
}

func (p instant) ChooseKey(context.Context, []signin.KeyChoice) (int, error) { return 0, nil }

func (p instant) ConfirmLastTry(context.Context, signin.PINQuestion) error {
	return &signin.Error{Code: signin.CodeCancelled}
}

func (p instant) ShowKeypad(ctx context.Context, _ signin.PINQuestion) error {
	<-ctx.Done()
	return ctx.Err()
}

func (p instant) ShowSigning(ctx context.Context, _ int, _ <-chan int) error {
	<-ctx.Done()
	return ctx.Err()
}

func (p instant) Close() {}
