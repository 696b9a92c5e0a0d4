//go:build linux

package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"

	"github.com/cardea-agent/cardea/pcsc/virtual"
)

// kind is a kind of card.
type kind struct {
	name      string // in the names of figures
	algorithm virtual.Algorithm
	profile   virtual.Profile
}

var (
	p256    = kind{"p256", virtual.AlgorithmP256, virtual.P256("Robin Example")}
	rsa2048 = kind{"rsa2048", virtual.AlgorithmRSA2048, virtual.RSA2048("Robin Example")}
	// contact is as slow as people's cards.
	contact = kind{"contact_card", virtual.AlgorithmP256, p256.profile.With(func(p *virtual.Profile) { p.Timing = virtual.ContactCard })}
)

// card makes a card of the kind.
func (k kind) card() *virtual.Card { return virtual.NewCard(virtual.NewCA("Bench CA"), k.profile) }

// A card behind pcscd is a process of its own, this program started again with
// these set. In the process of the floor's loop its answers would be late: when
// the loop's one thread blocks in C, Go looks after the network only every ten
// milliseconds.
const (
	cardEnv = "CARDEA_BENCH_CARD" // the kind's name
	slotEnv = "CARDEA_BENCH_SLOT" // where vpcd listens
)

// startCard puts a card into vpcd's slot at addr.
func startCard(addr string, k kind) (remove func() error, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self) //nolint:gosec // this very program
	cmd.Env = append(os.Environ(), cardEnv+"="+k.name, slotEnv+"="+addr)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return sync.OnceValue(func() error {
		_ = in.Close()
		return cmd.Wait()
	}), nil
}

// beCard is the other side: it stays in the slot until its standard input ends.
// It reports whether this process is a card at all.
func beCard() (is bool, err error) {
	name := os.Getenv(cardEnv)
	if name == "" {
		return false, nil
	}
	for _, k := range []kind{p256, rsa2048, contact} {
		if k.name == name {
			slot := virtual.NewVPCD(os.Getenv(slotEnv))
			slot.Insert(k.card())
			defer slot.Remove()
			_, err := io.Copy(io.Discard, os.Stdin)
			return true, err
		}
	}
	return true, fmt.Errorf("there is no kind of card %q", name)
}
