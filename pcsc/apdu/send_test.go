package apdu

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
)

// script is a link that expects the commands it was given and answers each.
type script struct {
	t     *testing.T
	steps []step
	seen  [][]byte // the buffers themselves, to see whether they were cleared
}

type step struct{ command, answer string }

func (s *script) Transmit(command []byte) ([]byte, error) {
	s.t.Helper()
	s.seen = append(s.seen, command)
	if len(s.steps) == 0 {
		s.t.Fatalf("unexpected command %X", command)
	}
	next := s.steps[0]
	s.steps = s.steps[1:]
	if want := unhex(s.t, next.command); !bytes.Equal(command, want) {
		s.t.Fatalf("command %X, want %X", command, want)
	}
	if next.answer == "" {
		return nil, errLink
	}
	return unhex(s.t, next.answer), nil
}

var errLink = errors.New("card removed")

// link makes a Transmitter of a function.
type link func([]byte) ([]byte, error)

func (l link) Transmit(command []byte) ([]byte, error) { return l(command) }

func long(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

func TestSendingHidesChainsAndLengths(t *testing.T) {
	long300 := fmt.Sprintf("%X", long(300))
	sign := Command{INS: 0x87, P1: 7, P2: 0x9A, Data: long(300), Le: 256}
	read := Command{INS: 0xCB, P1: 0x3F, P2: 0xFF, Data: []byte{0x5C, 0}, Le: 256}
	for _, c := range []struct {
		name    string
		mode    Mode
		command Command
		steps   []step
		data    string
		status  StatusWord
	}{
		{"one APDU", Chained, read, []step{{"00CB3FFF025C0000", "AABB9000"}}, "AABB", Success},
		{"no", Chained, read, []step{{"00CB3FFF025C0000", "6A82"}}, "", NotFound},
		{"chain", Chained, sign, []step{
			{"1087079AFF" + long300[:510], "9000"},
			{"0087079A2D" + long300[510:] + "00", "AA9000"}}, "AA", Success},
		{"chain refused midway", Chained, sign, []step{{"1087079AFF" + long300[:510], "6884"}}, "", 0x6884},
		{"one extended", OneExtended, sign, []step{{"0087079A00012C" + long300 + "0100", "AA9000"}}, "AA", Success},
		{"short although extended is known", OneExtended, read, []step{{"00CB3FFF025C0000", "9000"}}, "", Success},
		{"more to fetch", Chained, read, []step{
			{"00CB3FFF025C0000", "AA6100"}, {"00C0000000", "BB6102"}, {"00C0000002", "CCDD9000"}}, "AABBCCDD", Success},
		{"more to fetch ends with a warning", Chained, read, []step{
			{"00CB3FFF025C0000", "6102"}, {"00C0000002", "CC6282"}}, "CC", 0x6282},
		{"right Le named", Chained, read, []step{
			{"00CB3FFF025C0000", "6C03"}, {"00CB3FFF025C0003", "AABBCC9000"}}, "AABBCC", Success},
		{"right Le named for GET RESPONSE", Chained, read, []step{
			{"00CB3FFF025C0000", "6100"}, {"00C0000000", "6C01"}, {"00C0000001", "AA9000"}}, "AA", Success},
		{"right Le named twice is an answer", Chained, read, []step{
			{"00CB3FFF025C0000", "6C03"}, {"00CB3FFF025C0003", "6C04"}}, "", 0x6C04},
		{"a PIN is never sent again", Chained, Command{INS: 0x20, P2: 0x80, Data: []byte("12345678")},
			[]step{{"00200080083132333435363738", "6C08"}}, "", 0x6C08},
		{"T=0 drops Le after data", ChainedT0, read, []step{
			{"00CB3FFF025C00", "6102"}, {"00C0000002", "AABB9000"}}, "AABB", Success},
		{"T=0 needs a length", ChainedT0, Command{INS: 0x20, P2: 0x80}, []step{{"0020008000", "63C3"}}, "", 0x63C3},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &script{t: t, steps: c.steps}
			r, err := Send(s, c.command, c.mode)
			if err != nil {
				t.Fatal(err)
			}
			if r.Status != c.status || !bytes.Equal(r.Data, unhex(t, c.data)) {
				t.Errorf("answer %X %v, want %s %v", r.Data, r.Status, c.data, c.status)
			}
			if len(s.steps) > 0 {
				t.Errorf("not sent: %v", s.steps)
			}
		})
	}
}

func TestEveryBufferIsClearedAfterSending(t *testing.T) {
	pin := []byte("83927461")
	verify := Command{INS: InsVerify, P2: 0x80, Data: pin}
	check := func(t *testing.T, seen [][]byte) {
		t.Helper()
		if len(seen) == 0 {
			t.Fatal("nothing was sent")
		}
		for _, b := range seen {
			if !bytes.Equal(b, make([]byte, len(b))) {
				t.Errorf("buffer still holds %X", b)
			}
		}
	}
	for _, answer := range []string{"9000", "63C2", "90", ""} {
		s := &script{t: t, steps: []step{{"00200080083833393237343631", answer}}}
		_, err := Send(s, verify, Chained)
		if failed := len(answer) < 4; failed != (err != nil) {
			t.Errorf("answer %q: %v", answer, err)
		}
		check(t, s.seen)
	}
	t.Run("also when the link panics", func(t *testing.T) {
		var seen [][]byte
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
			check(t, seen)
		}()
		_, _ = Send(link(func(b []byte) ([]byte, error) {
			seen = append(seen, b)
			panic("driver")
		}), verify, Chained)
	})
	if string(pin) != "83927461" {
		t.Error("the caller's PIN is the caller's to clear")
	}
}

func TestAFailedLinkIsTheCauseOfTheError(t *testing.T) {
	s := &script{t: t, steps: []step{{"00C0000001", ""}}}
	if _, err := Send(s, Command{INS: 0xC0, Le: 1}, Chained); !errors.Is(err, errLink) {
		t.Errorf("error %v", err)
	}
}

func TestACardCannotKeepUsFetching(t *testing.T) {
	calls := 0
	for name, answer := range map[string][]byte{
		"nothing, for ever": {0x61, 0x00},
		"one byte at once":  {0xAA, 0x61, 0x00},
		"much at once":      append(make([]byte, 256), 0x61, 0x00),
		"far too much":      append(make([]byte, MaxResponse+1), 0x90, 0x00),
		"no status word":    {0x90},
		"nothing":           {},
	} {
		calls = 0
		_, err := Send(link(func([]byte) ([]byte, error) { calls++; return answer, nil }), Command{INS: 0xCB, Le: 256}, Chained)
		if !errors.Is(err, ErrResponse) {
			t.Errorf("%s: %v after %d calls", name, err, calls)
		}
		if calls > MaxResponse+1 {
			t.Errorf("%s: %d calls", name, calls)
		}
	}
}

func TestWhatCannotBeSentIsRefusedUnsent(t *testing.T) {
	s := &script{t: t}
	if _, err := Send(s, Command{Data: make([]byte, 70000)}, OneExtended); !errors.Is(err, ErrCommand) {
		t.Errorf("error %v", err)
	}
}

func TestExtendedLengthsAreUsedOnlyWhereTheATRAnnouncesThem(t *testing.T) {
	for _, c := range []struct {
		name, atr string
		t1        bool
		want      Mode
	}{
		{"virtual PIV card, T=1", "3B8B8001 80F9A0000003080000100000 C8", true, Chained},
		{"any card, T=0", "3B8B800180F9A0000003080000100000C8", false, ChainedT0},
		{"YubiKey 5", "3BFD1300008131FE158073C021C057597562694B657940", true, OneExtended},
		{"YubiKey 5 over T=0", "3BFD1300008131FE158073C021C057597562694B657940", false, ChainedT0},
		{"capabilities without extended", "3B05 80 73 C0 21 80", true, Chained},
		{"two capability bytes", "3B04 80 72 C0 61", true, Chained},
		{"status at the end", "3B08 00 73 C0 21 C0 05 90 00", true, OneExtended},
		{"status at the end is not an object", "3B07 00 73 C0 21 C0 90 00", true, Chained},
		{"object cut off", "3B03 80 73 C0", true, Chained},
		{"other category", "3B05 C1 73 C0 21 C0", true, Chained},
		{"historical bytes cut off", "3B0F 80 73 C0 21 C0", true, Chained},
		{"interface bytes cut off", "3BF0 11", true, Chained},
		{"none", "", true, Chained},
	} {
		if got := ModeFor(unhex(t, c.atr), c.t1); got != c.want {
			t.Errorf("%s: mode %v, want %v", c.name, got, c.want)
		}
	}
}

func TestEveryStatusWordHasATextAndOnlyOne(t *testing.T) {
	texts := map[string]StatusWord{}
	for s := range exactTexts {
		texts[s.Error()] = s
	}
	if len(texts) != len(exactTexts) {
		t.Errorf("%d texts for %d status words", len(texts), len(exactTexts))
	}
	for s, want := range map[StatusWord]string{
		0x9000: "card answered 9000, success",
		0x63C2: "card answered 63C2, verification failed, tries left: 2",
		0x6983: "card answered 6983, authentication method blocked",
		0x6A82: "card answered 6A82, file or application not found",
		0x6145: "card answered 6145, more data available",
		0x6C10: "card answered 6C10, wrong expected length",
		0x69F0: "card answered 69F0, command not allowed",
		0x1234: "card answered 1234, meaning not defined by ISO 7816-4",
	} {
		if got := s.Error(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestTriesLeftAreReadFrom63CxAlone(t *testing.T) {
	for s, want := range map[StatusWord]int{0x63C0: 0, 0x63C3: 3, 0x63CF: 15, 0x6300: -1, 0x63D1: -1, 0x6983: -1, 0x9000: -1} {
		got, ok := s.TriesLeft()
		if !ok {
			got = -1
		}
		if got != want {
			t.Errorf("%04X: %d, want %d", uint16(s), got, want)
		}
	}
}

// FuzzSend lets the fuzzer be the card: each answer is length-prefixed in the
// input, and the last one repeats.
func FuzzSend(f *testing.F) {
	f.Add(byte(0), []byte{2, 0x90, 0x00})
	f.Add(byte(1), []byte{3, 0xAA, 0x61, 0x01, 3, 0xBB, 0x90, 0x00})
	f.Add(byte(2), []byte{2, 0x6C, 0x01, 2, 0x61, 0x00})
	f.Add(byte(0), []byte{2, 0x61, 0x00, 3, 0x01, 0x61, 0x00})
	f.Fuzz(func(t *testing.T, mode byte, answers []byte) {
		answer := []byte{}
		card := link(func([]byte) ([]byte, error) {
			if len(answers) > 0 {
				n := min(int(answers[0]), len(answers)-1)
				answer, answers = answers[1:1+n], answers[1+n:]
			}
			return bytes.Clone(answer), nil
		})
		r, err := Send(card, Command{INS: 0x87, Data: long(600), Le: 256}, Mode(mode%3))
		if err == nil && len(r.Data) > MaxResponse {
			t.Fatalf("%d bytes", len(r.Data))
		}
	})
}

func FuzzModeFor(f *testing.F) {
	f.Add(unhex(f, "3B8B800180F9A0000003080000100000C8"))
	f.Add(unhex(f, "3BFD1300008131FE158073C021C057597562694B657940"))
	f.Fuzz(func(t *testing.T, atr []byte) {
		if n := len(historicalBytes(atr)); n > 15 {
			t.Fatalf("%d historical bytes", n)
		}
		if ModeFor(atr, false) != ChainedT0 {
			t.Fatal("T=0 has no extended lengths")
		}
	})
}
