package card

import (
	"os"
	"testing"
)

func TestMain(m *testing.M) { os.Exit(mainOf(m)) }
