//go:build !linux

package desktop

import (
	"context"
	"time"
)

// Watch calls changed again and again until ctx ends: here one would need a
// window to be told.
func Watch(ctx context.Context, changed func()) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			changed()
		case <-ctx.Done():
			return
		}
	}
}
