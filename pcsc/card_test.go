package pcsc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestATransactionBeginsRunsAndEnds(t *testing.T) {
	connected(t, func(t *testing.T, s *script, c *Card) {
		for range 2 {
			err := c.Transact(t.Context(), func(tx *Tx) error {
				if tx.WasReset() {
					t.Error("nobody reset the card")
				}
				got, err := tx.Transmit([]byte{1, 2, 3, 4})
				if !bytes.Equal(got, []byte{1, 2, 3, 4, 0x90, 0}) {
					t.Errorf("the response is %x", got)
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
			wantCalls(t, s, "begin transmit end")
		}
		c.Close()
		wantCalls(t, s, "disconnect release")
		if err := c.Transact(t.Context(), send); !errors.Is(err, ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	})
}

func TestATransactionEndsHoweverItsFunctionDoes(t *testing.T) {
	broken := errors.New("broken")
	tests := []struct {
		name  string
		fn    func(*Tx) error
		err   error
		calls string
	}{
		{"error", func(*Tx) error { return broken }, broken, "begin end"},
		{"reset", func(tx *Tx) error { tx.ResetAtEnd(); return nil }, nil, "begin end+reset"},
		{"reset taken back", func(tx *Tx) error { tx.ResetAtEnd(); tx.LeaveAtEnd(); return nil }, nil, "begin end"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			connected(t, func(t *testing.T, s *script, c *Card) {
				if err := c.Transact(t.Context(), test.fn); err != test.err {
					t.Errorf("got %v, want %v", err, test.err)
				}
				wantCalls(t, s, test.calls)
			})
		})
	}
}

func TestAPanicResetsTheCardAndIsTheCallers(t *testing.T) {
	connected(t, func(t *testing.T, s *script, c *Card) {
		func() {
			defer func() {
				if text := fmt.Sprint(recover()); !strings.HasPrefix(text, "broken\n") || !strings.Contains(text, "card_test.go") {
					t.Errorf("the panic says %s", text)
				}
			}()
			_ = c.Transact(t.Context(), func(*Tx) error { panic("broken") })
			t.Error("the panic was swallowed")
		}()
		wantCalls(t, s, "begin end+reset")
		if err := c.Transact(t.Context(), send); err != nil {
			t.Errorf("the next transaction: %v", err)
		}
	})
}

func TestAFatalTestInATransactionEndsBoth(t *testing.T) {
	connected(t, func(t *testing.T, s *script, c *Card) {
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = c.Transact(t.Context(), func(*Tx) error { runtime.Goexit(); return nil })
			t.Error("Transact returned")
		}()
		<-ended
		wantCalls(t, s, "begin end+reset disconnect release")
		if err := c.Transact(t.Context(), send); !errors.Is(err, ErrClosed) {
			t.Errorf("the next transaction: %v", err)
		}
	})
}

func TestAResetCardIsTakenUp(t *testing.T) {
	for _, code := range []Code{CardReset, UnpoweredCard} {
		connected(t, func(t *testing.T, s *script, c *Card) {
			s.answer("begin", code)
			err := c.Transact(t.Context(), func(tx *Tx) error {
				if !tx.WasReset() {
					t.Error("the function does not learn of the reset")
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
			wantCalls(t, s, "begin reconnect begin end")

			s.answer("begin", code)
			s.answer("begin", code)
			if err := c.Transact(t.Context(), send); err != nil {
				t.Errorf("after a second reset before the transaction: %v", err)
			}
			wantCalls(t, s, "begin reconnect begin reconnect begin transmit end")

			for range 1 + mostResets {
				s.answer("begin", code)
			}
			if err := c.Transact(t.Context(), send); !errors.Is(err, ErrCardReset) {
				t.Errorf("after resets without end: %v", err)
			}
			wantCalls(t, s, "begin reconnect begin reconnect begin reconnect begin")
		})
	}
}

func TestACardThatIsGoneIsRemoved(t *testing.T) {
	tests := []struct {
		name    string
		prepare func(*script)
		calls   string
	}{
		{"before", func(s *script) { s.answer("begin", RemovedCard) }, "begin"},
		{"before, and a reset", func(s *script) { s.answer("begin", CardReset); s.answer("reconnect", NoSmartcard) }, "begin reconnect"},
		{"within", func(s *script) { s.answer("transmit", NotTransacted); s.answer("end", RemovedCard) },
			"begin transmit end end+reset disconnect release"},
		{"within, and the driver calls it an answer", func(s *script) { s.silent = true; s.answer("end", RemovedCard) },
			"begin transmit end end+reset disconnect release"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			connected(t, func(t *testing.T, s *script, c *Card) {
				test.prepare(s)
				if err := c.Transact(t.Context(), send); !errors.Is(err, ErrCardRemoved) {
					t.Errorf("got %v", err)
				}
				wantCalls(t, s, test.calls)
			})
		})
	}
}

func TestAFailedEndClosesTheCardAndMattersIfAResetWasAsked(t *testing.T) {
	tests := []struct {
		reset bool
		end   error
		want  error
	}{
		{false, InternalError, nil},
		{true, InternalError, ErrFailed},
		{true, NoService, ErrNoService},
		{true, RemovedCard, nil},
	}
	for _, test := range tests {
		connected(t, func(t *testing.T, s *script, c *Card) {
			end := "end"
			if test.reset {
				end = "end+reset"
			}
			s.answer(end, test.end)
			err := c.Transact(t.Context(), func(tx *Tx) error {
				if test.reset {
					tx.ResetAtEnd()
				}
				return nil
			})
			if !errors.Is(err, test.want) || (err == nil) != (test.want == nil) {
				t.Errorf("%+v: %v", test, err)
			}
			wantCalls(t, s, "begin "+end+" end+reset disconnect release")
			if err := c.Transact(t.Context(), send); !errors.Is(err, ErrClosed) {
				t.Errorf("the next transaction: %v", err)
			}
		})
	}
}

func TestAConnectionNobodyWaitsForIsGivenBack(t *testing.T) {
	for _, stuck := range []string{"establish", "connect"} {
		synctest.Test(t, func(t *testing.T) {
			s := newScript()
			resume := s.hang(stuck)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			start := time.Now()
			if _, err := Connect(ctx, s, "A"); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
				t.Errorf("%v after %v", err, time.Since(start))
			}
			resume()
			wantCalls(t, s, "establish connect disconnect release")
		})
	}
}

func TestAFailedConnectionGivesItsContextBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript()
		s.answer("connect", SharingViolation)
		if _, err := Connect(t.Context(), s, "A"); !errors.Is(err, ErrInUse) {
			t.Errorf("got %v", err)
		}
		wantCalls(t, s, "establish connect release")
	})
}

func TestATransactionNobodyWaitsForIsEnded(t *testing.T) {
	connected(t, func(t *testing.T, s *script, c *Card) {
		resume := s.hang("begin")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := c.Transact(ctx, func(*Tx) error { t.Error("the function ran"); return nil })
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		wantCalls(t, s, "begin")
		resume()
		wantCalls(t, s, "end")
		if err := c.Transact(t.Context(), send); err != nil {
			t.Errorf("the next transaction: %v", err)
		}
	})
}

func TestTransactionsTakeTurns(t *testing.T) {
	connected(t, func(t *testing.T, s *script, c *Card) {
		within := make(chan struct{})
		first := make(chan error)
		go func() {
			first <- c.Transact(t.Context(), func(*Tx) error { <-within; return nil })
		}()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.Transact(ctx, send); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a second transaction beside the first: %v", err)
		}
		close(within)
		if err := <-first; err != nil {
			t.Error(err)
		}
		wantCalls(t, s, "begin end")
	})
}

func TestAnEndedContextLetsTheFunctionTidyUp(t *testing.T) {
	connected(t, func(t *testing.T, s *script, c *Card) {
		ctx, cancel := context.WithCancel(t.Context())
		s.do("transmit", func() error { cancel(); time.Sleep(grace - time.Millisecond); return nil })
		err := c.Transact(ctx, func(tx *Tx) error {
			if err := send(tx); err != nil { // the slow one, under which ctx ends
				t.Error(err)
			}
			return errors.Join(ctx.Err(), send(tx))
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		wantCalls(t, s, "begin transmit transmit end")
		if err := c.Transact(ctx, send); !errors.Is(err, context.Canceled) {
			t.Errorf("a transaction under an ended context: %v", err)
		}
		wantCalls(t, s, "")
	})
}

func TestACallThatHangsIsGivenUpAndTheCardResetLater(t *testing.T) {
	connected(t, func(t *testing.T, s *script, c *Card) {
		resume := s.hang("transmit")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		command := []byte{0, 0x20, 0, 0x80, 4, '1', '2', '3', '4'}
		start := time.Now()
		err := c.Transact(ctx, func(tx *Tx) error {
			_, _ = tx.Transmit(command)
			return send(tx) // when nobody waits any more
		})
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, ErrUnresponsive) || time.Since(start) != time.Second+grace {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		wantCalls(t, s, "begin transmit")
		clear(command)
		if got := s.sent[0]; !bytes.HasSuffix(got, []byte("1234")) {
			t.Errorf("the caller's wiping reached a command on its way: %x", got)
		}
		if err := c.Transact(t.Context(), send); !errors.Is(err, ErrClosed) {
			t.Errorf("the next transaction: %v", err)
		}
		resume()
		wantCalls(t, s, "end+reset disconnect release")
		if got := s.sent[0]; !bytes.Equal(got, make([]byte, len(got))) {
			t.Errorf("the copy of the command was not wiped: %x", got)
		}
	})
}

func TestTheCopyOfACommandIsWiped(t *testing.T) {
	connected(t, func(t *testing.T, s *script, c *Card) {
		s.answer("transmit", nil)
		s.answer("transmit", RemovedCard)
		_ = c.Transact(t.Context(), func(tx *Tx) error { return errors.Join(send(tx), send(tx)) })
		if len(s.sent) != 2 {
			t.Fatalf("%d commands were sent", len(s.sent))
		}
		for _, copied := range s.sent {
			if !bytes.Equal(copied, make([]byte, 4)) {
				t.Errorf("a copy is %x", copied)
			}
		}
	})
}

func TestATransactionIsOverWhenItsFunctionIs(t *testing.T) {
	connected(t, func(t *testing.T, s *script, c *Card) {
		var kept *Tx
		if err := c.Transact(t.Context(), func(tx *Tx) error { kept = tx; return nil }); err != nil {
			t.Error(err)
		}
		if err := send(kept); !errors.Is(err, ErrClosed) {
			t.Errorf("a transaction that is over: %v", err)
		}
		wantCalls(t, s, "begin end")
	})
}

func TestCloseUnderATransactionResetsTheCard(t *testing.T) {
	connected(t, func(t *testing.T, s *script, c *Card) {
		err := c.Transact(t.Context(), func(tx *Tx) error {
			go c.Close()
			synctest.Wait()
			return send(tx)
		})
		if !errors.Is(err, ErrClosed) {
			t.Errorf("got %v", err)
		}
		wantCalls(t, s, "begin end+reset disconnect release")
	})
}

// The budget is half a millisecond over the raw calls for a whole sign-in: one
// transaction of about ten commands, as here.
func BenchmarkOverhead(b *testing.B) {
	c, err := Connect(b.Context(), instant{}, "A")
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	b.ReportAllocs()
	for b.Loop() {
		err := c.Transact(b.Context(), func(tx *Tx) error {
			for range 10 {
				if err := send(tx); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
