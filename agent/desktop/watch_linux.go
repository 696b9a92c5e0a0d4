package desktop

import (
	"context"
	"time"

	"github.com/godbus/dbus/v5"
)

const (
	// lookAnyway is the longest time between two looks: logind does not tell
	// when another of a person's sessions becomes the one that is shown.
	lookAnyway = time.Minute
	// busAgain is the pause before a bus that went away is looked for again, and
	// noBusAgain before one that was not there. Each look wakes the whole program.
	busAgain   = time.Minute
	noBusAgain = 5 * time.Minute
)

// Watch calls changed whenever logind says that something about a session is
// another, until ctx ends.
func Watch(ctx context.Context, changed func()) {
	for ctx.Err() == nil {
		pause := noBusAgain
		if listen(ctx, changed) {
			pause = busAgain
		}
		changed() // nothing is known of a desktop whose bus is gone, and it must not stay locked
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// listen returns when the bus is gone, and whether it was there.
func listen(ctx context.Context, changed func()) (wasThere bool) {
	conn, err := dbus.ConnectSystemBus(dbus.WithContext(ctx))
	if err != nil {
		return false
	}
	defer conn.Close()
	signals := make(chan *dbus.Signal, 16)
	conn.Signal(signals)
	err = conn.AddMatchSignalContext(ctx, dbus.WithMatchSender(login1), dbus.WithMatchPathNamespace("/org/freedesktop/login1"))
	if err != nil {
		return true
	}
	ticker := time.NewTicker(lookAnyway)
	defer ticker.Stop()
	for {
		changed() // what changed before the bus told us, too
		select {
		case _, open := <-signals:
			if !open {
				return true
			}
		case <-ticker.C:
		case <-conn.Context().Done():
			return true
		}
	}
}
