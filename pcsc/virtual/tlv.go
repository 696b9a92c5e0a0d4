package virtual

import "slices"

// tlv encodes one BER-TLV object (ISO 7816-4, 5.2.2) whose value is the
// concatenation of parts. Tags of one to three bytes are written as they are.
func tlv(tag uint32, parts ...[]byte) []byte {
	value := slices.Concat(parts...)
	var out []byte
	switch {
	case tag > 0xFFFF:
		out = append(out, byte(tag>>16), byte(tag>>8), byte(tag))
	case tag > 0xFF:
		out = append(out, byte(tag>>8), byte(tag))
	default:
		out = append(out, byte(tag))
	}
	switch n := len(value); {
	case n < 0x80:
		out = append(out, byte(n))
	case n <= 0xFF:
		out = append(out, 0x81, byte(n))
	default:
		out = append(out, 0x82, byte(n>>8), byte(n))
	}
	return append(out, value...)
}

// readTLV takes the first object off data. ok is false when data does not begin
// with a whole object.
func readTLV(data []byte) (tag uint32, value, rest []byte, ok bool) {
	if len(data) < 2 {
		return 0, nil, nil, false
	}
	tag, data = uint32(data[0]), data[1:]
	if tag&0x1F == 0x1F {
		for more := true; more; {
			if len(data) == 0 || tag > 0xFFFF {
				return 0, nil, nil, false
			}
			more = data[0]&0x80 != 0
			tag, data = tag<<8|uint32(data[0]), data[1:]
		}
	}
	if len(data) == 0 {
		return 0, nil, nil, false
	}
	length := int(data[0])
	data = data[1:]
	if length >= 0x80 {
		count := length & 0x7F
		if count == 0 || count > 2 || len(data) < count {
			return 0, nil, nil, false
		}
		length = 0
		for _, b := range data[:count] {
			length = length<<8 | int(b)
		}
		data = data[count:]
	}
	if length > len(data) {
		return 0, nil, nil, false
	}
	return tag, data[:length], data[length:], true
}
