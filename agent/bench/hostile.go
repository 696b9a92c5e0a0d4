//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"github.com/cardea-agent/cardea/agent/endpoint/endpointtest"
	"github.com/cardea-agent/cardea/agent/protocol"
	"github.com/cardea-agent/cardea/agent/signin"
)

// The hostile load: connections a second, half of them silent, the others with
// forged origins. A sign-in of a listed site may take twice as long meanwhile.
const (
	hostileRate  = 2000
	hostileRatio = 2
	// leastLoad is the part of the load that has to be reached for its figures
	// to say anything.
	leastLoad = 0.9
)

// The flood is a process of its own, this program started again with these set,
// as a hostile one would be.
const (
	floodEnv      = "CARDEA_BENCH_FLOOD" // the door's address
	floodCountEnv = "CARDEA_BENCH_FLOOD_COUNT"
)

// beFlood is the other side: it floods, and writes what came of it. It reports
// whether this process is a flood at all.
func beFlood() (is bool, err error) {
	address := os.Getenv(floodEnv)
	if address == "" {
		return false, nil
	}
	count, err := strconv.Atoi(os.Getenv(floodCountEnv))
	if err != nil {
		return true, err
	}
	report := endpointtest.Flood{Address: address, Count: count, Rate: hostileRate}.Run(context.Background())
	return true, json.NewEncoder(os.Stdout).Encode(report)
}

// flooding is a flood that runs.
type flooding struct {
	ended  chan struct{}
	report endpointtest.Report
	err    error
}

func startFlood(ctx context.Context, address string, count int) (*flooding, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self) //nolint:gosec // this very program
	cmd.Env = append(os.Environ(), floodEnv+"="+address, floodCountEnv+"="+strconv.Itoa(count))
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	f := &flooding{ended: make(chan struct{})}
	go func() {
		defer close(f.ended)
		var out []byte
		if out, f.err = cmd.Output(); f.err == nil {
			f.err = json.Unmarshal(out, &f.report)
		}
	}()
	return f, nil
}

// tooMany sign-ins that failed end the measurement.
const tooMany = 20

// visits are sign-ins of a listed site one after the other, each by a connection
// of its own.
type visits struct {
	took   series
	failed int
	why    error // of the last that failed
}

func (v *visits) visit(ctx context.Context, address string) error {
	if err := v.signIn(ctx, address); err != nil {
		v.failed, v.why = v.failed+1, err
	}
	if v.failed > tooMany {
		return fmt.Errorf("%d sign-ins failed: %w", v.failed, v.why)
	}
	return context.Cause(ctx)
}

// signIn counts from the opening of the connection to the token.
func (v *visits) signIn(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	began := time.Now()
	page, err := endpointtest.Open(ctx, address, origin)
	if err != nil {
		return err
	}
	defer page.Close()
	var result protocol.AuthenticateResult
	if err := page.Call(ctx, protocol.MethodAuthenticate, protocol.AuthenticateParams{Nonce: nonce()}, &result); err != nil {
		return err
	}
	v.took.add(time.Since(began))
	return page.Call(ctx, protocol.MethodEndSession, protocol.EndSessionParams{Session: result.Session}, nil)
}

// measureHostile measures sign-ins of a listed site while nothing else happens,
// then under a hostile load, then while nothing else happens again.
func (w ward) measureHostile(ctx context.Context, k kind, while time.Duration) (figures []figure, err error) {
	remove, err := w.insert(k)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	if err := w.await(ctx, signin.Ready); err != nil {
		return nil, err
	}
	var quiet, loaded visits
	var f *flooding
	calm := func() error {
		for began := time.Now(); time.Since(began) < while/3; {
			if err := quiet.visit(ctx, w.address); err != nil {
				return err
			}
		}
		return nil
	}
	if err := calm(); err != nil {
		return nil, err
	}
	if f, err = startFlood(ctx, w.address, int(hostileRate*while.Seconds())); err != nil {
		return nil, err
	}
	for over := false; !over; {
		select {
		case <-f.ended:
			over = true
		default:
			err = loaded.visit(ctx, w.address)
			over = err != nil
		}
	}
	if err = errors.Join(err, f.err); err != nil {
		return nil, err
	}
	memory, err := resident(w.process)
	if err != nil {
		return nil, err
	}
	if err := calm(); err != nil {
		return nil, err
	}
	return append(hostileFigures(quiet, loaded, f.report), summary("hostile_load_rss_mb", "MB", series{memory})), nil
}

func hostileFigures(quiet, loaded visits, report endpointtest.Report) []figure {
	rate := float64(report.Refused+report.Silent+report.Other+report.Failed) / report.Took.Seconds()
	signIns := notMeasured("hostile_load_sign_in_ms", "ms", fmt.Sprintf("only %.0f connections a second were reached", rate))
	if rate >= leastLoad*hostileRate && len(loaded.took) > 0 && len(quiet.took) > 0 {
		signIns = summary("hostile_load_sign_in_ms", "ms", loaded.took).above(quiet.took).within(hostileRatio * quiet.took.median())
	}
	return []figure{
		signIns,
		summary("hostile_load_failed_sign_ins", "1", series{float64(quiet.failed + loaded.failed)}).within(0),
		summary("hostile_load_per_s", "1/s", series{rate}),
		summary("hostile_load_let_in", "1", series{float64(report.Other)}).within(0),
	}
}

// hostile measures the program over pcscd.
func (o options) hostile(ctx context.Context, s stack, folder string) (figures []figure, err error) {
	a, err := startAgent(o.agent, folder)
	if err != nil {
		return nil, err
	}
	w, err := newWard(ctx, s, a)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.stop()) }()
	return w.measureHostile(ctx, p256, o.load)
}
