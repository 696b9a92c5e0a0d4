//go:build !windows

package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// logSignals tells of each SIGUSR1, by which somebody wants more logged, or less
// again, until ctx ends.
func logSignals(ctx context.Context) <-chan struct{} {
	heard := make(chan os.Signal, 1)
	signal.Notify(heard, syscall.SIGUSR1)
	told := make(chan struct{})
	go func() {
		defer signal.Stop(heard)
		for {
			select {
			case <-heard:
			case <-ctx.Done():
				return
			}
			select {
			case told <- struct{}{}:
			case <-ctx.Done():
				return
			}
		}
	}()
	return told
}
