//go:build linux

package host_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/pkcs11/host"
	"github.com/cardea-agent/cardea/pkcs11/pkcs11test"
)

// await waits until something has come about.
func await(t testing.TB, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: it did not happen", what)
		}
	}
}

func TestAModuleThatEndsIsToldAndTheNextRequestWorks(t *testing.T) {
	token := pkcs11test.New(t, pkcs11test.P256)
	for _, function := range []string{"load", "C_Initialize", "C_GetTokenInfo", "C_Login", "C_Sign"} {
		for _, how := range []string{"crashes", "aborts", "exits"} {
			t.Run(function+" "+how, func(t *testing.T) {
				t.Parallel()
				faulty := pkcs11test.NewFaulty(t, token)
				h, _ := newHost(t, &faulty.Token)
				faulty.At(t, 1, function+" "+how, 0)
				signatures, err := h.Sign(t.Context(), request(token, 0, 3))
				failure := wantFailure(t, err, host.Crashed, function)
				if given := function == "C_Login" || function == "C_Sign"; failure.PINGiven != given {
					t.Errorf("PINGiven is %v", failure.PINGiven)
				}
				if len(signatures) != 0 {
					t.Errorf("%d signatures", len(signatures))
				}
				if n := faulty.Count(t, "C_Login"); n > 1 {
					t.Errorf("%d log-ins", n)
				}
				signs(t, h, &faulty.Token)
			})
		}
	}
}

func TestAModuleThatHangsIsEndedAndTheNextRequestWorks(t *testing.T) {
	token := pkcs11test.New(t, pkcs11test.P256)
	for _, function := range []string{"load", "C_Initialize", "C_GetTokenInfo", "C_Login", "C_Sign"} {
		t.Run(function, func(t *testing.T) {
			t.Parallel()
			faulty := pkcs11test.NewFaulty(t, token)
			// What does not hang has these seconds too.
			const limit = 5 * time.Second
			h, _ := newHost(t, &faulty.Token, func(c *host.Config) {
				if c.Call = limit; function == "load" {
					c.Start = 2 * limit // a whole process starts
				}
			})
			faulty.At(t, 1, function+" hangs", 0)
			began := time.Now()
			_, err := h.Sign(t.Context(), request(token, 0, 3))
			wantFailure(t, err, host.Hung, function)
			if took := time.Since(began); took < limit {
				t.Errorf("it was ended after %v", took)
			}
			signs(t, h, &faulty.Token)
		})
	}
}

func TestWhatWasSignedBeforeAFailureIsKept(t *testing.T) {
	token := pkcs11test.New(t, pkcs11test.P256)
	faulty := pkcs11test.NewFaulty(t, token)
	h, _ := newHost(t, &faulty.Token)
	faulty.At(t, 4, "C_Sign crashes", 0)
	r := request(token, 0, 10)
	signatures, err := h.Sign(t.Context(), r)
	if failure := wantFailure(t, err, host.Crashed, "C_Sign"); !failure.PINGiven {
		t.Error("the PIN was given, and it is not told")
	}
	verify(t, r, signatures, 3)
	signs(t, h, &faulty.Token)
}

func TestAFailureAfterTheSignaturesChangesNothing(t *testing.T) {
	token := pkcs11test.New(t, pkcs11test.P256)
	for _, fault := range []string{
		"C_Logout crashes", "C_Logout hangs", "C_Finalize crashes", "C_Finalize exits", "C_Finalize hangs",
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			faulty := pkcs11test.NewFaulty(t, token)
			h, log := newHost(t, &faulty.Token, func(c *host.Config) { c.End = 100 * time.Millisecond })
			faulty.Always(t, fault, 0)
			r := request(token, 0, 3)
			signatures, err := h.Sign(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			verify(t, r, signatures, 3)
			if !strings.Contains(log.String(), "failed after its work") {
				t.Error("it is not in the log")
			}
		})
	}
}

func TestAbsurdLengthsEndTheProcessAndNothingElse(t *testing.T) {
	token := pkcs11test.New(t, pkcs11test.P256)
	for _, test := range []struct {
		fault   string
		value   uint64
		crashes bool
	}{
		{"slot count", 1 << 40, true},
		{"slot count", 1 << 62, true},
		{"slot count", 1000, false}, // reads on behind what it was given
		{"certificate length", 1<<31 - 1, true},
		{"certificate length", 1 << 33, false},
		{"signature length", 1<<31 - 1, true},
		{"signature length", 1<<63 - 1, true},
		{"signature length", 10, false},
		{"signature length", 0, false},
	} {
		t.Run(fmt.Sprintf("%s %d", test.fault, test.value), func(t *testing.T) {
			t.Parallel()
			faulty := pkcs11test.NewFaulty(t, token)
			h, _ := newHost(t, &faulty.Token)
			faulty.Always(t, test.fault, test.value)
			signatures, err := h.Sign(t.Context(), request(token, 0, 1))
			if test.fault != "slot count" && (err == nil || len(signatures) > 0) {
				t.Errorf("%d signatures, %v", len(signatures), err)
			}
			if failure, is := errors.AsType[*host.Failure](err); test.crashes && (!is || failure.How != host.Crashed) {
				t.Errorf("got %v", err)
			}
			faulty.Never(t, test.fault)
			signs(t, h, &faulty.Token)
		})
	}
}

func TestWhatAModulePrintsSpoilsNothing(t *testing.T) {
	token := pkcs11test.New(t, pkcs11test.P256)
	faulty := pkcs11test.NewFaulty(t, token)
	faulty.Always(t, "prints", 0)
	h, log := newHost(t, &faulty.Token)
	signs(t, h, &faulty.Token)
	if n := faulty.Count(t, "took a byte of the parent's"); n != 0 {
		t.Error("the module read from the parent's pipe")
	}
	h.Close()
	text := log.String()
	if !strings.Contains(text, "a module that says what it does") || !strings.Contains(text, "is not kept") {
		t.Errorf("log: %.200s", text)
	}
	if len(text) > 16<<10 {
		t.Errorf("the log has %d bytes", len(text))
	}
}

func TestThePINIsNeverLoggedThoughTheModulePrintsIt(t *testing.T) {
	token := pkcs11test.New(t, pkcs11test.P256)
	faulty := pkcs11test.NewFaulty(t, token)
	faulty.Always(t, "prints the PIN", 0)
	h, log := newHost(t, &faulty.Token)
	for _, fault := range []string{"", "C_Sign crashes", "C_Sign aborts"} {
		if fault != "" {
			faulty.At(t, 1, fault, 0)
		}
		_, err := h.Sign(t.Context(), request(token, 0, 1))
		if (err != nil) != (fault != "") {
			t.Error(err)
		}
		if err != nil && strings.Contains(err.Error(), pkcs11test.PIN) {
			t.Error("the PIN is in the error")
		}
	}
	h.Close()
	// That it is not in the log is checked for every Host of these tests.
	if !strings.Contains(log.String(), "is not kept") {
		t.Errorf("the module printed nothing:\n%s", log)
	}
}

func TestAModuleWithThreadsAndProcessesOfItsOwnIsEnded(t *testing.T) {
	token := pkcs11test.New(t, pkcs11test.P256)
	faulty := pkcs11test.NewFaulty(t, token)
	faulty.Always(t, "starts threads", 0)
	faulty.Always(t, "starts a process", 0)
	h, _ := newHost(t, &faulty.Token)
	signs(t, h, &faulty.Token)
	// The process may be a vendor's service: it is left alone, and holds
	// nothing up.
	for _, note := range faulty.Notes(t) {
		var pid int
		if _, err := fmt.Sscanf(note, "process %d", &pid); err == nil {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestNoCardIsKnownByWhatTheModuleRemembers(t *testing.T) {
	token := pkcs11test.New(t, pkcs11test.P256)
	before := pkcs11test.New(t, pkcs11test.P256)
	faulty := pkcs11test.NewFaulty(t, token)
	faulty.Always(t, "tells an old token", 0)
	h, _ := newHost(t, &faulty.Token)
	tokens, err := h.Tokens(t.Context(), token.Slot)
	if err != nil || len(tokens) != 1 || tokens[0].Label != "the card before" {
		t.Fatalf("%+v, %v", tokens, err)
	}
	signs(t, h, &faulty.Token)
	r := request(token, 0, 1)
	r.Certificate = before.Keys[0].Certificate.Raw
	if _, err := h.Sign(t.Context(), r); !errors.Is(err, host.ErrKeyGone) {
		t.Errorf("got %v", err)
	}
	if n := faulty.Count(t, "C_Login"); n != 1 {
		t.Errorf("%d log-ins, want 1", n)
	}
}

func TestACancelledBatchStopsBetweenTwoItems(t *testing.T) {
	token := pkcs11test.New(t, pkcs11test.P256)
	faulty := pkcs11test.NewFaulty(t, token)
	h, _ := newHost(t, &faulty.Token)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r := request(token, 0, 2000)
	r.Signed = func(place int, _ []byte) {
		if place == 2 {
			cancel()
		}
	}
	signatures, err := h.Sign(ctx, r)
	if !errors.Is(err, context.Canceled) || len(signatures) < 3 || len(signatures) == 2000 {
		t.Fatalf("%d signatures, %v", len(signatures), err)
	}
	verify(t, r, signatures, len(signatures))
	if n := faulty.Count(t, "C_Logout"); n != 1 {
		t.Errorf("%d log-outs, want 1", n)
	}
	signs(t, h, &faulty.Token)
}

func TestACancelledHangIsEndedWithoutItsDeadline(t *testing.T) {
	token := pkcs11test.New(t, pkcs11test.P256)
	for _, function := range []string{"load", "C_Initialize", "C_Sign"} {
		faulty := pkcs11test.NewFaulty(t, token)
		h, _ := newHost(t, &faulty.Token, func(c *host.Config) { c.Start, c.Call = time.Hour, time.Hour })
		faulty.At(t, 1, function+" hangs", 0)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			await(t, function, func() bool { return faulty.Count(t, function+" hangs") > 0 })
			cancel()
		}()
		if _, err := h.Sign(ctx, request(token, 0, 1)); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", function, err)
		}
		signs(t, h, &faulty.Token)
	}
}
