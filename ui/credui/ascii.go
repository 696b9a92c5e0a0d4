package credui

// ascii puts a text of the system, up to its first zero, into a buffer of bytes
// and returns its length: zero for one that no PIN can be, which has other
// letters or does not fit.
func ascii(text []uint16, buffer []byte) int {
	for i, unit := range text {
		switch {
		case unit == 0:
			return i
		case unit > 0x7e || unit < ' ' || i >= len(buffer):
			clear(buffer)
			return 0
		}
		buffer[i] = byte(unit)
	}
	clear(buffer)
	return 0
}
