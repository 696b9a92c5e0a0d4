package host

// newSecret makes a buffer for a PIN.
func newSecret(size int) []byte { return make([]byte, size) }

// wipe is for a buffer of newSecret.
func wipe(secret []byte) { clear(secret) }
