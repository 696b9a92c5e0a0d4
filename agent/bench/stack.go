//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"strings"
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
	driver pcsc.Driver
	reader string
	slot   virtual.Slot
}

// inProcess is a resource manager in this process.
func inProcess() stack {
	manager := virtual.NewManager()
	slot := manager.AddReader("Bench Reader")
	return stack{suffix: "_in_process", driver: manager, reader: slot.Name(), slot: slot}
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
		_ = daemon.Close()
		return stack{}, nil, err
	}
	slot := virtual.NewVPCD(daemon.Readers[0].Addr)
	stop = func() {
		slot.Remove()
		if err := daemon.Close(); err != nil {
			fmt.Fprintln(os.Stderr, "cardea-bench:", err)
		}
	}
	return stack{driver: pcsc.System{}, reader: daemon.Readers[0].Name, slot: slot}, stop, nil
}

// kind is a kind of card.
type kind struct {
	name      string // in the names of figures
	algorithm virtual.Algorithm
	profile   virtual.Profile
}

var (
	p256    = kind{"p256", virtual.AlgorithmP256, virtual.P256("Robin Example")}
	rsa2048 = kind{"rsa2048", virtual.AlgorithmRSA2048, virtual.RSA2048("Robin Example")}
)

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

func (p instant) Close() {}
