//go:build !linux && !windows && !darwin

package peer

import (
	"fmt"
	"runtime"
)

func listening(uint16) ([]Listener, error) {
	return nil, fmt.Errorf("peer: on %s nobody tells who listens", runtime.GOOS)
}
