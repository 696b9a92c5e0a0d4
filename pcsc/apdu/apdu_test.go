package apdu

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var commandTable = []struct {
	name     string
	hex      string
	encoding Encoding
	command  Command
}{
	{"case 1", "00200080", Short, Command{INS: 0x20, P2: 0x80}},
	{"case 2", "00C0000010", Short, Command{INS: 0xC0, Le: 16}},
	{"case 2, most", "00C0000000", Short, Command{INS: 0xC0, Le: 256}},
	{"case 3", "00200080023132", Short, Command{INS: 0x20, P2: 0x80, Data: []byte("12")}},
	{"case 4", "00CB3FFF055C035FC10500", Short,
		Command{INS: 0xCB, P1: 0x3F, P2: 0xFF, Data: []byte{0x5C, 3, 0x5F, 0xC1, 5}, Le: 256}},
	{"case 2, extended", "00C00000000102", Extended, Command{INS: 0xC0, Le: 258}},
	{"case 2, extended, most", "00C00000000000", Extended, Command{INS: 0xC0, Le: 65536}},
	{"case 3, extended", "1087079A0000020102", Extended, Command{CLA: 0x10, INS: 0x87, P1: 7, P2: 0x9A, Data: []byte{1, 2}}},
	{"case 4, extended", "0087079A00000201020100", Extended,
		Command{INS: 0x87, P1: 7, P2: 0x9A, Data: []byte{1, 2}, Le: 256}},
}

func TestCommandsAreWrittenAndReadInEveryCaseOfISO7816(t *testing.T) {
	for _, c := range commandTable {
		t.Run(c.name, func(t *testing.T) {
			want := unhex(t, c.hex)
			got, err := c.command.Marshal(c.encoding)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("Marshal = %X, %v, want %X", got, err, want)
			}
			if cap(got) != len(got) {
				t.Errorf("buffer of %d bytes for %d: an APDU with a PIN must not grow", cap(got), len(got))
			}
			command, encoding, err := Parse(want)
			if err != nil || encoding != c.encoding || fmt.Sprint(command) != fmt.Sprint(c.command) {
				t.Errorf("Parse = %v, %v, %v", command, encoding, err)
			}
		})
	}
}

func TestWhatDoesNotFitAnEncodingIsRefused(t *testing.T) {
	for _, c := range []struct {
		command  Command
		encoding Encoding
	}{
		{Command{Data: make([]byte, 256)}, Short},
		{Command{Le: 257}, Short},
		{Command{Le: -1}, Short},
		{Command{Data: make([]byte, 65536)}, Extended},
		{Command{Le: 65537}, Extended},
	} {
		if b, err := c.command.Marshal(c.encoding); !errors.Is(err, ErrCommand) {
			t.Errorf("%d bytes, Le %d: %d bytes, %v", len(c.command.Data), c.command.Le, len(b), err)
		}
	}
}

func TestMalformedCommandsAreRefused(t *testing.T) {
	for _, s := range []string{
		"", "00", "002000", // no header
		"002000800331 32",           // data cut off
		"00200080013132 33",         // bytes after Le
		"002000800001",              // extended length cut off
		"00200080000000 31",         // no data announced, data there
		"0020008000000231",          // extended data cut off
		"00200080000001 31 01",      // extended Le cut off
		"00200080000001 31 0102 03", // bytes after extended Le
	} {
		if c, _, err := Parse(unhex(t, s)); !errors.Is(err, ErrCommand) {
			t.Errorf("Parse(%s) = %v, %v", s, c, err)
		}
	}
}

func TestPrintingACommandNeverShowsAPIN(t *testing.T) {
	const canary = "83927461"
	for _, ins := range []byte{InsVerify, InsChangeReferenceData, InsResetRetryCounter} {
		for _, cla := range []byte{0x00, 0x10} {
			c := Command{CLA: cla, INS: ins, P2: 0x80, Data: []byte(canary), Le: 1}
			encoded, err := json.Marshal(map[string]any{"command": c})
			if err != nil {
				t.Fatal(err)
			}
			shown := string(encoded)
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%c", "%U"} {
				shown += fmt.Sprintf(verb, c) + fmt.Sprintf(verb, &c) + fmt.Sprintf(verb, []Command{c})
			}
			for _, leak := range []string{canary, hex.EncodeToString([]byte(canary)), fmt.Sprint([]byte(canary))} {
				if strings.Contains(strings.ToLower(shown), strings.Trim(leak, "[]")) {
					t.Errorf("INS %02X shows the PIN: %s", ins, shown)
				}
			}
		}
	}
	c := Command{INS: InsSelect, P1: 4, Data: []byte{0xA0, 0, 0, 3, 8}, Le: 256}
	if got, want := fmt.Sprint(c), "00 A4 04 00 (5) A000000308 Le 256"; got != want {
		t.Errorf("trace %q, want %q", got, want)
	}
}

func FuzzParseCommand(f *testing.F) {
	for _, c := range commandTable {
		f.Add(unhex(f, c.hex))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, encoding, err := Parse(b)
		if err != nil {
			return
		}
		again, err := c.Marshal(encoding)
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("read %X, wrote %X, %v", b, again, err)
		}
	})
}
