package desktop

import (
	"context"
	"fmt"
	"os/exec"
	"time"
)

// lookEvery is how often Watch looks: each look starts a program.
const lookEvery = 5 * time.Second

// look reads the console's users from the registry of devices, which any user
// may.
func look(ctx context.Context) (Session, error) {
	s := environment()
	if s.Kind == Remote {
		return s, nil
	}
	out, err := exec.CommandContext(ctx, "/usr/sbin/ioreg", "-n", "Root", "-d", "1", "-a").Output()
	if err != nil {
		return Session{}, fmt.Errorf("desktop: ioreg: %w", err)
	}
	return Session{Kind: AtScreen, How: "console", Locked: screenIsLocked(out)}, nil
}
