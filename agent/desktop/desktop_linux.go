package desktop

import (
	"context"
	"fmt"

	"github.com/godbus/dbus/v5"
)

// logind's names (org.freedesktop.login1(5)).
const (
	login1  = "org.freedesktop.login1"
	self    = dbus.ObjectPath("/org/freedesktop/login1/user/self")
	display = login1 + ".User.Display"
	session = login1 + ".Session."
)

// look asks for the person's graphical session: a service of the user's is in
// none itself.
func look(ctx context.Context) (Session, error) {
	conn, err := dbus.ConnectSystemBus(dbus.WithContext(ctx))
	if err != nil {
		return environment(), nil // a system without that bus has no logind
	}
	defer conn.Close()
	var shown struct {
		ID   string
		Path dbus.ObjectPath
	}
	if err := property(ctx, conn, self, display, &shown); err != nil || shown.ID == "" {
		return environment(), nil
	}
	var kind string
	var remote, locked, active bool
	for name, value := range map[string]any{"Type": &kind, "Remote": &remote, "LockedHint": &locked, "Active": &active} {
		if err := property(ctx, conn, shown.Path, session+name, value); err != nil {
			return Session{}, fmt.Errorf("desktop: logind: %s: %w", name, err)
		}
	}
	s := Session{Kind: AtScreen, How: kind, Locked: locked, Away: !active}
	switch {
	case remote:
		s.Kind = Remote
	case kind == "tty", kind == "unspecified":
		s.Kind, s.Away = None, false // on a console of text one changes between one's own
	}
	return s, nil
}

func property(ctx context.Context, conn *dbus.Conn, path dbus.ObjectPath, name string, value any) error {
	const get = "org.freedesktop.DBus.Properties.Get"
	i := len(name)
	for i > 0 && name[i-1] != '.' {
		i--
	}
	var v dbus.Variant
	if err := conn.Object(login1, path).CallWithContext(ctx, get, 0, name[:i-1], name[i:]).Store(&v); err != nil {
		return err
	}
	return v.Store(value)
}
