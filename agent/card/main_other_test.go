//go:build !linux

package card

import (
	"testing"

	"go.uber.org/goleak"
)

func mainOf(m *testing.M) int {
	goleak.VerifyTestMain(m)
	return 0
}
