package desktop

import (
	"context"
	"log/slog"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/agent/desktop/bustest"
	"github.com/godbus/dbus/v5"
	"github.com/godbus/dbus/v5/prop"
)

// logind stands in for systemd's on a bus.
func logind(t *testing.T, conn *dbus.Conn, kind string, remote, locked, active bool) (played *prop.Properties) {
	t.Helper()
	const id = dbus.ObjectPath("/org/freedesktop/login1/session/_32")
	type shown struct {
		ID   string
		Path dbus.ObjectPath
	}
	export := func(path dbus.ObjectPath, of string, values map[string]any) *prop.Properties {
		table := map[string]*prop.Prop{}
		for name, value := range values {
			table[name] = &prop.Prop{Value: value, Emit: prop.EmitTrue}
		}
		properties, err := prop.Export(conn, path, prop.Map{of: table})
		if err != nil {
			t.Fatal(err)
		}
		return properties
	}
	export(self, "org.freedesktop.login1.User", map[string]any{"Display": shown{"2", id}})
	played = export(id, "org.freedesktop.login1.Session", map[string]any{"Type": kind, "Remote": remote, "LockedHint": locked, "Active": active})
	if reply, err := conn.RequestName(login1, dbus.NameFlagDoNotQueue); err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		t.Fatal(reply, err)
	}
	return played
}

// These tests ask look and not Look, which waits no longer for a bus than a
// sign-in may: a busy machine may take longer.
func TestLogindTellsHowTheSessionStands(t *testing.T) {
	for i, c := range []struct {
		kind                   string
		remote, locked, active bool
		want                   Session
	}{
		{"wayland", false, false, true, Session{Kind: AtScreen, How: "wayland"}},
		{"x11", false, true, true, Session{Kind: AtScreen, How: "x11", Locked: true}},
		{"x11", true, false, true, Session{Kind: Remote, How: "x11"}},
		{"wayland", false, false, false, Session{Kind: AtScreen, How: "wayland", Away: true}},
		{"tty", false, false, false, Session{Kind: None, How: "tty"}},
	} {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			logind(t, bustest.Start(t), c.kind, c.remote, c.locked, c.active)
			if got, err := look(t.Context()); err != nil || got != c.want {
				t.Errorf("%+v, %v; want %+v", got, err, c.want)
			}
		})
	}
}

func TestALockIsNoticedAsSoonAsLogindSaysSo(t *testing.T) {
	played := logind(t, bustest.Start(t), "wayland", false, false, true)
	told := make(chan bool, 16)
	l := NewLock(look, func(locked bool) { told <- locked }, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	listening, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		once := sync.OnceFunc(func() { close(listening) })
		Watch(ctx, func() { l.Check(ctx); once() })
	}()
	t.Cleanup(func() { cancel(); <-ended })
	<-listening
	for _, c := range []struct {
		property      string
		value, locked bool
	}{
		{"LockedHint", true, true}, {"LockedHint", false, false}, // the screen
		{"Active", false, true}, {"Active", true, false}, // another session has it, and gives it back
	} {
		played.SetMust("org.freedesktop.login1.Session", c.property, c.value)
		select {
		case locked := <-told:
			if locked != c.locked {
				t.Errorf("%s is %v: locked is %v", c.property, c.value, locked)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%s became %v, and nobody noticed", c.property, c.value)
		}
	}
}

func TestWithoutLogindTheEnvironmentCounts(t *testing.T) {
	t.Setenv("SSH_CONNECTION", "192.0.2.1 1 192.0.2.2 22")
	bustest.Start(t) // with nobody on it
	if got, err := look(t.Context()); err != nil || got.Kind != Remote {
		t.Errorf("%+v, %v", got, err)
	}
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path="+filepath.Join(t.TempDir(), "nothing"))
	if got, err := look(t.Context()); err != nil || got.Kind != Remote {
		t.Errorf("%+v, %v", got, err)
	}
}
