//go:build unix

package host

import "golang.org/x/sys/unix"

// newSecret makes a buffer for a PIN that is not written to the swap space where
// the system allows it, and that the runtime does not move.
func newSecret(size int) []byte {
	page, err := unix.Mmap(-1, 0, unix.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return make([]byte, size)
	}
	_ = unix.Mlock(page) // a limit of the system's; the page is short-lived
	return page[:size]
}

// wipe is for a buffer of newSecret. The page goes with the process.
func wipe(secret []byte) { clear(secret) }
