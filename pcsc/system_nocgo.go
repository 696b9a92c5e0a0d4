//go:build !cgo && !windows

package pcsc

import "fmt"

// System stands for the machine's resource manager, which a program that was
// built without cgo cannot reach.
type System struct{}

var _ Driver = System{}

// Establish always fails, and says why.
func (System) Establish() (Context, error) {
	return nil, fmt.Errorf("this program was built without cgo and cannot use smartcards: %w", ErrNoService)
}
