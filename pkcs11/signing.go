package pkcs11

// CallLoad stands for the loading of the file where functions are named.
const CallLoad = "load"

// Signing is what Module.Sign asks and tells while it is at work.
type Signing struct {
	// PIN is asked once, when all that can be checked without it was, and not
	// at all where the PIN is typed on the reader. What it returns is only
	// read, and not after Sign has returned.
	PIN func() ([]byte, error)
	// Keypad is told true before a function that waits for a PIN on the
	// reader's keypad, and false after it.
	Keypad func(awaited bool)
	// Next is asked before the PIN and before each item. An error ends the batch.
	Next func() error
	// Signed is told each signature.
	Signed func(signature []byte)
	// Ended is told the outcome before the log-out, which adds nothing to it.
	Ended func(err error)
}
