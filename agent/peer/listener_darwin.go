package peer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"time"
)

func listening(port uint16) ([]Listener, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "/usr/sbin/lsof", "-nP", "-iTCP:"+strconv.Itoa(int(port)), "-sTCP:LISTEN", "-F", "pcun").Output() //nolint:gosec // a number
	// It ends with 1 when it finds nothing.
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
		return nil, fmt.Errorf("peer: lsof: %w", err)
	}
	var found []Listener
	for _, l := range lsofListeners(string(bytes.TrimSpace(out))) {
		if reached(l.Address, port) {
			found = append(found, l)
		}
	}
	return found, nil
}
