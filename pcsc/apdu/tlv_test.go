package apdu

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

var tlvTable = []struct {
	name, hex string
	tag       Tag
	length    int
}{
	{"empty", "5300", 0x53, 0},
	{"one byte", "7101 01", 0x71, 1},
	{"two-byte tag", "5F2F02 4010", 0x5F2F, 2},
	{"three-byte tag", "5FC10501 AA", 0x5FC105, 1},
	{"127 bytes", "537F" + strings.Repeat("AA", 127), 0x53, 127},
	{"128 bytes", "538180" + strings.Repeat("AA", 128), 0x53, 128},
	{"255 bytes", "5381FF" + strings.Repeat("AA", 255), 0x53, 255},
	{"256 bytes", "53820100" + strings.Repeat("AA", 256), 0x53, 256},
	{"65536 bytes", "5383010000" + strings.Repeat("AA", 65536), 0x53, 65536},
}

func TestDataObjectsAreReadAndWritten(t *testing.T) {
	for _, c := range tlvTable {
		t.Run(c.name, func(t *testing.T) {
			b := unhex(t, c.hex)
			object, rest, err := ParseTLV(append(bytes.Clone(b), 0xEE))
			if err != nil || object.Tag != c.tag || len(object.Value) != c.length || !bytes.Equal(rest, []byte{0xEE}) {
				t.Fatalf("tag %X, %d bytes, rest %X, %v", object.Tag, len(object.Value), rest, err)
			}
			if got := AppendTLV(nil, c.tag, object.Value); !bytes.Equal(got, b) {
				t.Errorf("wrote %X", got)
			}
		})
	}
}

func TestALongerLengthFieldThanNeededIsRead(t *testing.T) {
	for _, s := range []string{"71810101", "7182000101", "718300000101"} {
		object, rest, err := ParseTLV(unhex(t, s))
		if err != nil || object.Tag != 0x71 || !bytes.Equal(object.Value, []byte{1}) || len(rest) > 0 {
			t.Errorf("%s: %v, %X, %v", s, object, rest, err)
		}
	}
}

func TestMalformedDataObjectsAreRefused(t *testing.T) {
	for name, s := range map[string]string{
		"nothing":                "",
		"no length":              "53",
		"value cut off":          "530201",
		"long value cut off":     "53820100AA",
		"length cut off":         "5382 01",
		"indefinite length":      "5380 0000",
		"length of four bytes":   "5384 00000001 AA",
		"filler":                 "0000",
		"tag cut off":            "5F",
		"tag of four bytes":      "5F818181 00",
		"tag number starts at 0": "5F8001 00",
		"tag number too small":   "5F1E 00",
	} {
		if object, _, err := ParseTLV(unhex(t, s)); !errors.Is(err, ErrTLV) {
			t.Errorf("%s: %v, %v", name, object, err)
		}
	}
	if objects, err := ParseTLVs(unhex(t, "5300 71")); !errors.Is(err, ErrTLV) {
		t.Errorf("second object cut off: %v, %v", objects, err)
	}
}

func TestAPathLeadsToANestedObject(t *testing.T) {
	b := unhex(t, "7E12 4F0BA000000308000010000100 5F2F024010 9900")
	for _, c := range []struct {
		path  []Tag
		value string
		found bool
		fails bool
	}{
		{[]Tag{0x7E, 0x5F2F}, "4010", true, false},
		{[]Tag{0x7E, 0x4F}, "A000000308000010000100", true, false},
		{[]Tag{0x7E, 0x50}, "", false, false},
		{[]Tag{0x61, 0x4F}, "", false, false},
		{[]Tag{0x7E, 0x5F2F, 0x40}, "", false, true},
		{nil, "", false, false},
	} {
		value, found, err := FindTLV(b, c.path...)
		if found != c.found || (err != nil) != c.fails || (found && fmt.Sprintf("%X", value) != c.value) {
			t.Errorf("%X: %X, %v, %v", c.path, value, found, err)
		}
	}
}

func TestWritingATagThatCannotBeReadPanics(t *testing.T) {
	for _, tag := range []Tag{0, 0x1F, 0x5F1E, 0x5300, 0x5F8001, 0x5F818101} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("tag %X was written", tag)
				}
			}()
			AppendTLV(nil, tag)
		}()
	}
}

func FuzzParseTLVs(f *testing.F) {
	for _, c := range tlvTable[:7] {
		f.Add(unhex(f, c.hex))
	}
	f.Add(unhex(f, "7E124F0BA0000003080000100001005F2F0240109900"))
	f.Add(unhex(f, "7182000101FE00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		objects, err := ParseTLVs(b)
		if err != nil {
			return
		}
		var canonical []byte
		for _, object := range objects {
			canonical = AppendTLV(canonical, object.Tag, object.Value)
		}
		// A longer length field is the only freedom, so equal length is equal.
		if len(canonical) > len(b) || len(canonical) == len(b) && !bytes.Equal(canonical, b) {
			t.Fatalf("read %X, wrote %X", b, canonical)
		}
		again, err := ParseTLVs(canonical)
		if err != nil || len(again) != len(objects) {
			t.Fatalf("wrote %X, read %v, %v", canonical, again, err)
		}
		for i := range again {
			if again[i].Tag != objects[i].Tag || !bytes.Equal(again[i].Value, objects[i].Value) {
				t.Fatalf("object %d differs: %X, %X", i, again[i], objects[i])
			}
		}
	})
}
