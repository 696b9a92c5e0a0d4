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
	// busAgain is the pause before a bus that is not there is looked for again.
	busAgain = time.Minute
)

// Watch calls changed whenever logind says that something about a session is
// another, until ctx ends.
func Watch(ctx context.Context, changed func()) {
	for ctx.Err() == nil {
		listen(ctx, changed)
		changed() // nothing is known of a desktop whose bus is gone, and it must not stay locked
		select {
		case <-time.After(busAgain):
		case <-ctx.Done():
		}
	}
}

// listen returns when the bus is gone.
func listen(ctx context.Context, changed func()) {
	conn, err := dbus.ConnectSystemBus(dbus.WithContext(ctx))
	if err != nil {
		return
	}
	defer conn.Close()
	signals := make(chan *dbus.Signal, 16)
	conn.Signal(signals)
	err = conn.AddMatchSignalContext(ctx, dbus.WithMatchSender(login1), dbus.WithMatchPathNamespace("/org/freedesktop/login1"))
	if err != nil {
		return
	}
	ticker := time.NewTicker(lookAnyway)
	defer ticker.Stop()
	for {
		changed() // what changed before the bus told us, too
		select {
		case _, open := <-signals:
			if !open {
				return
			}
		case <-ticker.C:
		case <-conn.Context().Done():
			return
		}
	}
}
