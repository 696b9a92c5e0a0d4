//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cardea-agent/cardea/pkcs11/host"
	"github.com/cardea-agent/cardea/pkcs11/pkcs11test"
)

// moduleRole is the first argument of this program when it is a module's process.
const moduleRole = "pkcs11-host"

// The goals for modules: what a process of its own may add to one signature, how
// much longer a batch may take, and how soon after a fault the next signature
// must be there.
const (
	overRaw      = 0.3  // ms
	batchFactor  = 1.1  // of the raw loop
	recoveryGoal = 1000 // ms, beside the deadline of a module that hangs
)

// hangDeadline is how long a module may take for one call where it hangs.
const hangDeadline = time.Second

const (
	batchSize   = 250
	fewRounds   = 50 // of batches
	fewerRounds = 10 // of recoveries
)

// measureModules measures signatures by a SoftHSM token through a process of the
// module's own, against the same calls made here.
func measureModules(ctx context.Context, folder string, rounds int) (figures []figure, err error) {
	stage, err := newStage(ctx, folder)
	if err != nil {
		return nil, err
	}
	defer func() { err = stage.end(recover(), err) }()
	token := pkcs11test.New(stage, pkcs11test.P256)
	for _, setting := range token.Env {
		name, value, _ := strings.Cut(setting, "=")
		if err := os.Setenv(name, value); err != nil {
			return nil, err
		}
	}
	m := &modules{ctx: ctx, token: token}
	for _, part := range []struct {
		name      string
		n, rounds int
		goal      func(floor float64) float64
	}{
		{"hosted_sign_p256_ms", 1, rounds, func(floor float64) float64 { return floor + overRaw }},
		{fmt.Sprintf("hosted_batch_%d_ms", batchSize), batchSize, min(rounds, fewRounds), func(floor float64) float64 { return floor * batchFactor }},
	} {
		floors, products, err := m.against(part.n, part.rounds)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", part.name, err)
		}
		figures = append(figures, summary(part.name, "ms", products).above(floors).within(part.goal(floors.median())))
	}
	faulty := pkcs11test.NewFaulty(stage, token)
	defer pkcs11test.CleanUp()
	for _, part := range []struct {
		name, fault string
		call        time.Duration
		goal        float64
	}{
		{"module_crash_recovery_ms", "C_Sign crashes", 0, recoveryGoal}, // a busy machine may need more time for a sound call
		{"module_hang_recovery_ms", "C_Sign hangs", hangDeadline, recoveryGoal + milliseconds(hangDeadline)},
	} {
		took, err := m.recovery(stage, faulty, part.fault, part.call, min(rounds, fewerRounds))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", part.name, err)
		}
		figures = append(figures, summary(part.name, "ms", took).within(part.goal))
	}
	return figures, nil
}

// modules is what the figures of modules share.
type modules struct {
	ctx   context.Context
	token *pkcs11test.Token
}

func newHost(module string, env []string, call time.Duration) (*host.Host, error) {
	command, err := host.Self(moduleRole)
	if err != nil {
		return nil, err
	}
	return host.New(host.Config{Command: command, Module: module, Env: env, Call: call}), nil
}

// request is for n signatures.
func (m *modules) request(n int) host.SignRequest {
	r := host.SignRequest{PIN: []byte(pkcs11test.PIN)}
	r.Reader, r.Certificate, r.Mechanism, r.Hash = m.token.Slot, m.token.Keys[0].Certificate.Raw, host.ECDSA, crypto.SHA256
	for i := range n {
		digest := sha256.Sum256([]byte{byte(i)})
		r.Digests = append(r.Digests, digest[:])
	}
	return r
}

// against compares a Host with the same calls in this process. The Host's next
// process is ready by then, as it is when a person has typed a PIN.
func (m *modules) against(n, rounds int) (floors, products series, err error) {
	h, err := newHost(m.token.Module, m.token.Environ(), 0)
	if err != nil {
		return nil, nil, err
	}
	defer h.Close()
	raw, err := pkcs11test.NewRaw(m.token.Module, m.token.Slot, m.token.Keys[0].Certificate, pkcs11test.PIN)
	if err != nil {
		return nil, nil, err
	}
	defer raw.Close()
	r := m.request(n)
	if made, err := h.Sign(m.ctx, r); err != nil { // after it there is a next process
		return nil, nil, enough(made, n, err)
	}
	return compare(rounds,
		func() error {
			made, err := raw.Sign(r.Digests)
			return enough(made, n, err)
		},
		func() (time.Duration, error) {
			if err := m.spareIsReady(); err != nil {
				return 0, err
			}
			began := time.Now()
			made, err := h.Sign(m.ctx, r)
			return time.Since(began), enough(made, n, err)
		})
}

func enough(made [][]byte, n int, err error) error {
	if err == nil && len(made) != n {
		err = fmt.Errorf("%d signatures in place of %d", len(made), n)
	}
	return err
}

// getReady is what a process has left to do when it has loaded the module. A
// person who types a PIN takes longer.
const getReady = 50 * time.Millisecond

// spareIsReady waits until the Host's next process has loaded the module, and
// then some.
func (m *modules) spareIsReady() error {
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		files, err := filepath.Glob("/proc/self/task/*/children")
		if err != nil {
			return err
		}
		for _, file := range files {
			pids, _ := os.ReadFile(file) // a thread may have ended
			for _, pid := range strings.Fields(string(pids)) {
				maps, _ := os.ReadFile("/proc/" + pid + "/maps")
				if bytes.Contains(maps, []byte(filepath.Base(m.token.Module))) {
					time.Sleep(getReady)
					return nil
				}
			}
		}
		if ctxErr := m.ctx.Err(); ctxErr != nil {
			return ctxErr
		}
		time.Sleep(time.Millisecond)
	}
	return errors.New("the module's next process was never ready")
}

// recovery is the time from a request that a fault ends to the next signature.
func (m *modules) recovery(stage *stage, faulty *pkcs11test.Faulty, fault string, call time.Duration, rounds int) (took series, err error) {
	h, err := newHost(faulty.Module, faulty.Environ(), call)
	if err != nil {
		return nil, err
	}
	defer h.Close()
	r := m.request(1)
	for range rounds {
		if made, err := h.Sign(m.ctx, r); err != nil { // without a fault
			return nil, enough(made, 1, err)
		}
		faulty.At(stage, 1, fault, 1)
		began := time.Now()
		if _, err := h.Sign(m.ctx, r); err == nil {
			return nil, errors.New("the module has no fault")
		}
		if strings.HasSuffix(fault, "crashes") {
			began = time.Now() // what counts is what comes after it
		}
		made, err := h.Sign(m.ctx, r)
		if err := enough(made, 1, err); err != nil {
			return nil, err
		}
		took.add(time.Since(began))
	}
	return took, nil
}
