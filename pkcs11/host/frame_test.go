package host

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/cardea-agent/cardea/pkcs11"
)

func inHeap(size int) []byte { return make([]byte, size) }

func TestAFrameIsReadAsItWasWritten(t *testing.T) {
	for _, f := range []frame{
		{kindBye, nil}, {kindCall, []byte("C_Sign")}, {kindSigned, make([]byte, 512)}, {kindResult, make([]byte, maxBody)},
	} {
		var b bytes.Buffer
		if err := writeFrame(&b, f.kind, f.body); err != nil {
			t.Fatal(err)
		}
		b.WriteString("more")
		got, err := readFrame(&b, inHeap)
		if err != nil || got.kind != f.kind || !bytes.Equal(got.body, f.body) {
			t.Errorf("%s with %d bytes: %s with %d bytes, %v", f.kind, len(f.body), got.kind, len(got.body), err)
		}
		if b.String() != "more" {
			t.Errorf("%s: %q is left", f.kind, b.String())
		}
	}
	if err := writeFrame(io.Discard, kindResult, make([]byte, maxBody+1)); err == nil {
		t.Error("a body over the limit was written")
	}
}

func TestWhatIsNoFrameIsRefused(t *testing.T) {
	for name, text := range map[string]string{
		"no kind":         "\x00\x00\x00\x01\x00",
		"a long kind":     "\x00\x00\x00\x12\x11" + strings.Repeat("a", 17),
		"no letters":      "\x00\x00\x00\x04\x03a-b",
		"a long body":     "\x00\x20\x00\x00\x03bye",
		"a kind too long": "\x00\x00\x00\x03\x03bye",
		"a long PIN":      "\x00\x00\x00\x45\x03pin" + strings.Repeat("1", 65),
		"printed text":    "loading the driver...\n",
	} {
		if f, err := readFrame(strings.NewReader(text), inHeap); !errors.Is(err, errFrame) {
			t.Errorf("%s: %v, %v", name, f, err)
		}
	}
	if _, err := readFrame(strings.NewReader("\x00\x00\x00\x06\x03byeX"), inHeap); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a frame that ends early: %v", err)
	}
	if _, err := readFrame(strings.NewReader(""), inHeap); err != io.EOF {
		t.Errorf("the end: %v", err)
	}
}

func TestAPINIsReadIntoItsOwnBufferAlone(t *testing.T) {
	var b bytes.Buffer
	if err := writePIN(&b, []byte("271828")); err != nil {
		t.Fatal(err)
	}
	var secret []byte
	f, err := readFrame(&b, func(size int) []byte {
		secret = newSecret(size)
		return secret
	})
	if err != nil || f.kind != kindPIN || string(secret) != "271828" || &f.body[0] != &secret[0] {
		t.Fatalf("%v, %q, %v", f, secret, err)
	}
	wipe(f.body)
	if string(secret) != "\x00\x00\x00\x00\x00\x00" {
		t.Errorf("%q is left", secret)
	}
}

func TestAnErrorArrivesAsItWas(t *testing.T) {
	bare := &pkcs11.Error{Call: "C_Login", Code: 0xA0, Kind: pkcs11.ErrPINIncorrect, Tries: pkcs11.TriesFinal}
	for name, kind := range kinds {
		if kind == errStopped {
			continue
		}
		sent := &pkcs11.Error{Call: "C_Sign", Code: 0x5, Kind: kind}
		got, is := errors.AsType[*pkcs11.Error](refusalOf(sent).err())
		if !is || !reflect.DeepEqual(got, sent) {
			t.Errorf("%s: %#v", name, got)
		}
	}
	got := refusalOf(bare).err()
	if !reflect.DeepEqual(got, error(bare)) {
		t.Errorf("%#v", got)
	}
	longer := fmt.Errorf("%w: 10 bytes", bare)
	got = refusalOf(longer).err()
	if got.Error() != longer.Error() || !errors.Is(got, pkcs11.ErrPINIncorrect) || !errors.Is(got, pkcs11.Code(0xA0)) {
		t.Errorf("%v", got)
	}
	if refusalOf(nil).err() != nil {
		t.Error("no error became one")
	}
	if got := refusalOf(errStopped).err(); got != errStopped {
		t.Errorf("%v", got)
	}
	if got := refusalOf(io.ErrShortWrite).err(); !errors.Is(got, pkcs11.ErrFailed) || got.Error() != io.ErrShortWrite.Error() {
		t.Errorf("%v", got)
	}
}

func TestWhatAChildMayNotSayIsAFailure(t *testing.T) {
	signing := func() *operation {
		return &operation{call: "C_Sign", sign: &SignRequest{Batch: pkcs11.Batch{Digests: make([][]byte, 1)}}}
	}
	given := func(o *operation) *operation { o.pinGiven = true; return o }
	ended := func(o *operation) *operation { o.ended = true; return o }
	for name, test := range map[string]struct {
		o *operation
		f frame
	}{
		"an unknown kind":              {signing(), frame{kind: "hello"}},
		"a parent's kind":              {signing(), frame{kind: kindCancel}},
		"a signature without a PIN":    {signing(), frame{kindSigned, []byte{1}}},
		"a signature too many":         {func() *operation { o := given(signing()); o.signatures = make([][]byte, 1); return o }(), frame{kindSigned, []byte{1}}},
		"a signature after the end":    {ended(given(signing())), frame{kindSigned, []byte{1}}},
		"a signature nobody asked for": {&operation{}, frame{kindSigned, []byte{1}}},
		"asking for the PIN twice":     {given(signing()), frame{kind: kindAskPIN}},
		"asking for the PIN late":      {ended(signing()), frame{kind: kindAskPIN}},
		"asking for the PIN to list":   {&operation{}, frame{kind: kindAskPIN}},
		"a keypad to list":             {&operation{}, frame{kind: kindKeypad}},
		"a bad result":                 {signing(), frame{kindResult, []byte("{}{}")}},
		"an unknown error":             {signing(), frame{kindResult, []byte(`{"Error":{"Kind":"odd"}}`)}},
		"an unknown member":            {signing(), frame{kindResult, []byte(`{"PIN":"1"}`)}},
		"a second result":              {ended(signing()), frame{kindResult, []byte("{}")}},
		"a bye without a result":       {signing(), frame{kind: kindBye}},
	} {
		done, err := test.o.hear(test.f, kindSign, nil)
		if failure, is := errors.AsType[*Failure](err); done || !is || failure.How != Crashed || !errors.Is(err, errFrame) {
			t.Errorf("%s: %v, %v", name, done, err)
		}
	}
	for name, body := range map[string]string{
		"another version": `{"Version":2}`, "a refusal": `{"Version":1,"Refusal":"no"}`,
	} {
		_, err := signing().hear(frame{kindReady, []byte(body)}, kindSign, nil)
		if failure, is := errors.AsType[*Failure](err); !is || failure.How != Refused {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzReadFrame(f *testing.F) {
	var b bytes.Buffer
	_ = writeFrame(&b, kindCall, []byte("C_Sign"))
	f.Add(b.Bytes())
	b.Reset()
	_ = writeJSON(&b, kindReady, ready{Version: 1, Refusal: "no"})
	f.Add(b.Bytes())
	b.Reset()
	_ = writeJSON(&b, kindResult, result{Tokens: []Token{{Slot: "Reader 1"}}, Error: &refusal{Kind: "lastTry"}})
	f.Add(b.Bytes())
	f.Add(append(head(kindPIN, 4), "1234"...))
	f.Add([]byte{0, 0, 0, 1, 0})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 5, 'h', 'e', 'l', 'l', 'o'})
	f.Fuzz(func(t *testing.T, in []byte) {
		r := bytes.NewReader(in)
		fr, err := readFrame(r, inHeap)
		if err != nil {
			return
		}
		used := in[:len(in)-r.Len()]
		if again := append(head(fr.kind, len(fr.body)), fr.body...); !bytes.Equal(again, used) {
			t.Errorf("read %x, would write %x", used, again)
		}
		if n := binary.BigEndian.Uint32(used); int(n) != len(used)-4 {
			t.Errorf("%d bytes read of a frame of %d", len(used), n)
		}
		_ = fr.decode(&ready{})
		_ = fr.decode(&pkcs11.Batch{})
	})
}

// What a child says is taken as it comes from a process that a module may have
// spoiled: nothing of it makes the parent panic, or give a PIN away twice.
func FuzzHear(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x0b\x04callC_Sign\x00\x00\x00\x04\x03bye"))
	f.Add([]byte("\x00\x00\x00\x07\x06askPIN\x00\x00\x00\x07\x06askPIN"))
	f.Add([]byte("\x00\x00\x00\x08\x06signed1\x00\x00\x00\x09\x06result{}\x00\x00\x00\x04\x03bye"))
	f.Add([]byte("\x00\x00\x00\x28\x06result" + `{"Error":{"Kind":"pinLocked"}}    ` + "\x00\x00\x00\x04\x03bye"))
	f.Fuzz(func(t *testing.T, in []byte) {
		null := discard(t)
		o := &operation{
			limits:  Config{}.complete(),
			process: &process{in: null, output: &output{}},
			sign:    &SignRequest{PIN: []byte("271828"), Batch: pkcs11.Batch{Digests: make([][]byte, 2)}},
		}
		defer o.process.sending.Wait()
		asked, signed := 0, 0
		o.sign.Signed = func(int, []byte) { signed++ }
		for r := bytes.NewReader(in); ; {
			fr, err := readFrame(r, inHeap)
			if err != nil {
				return
			}
			given := o.pinGiven
			done, err := o.hear(fr, kindSign, o.sign.Batch)
			if fr.kind == kindAskPIN && !given && o.pinGiven {
				asked++
			}
			if asked > 1 || signed > 2 || signed > 0 && !o.pinGiven {
				t.Errorf("the PIN was given %d times, and %d signatures came", asked, signed)
			}
			_ = o.limit()
			if done || err != nil {
				_ = o.over(t.Context(), err)
				return
			}
		}
	})
}

func discard(t *testing.T) *os.File {
	t.Helper()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { null.Close() })
	return null
}
