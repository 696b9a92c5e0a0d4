package apdu

// historicalBytes finds the historical bytes of an ATR (ISO 7816-3:2006, 8.2).
// It returns nil when the ATR is cut off.
func historicalBytes(atr []byte) []byte {
	if len(atr) < 2 {
		return nil
	}
	count := int(atr[1] & 0x0F)
	at, follows := 2, atr[1]>>4 // which of TA, TB, TC, TD follow
	for {
		for bit := byte(1); bit < 8; bit <<= 1 {
			if follows&bit != 0 {
				at++
			}
		}
		if follows&8 == 0 {
			break
		}
		if at >= len(atr) {
			return nil
		}
		follows = atr[at] >> 4
		at++
	}
	if at+count > len(atr) {
		return nil
	}
	return atr[at : at+count]
}

// announcesExtended tells whether the historical bytes say that the card reads
// extended length fields: bit 7 of the third software function byte, in the
// card capabilities (ISO 7816-4:2013, 12.1.1 and table 119).
func announcesExtended(atr []byte) bool {
	b := historicalBytes(atr)
	switch {
	case len(b) > 0 && b[0] == 0x80:
		b = b[1:]
	case len(b) > 3 && b[0] == 0x00: // three bytes of status at the end
		b = b[1 : len(b)-3]
	default:
		return false
	}
	for len(b) > 0 { // COMPACT-TLV: tag and length share a byte
		tag, n := b[0]>>4, int(b[0]&0x0F)
		b = b[1:]
		if n > len(b) {
			return false
		}
		if tag == 7 && n == 3 {
			return b[2]&0x40 != 0
		}
		b = b[n:]
	}
	return false
}
