package apdu

import (
	"errors"
	"fmt"
)

// ErrTLV says that bytes are no BER-TLV data objects.
var ErrTLV = errors.New("apdu: malformed BER-TLV")

// Tag is the tag field of a data object as it is written: 0x53, 0x5FC105.
type Tag uint32

// TLV is one data object. Its value may hold more of them: ParseTLVs reads
// one level, because PIV uses tags that are marked as constructed (70, 34)
// for plain bytes. So how deep reading goes is the caller's choice, never the
// card's.
type TLV struct {
	Tag   Tag
	Value []byte
}

// The limits of what ParseTLV reads and AppendTLV writes.
const (
	maxTagBytes    = 3
	maxLengthBytes = 3 // after the byte that says how many
	maxValue       = 1<<24 - 1
)

// ParseTLV reads the first data object in b and returns what follows it.
// Value is a part of b. Tags have at most 3 bytes and lengths at most 3 after
// the first; a longer form of a length than needed is accepted, since cards
// are written with it. Indefinite lengths and filler bytes are refused.
func ParseTLV(b []byte) (object TLV, rest []byte, err error) {
	tag, rest, err := parseTag(b)
	if err != nil {
		return TLV{}, nil, err
	}
	n, rest, err := parseLength(rest)
	if err != nil {
		return TLV{}, nil, err
	}
	if n > len(rest) {
		return TLV{}, nil, fmt.Errorf("%w: tag %X, length %d, %d bytes follow", ErrTLV, tag, n, len(rest))
	}
	return TLV{tag, rest[:n:n]}, rest[n:], nil
}

// ParseTLVs reads data objects until b ends.
func ParseTLVs(b []byte) ([]TLV, error) {
	var objects []TLV
	for len(b) > 0 {
		object, rest, err := ParseTLV(b)
		if err != nil {
			return nil, err
		}
		objects = append(objects, object)
		b = rest
	}
	return objects, nil
}

// FindTLV goes down the path of tags: the value of the first object with the
// first tag, in it the first with the second, and so on. found is false when
// a tag is not there. Every level on the way must be well-formed to its end.
func FindTLV(b []byte, path ...Tag) (value []byte, found bool, err error) {
	value = b
	for _, tag := range path {
		objects, err := ParseTLVs(value)
		if err != nil {
			return nil, false, err
		}
		found = false
		for _, object := range objects {
			if object.Tag == tag {
				value, found = object.Value, true
				break
			}
		}
		if !found {
			return nil, false, nil
		}
	}
	return value, found, nil
}

// AppendTLV writes one data object with the shortest length field. The value
// is the given parts one after the other. It panics on a tag that ParseTLV
// would refuse and on a value over 16 MiB: those are mistakes of the program.
func AppendTLV(b []byte, tag Tag, parts ...[]byte) []byte {
	n := 0
	for _, part := range parts {
		n += len(part)
	}
	b = appendTag(b, tag)
	switch {
	case n < 0x80:
		b = append(b, byte(n))
	case n <= 0xFF:
		b = append(b, 0x81, byte(n))
	case n <= 0xFFFF:
		b = append(b, 0x82, byte(n>>8), byte(n))
	case n <= maxValue:
		b = append(b, 0x83, byte(n>>16), byte(n>>8), byte(n))
	default:
		panic("apdu: value too long for BER-TLV")
	}
	for _, part := range parts {
		b = append(b, part...)
	}
	return b
}

func appendTag(b []byte, tag Tag) []byte {
	start := len(b)
	for shift := 8 * (maxTagBytes - 1); shift >= 0; shift -= 8 {
		if octet := byte(tag >> shift); octet != 0 || len(b) > start || shift == 0 {
			b = append(b, octet)
		}
	}
	if got, rest, err := parseTag(b[start:]); err != nil || got != tag || len(rest) > 0 {
		panic(fmt.Sprintf("apdu: %X is no tag", tag))
	}
	return b
}

// parseTag reads a tag field (ISO 7816-4:2013, 5.2.2.1; ISO 8825-1, 8.1.2).
func parseTag(b []byte) (Tag, []byte, error) {
	if len(b) == 0 {
		return 0, nil, fmt.Errorf("%w: no tag", ErrTLV)
	}
	tag := Tag(b[0])
	if tag == 0 {
		return 0, nil, fmt.Errorf("%w: tag 00", ErrTLV)
	}
	if tag&0x1F != 0x1F {
		return tag, b[1:], nil
	}
	for i := 1; i < min(len(b), maxTagBytes); i++ {
		// The number may not start with zero bits, nor fit the short form.
		if i == 1 && (b[1] == 0x80 || b[1] < 0x1F) {
			break
		}
		tag = tag<<8 | Tag(b[i])
		if b[i]&0x80 == 0 {
			return tag, b[i+1:], nil
		}
	}
	return 0, nil, fmt.Errorf("%w: tag that starts with %02X", ErrTLV, b[0])
}

// parseLength reads a length field (ISO 7816-4:2013, 5.2.2.2).
func parseLength(b []byte) (int, []byte, error) {
	if len(b) == 0 {
		return 0, nil, fmt.Errorf("%w: no length", ErrTLV)
	}
	if b[0] < 0x80 {
		return int(b[0]), b[1:], nil
	}
	count := int(b[0] & 0x7F)
	if count == 0 || count > maxLengthBytes || len(b) <= count {
		return 0, nil, fmt.Errorf("%w: length that starts with %02X", ErrTLV, b[0])
	}
	n := 0
	for _, octet := range b[1 : 1+count] {
		n = n<<8 | int(octet)
	}
	return n, b[1+count:], nil
}
