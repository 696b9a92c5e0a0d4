package virtual_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cardea-agent/cardea/pcsc/virtual"
)

func TestAScriptMakesTheCardFail(t *testing.T) {
	ca := virtual.NewCA("Test CA")
	tests := []struct {
		name   string
		script []virtual.Fault
		want   []string // of two empty VERIFY and two wrong PINs
	}{
		{"sound", nil, []string{"63C3", "63C3", "63C2", "63C1"}},
		{"removed at the second", []virtual.Fault{virtual.RemoveAt(2)}, []string{"63C3", "removed", "63C2", "63C1"}},
		{"mute at the first", []virtual.Fault{virtual.MuteAt(1)}, []string{"mute", "63C3", "63C2", "63C1"}},
		{"mute from the third on", []virtual.Fault{virtual.MuteAt(3).Always()}, []string{"63C3", "63C3", "mute", "mute"}},
		{"removed after the work", []virtual.Fault{virtual.At(3, virtual.RemoveAfter)}, []string{"63C3", "63C3", "removed", "63C1"}},
		{"wrong status word", []virtual.Fault{virtual.At(3, virtual.Answer(0x6F00))}, []string{"63C3", "63C3", "6F00", "63C2"}},
		{"garbage", []virtual.Fault{virtual.On(0x20, virtual.Garbage(0x42))}, []string{"42", "63C3", "63C2", "63C1"}},
		{"garbage always", []virtual.Fault{virtual.On(0x20, virtual.Garbage(1, 2, 3)).Always()}, []string{"010203", "010203", "010203", "010203"}},
		{"another instruction", []virtual.Fault{virtual.On(0x87, virtual.Mute)}, []string{"63C3", "63C3", "63C2", "63C1"}},
		{"the third with the instruction", []virtual.Fault{virtual.On(0x20, virtual.Mute).Skip(2)}, []string{"63C3", "63C3", "mute", "63C2"}},
		{"two faults", []virtual.Fault{virtual.MuteAt(1), virtual.On(0x20, virtual.Answer(0x6700))}, []string{"mute", "6700", "63C2", "63C1"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			card := virtual.NewCard(ca, virtual.P256("Robin Example"))
			card.Script(test.script...)
			for i, command := range []string{triesLeft, triesLeft, verifyWrong, verifyWrong} {
				answer, err := card.Transmit(t.Context(), unhex(t, command))
				got := hexadecimal(answer)
				switch {
				case errors.Is(err, virtual.ErrRemoved):
					got = "removed"
				case errors.Is(err, virtual.ErrMute):
					got = "mute"
				}
				if got != test.want[i] {
					t.Errorf("command %d: %s, want %s", i+1, got, test.want[i])
				}
			}
		})
	}
}

func TestADelayEndsWhenTheCardIsPulled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		card := virtual.NewCard(virtual.NewCA("Test CA"), virtual.P256("Robin Example"))
		card.Script(virtual.On(0x20, virtual.Delay(time.Minute)).Always())
		start := time.Now()
		if _, sw := send(t, card, unhex(t, triesLeft)); sw != 0x63C3 || time.Since(start) != time.Minute {
			t.Errorf("%04X after %v", sw, time.Since(start))
		}
		ctx, pull := context.WithTimeout(t.Context(), time.Second)
		defer pull()
		start = time.Now()
		if _, err := card.Transmit(ctx, unhex(t, verifyWrong)); !errors.Is(err, virtual.ErrRemoved) || time.Since(start) != time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if pin, _ := card.TriesLeft(); pin != 3 {
			t.Errorf("%d tries left: the command was done although the card was out", pin)
		}
	})
}

func TestACommandIsHeldUntilItIsLetGoOrTheCardIsPulled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		card := virtual.NewCard(virtual.NewCA("Test CA"), virtual.P256("Robin Example"))
		card.Script(virtual.On(0x20, virtual.Hold(func(context.Context) {
			time.Sleep(time.Minute)
			card.Script(virtual.On(0x20, virtual.Hold(func(ctx context.Context) { <-ctx.Done() })))
		})))
		start := time.Now()
		if _, sw := send(t, card, unhex(t, triesLeft)); sw != 0x63C3 || time.Since(start) != time.Minute {
			t.Errorf("%04X after %v", sw, time.Since(start))
		}
		ctx, pull := context.WithTimeout(t.Context(), time.Second)
		defer pull()
		if _, err := card.Transmit(ctx, unhex(t, verifyWrong)); !errors.Is(err, virtual.ErrRemoved) {
			t.Error(err)
		}
		if pin, _ := card.TriesLeft(); pin != 3 {
			t.Errorf("%d tries left: the command was done although the card was out", pin)
		}
	})
}

func TestACardIsAsSlowAsItsTiming(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		timing := virtual.Timing{
			Reset: 50 * time.Millisecond, Command: time.Millisecond, ByteIn: 10 * time.Microsecond, ByteOut: 20 * time.Microsecond,
			PIN: 5 * time.Millisecond, P256: 70 * time.Millisecond, P384: 140 * time.Millisecond, RSA2048: 300 * time.Millisecond,
		}
		card := virtual.NewCard(virtual.NewCA("Test CA"), virtual.P256("Robin Example").With(virtual.As(timing)))
		took := func(command string) time.Duration {
			start := time.Now()
			answer, err := card.Transmit(t.Context(), unhex(t, command))
			if err != nil {
				t.Fatal(err)
			}
			// What the bytes took is taken off: signatures differ in length.
			bytes := time.Duration(len(unhex(t, command)))*timing.ByteIn + time.Duration(len(answer))*timing.ByteOut
			return time.Since(start) - bytes
		}
		for command, want := range map[string]time.Duration{
			selectPIV: time.Millisecond, verifyRight: 6 * time.Millisecond,
		} {
			if got := took(command); got != want {
				t.Errorf("%s: %v, want %v", command, got, want)
			}
		}
		if got := took(signP256); got != 71*time.Millisecond {
			t.Errorf("a signature: %v", got)
		}
		start := time.Now()
		if err := card.Reset(t.Context()); err != nil || time.Since(start) != timing.Reset {
			t.Errorf("a reset: %v, %v", time.Since(start), err)
		}
	})
}
