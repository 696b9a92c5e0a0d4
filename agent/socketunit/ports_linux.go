package socketunit

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/godbus/dbus/v5"
)

// systemd's names (org.freedesktop.systemd1(5)). Bytes of a unit's name that are
// no letters and digits are written in hexadecimal.
const (
	systemd1 = "org.freedesktop.systemd1"
	unit     = dbus.ObjectPath("/org/freedesktop/systemd1/unit/cardea_2dbroker_2esocket")
	get      = "org.freedesktop.DBus.Properties.Get"
)

func ports(ctx context.Context) ([]uint16, error) {
	conn, err := dbus.ConnectSystemBus(dbus.WithContext(ctx))
	if err != nil {
		return nil, nil // a system without that bus has no systemd
	}
	defer conn.Close()
	var places dbus.Variant
	err = conn.Object(systemd1, unit).CallWithContext(ctx, get, dbus.FlagNoAutoStart, systemd1+".Socket", "Listen").Store(&places)
	var refused dbus.Error
	if errors.As(err, &refused) && slices.Contains([]string{
		"org.freedesktop.DBus.Error.ServiceUnknown", "org.freedesktop.DBus.Error.NameHasNoOwner",
		"org.freedesktop.DBus.Error.UnknownObject", "org.freedesktop.DBus.Error.UnknownInterface",
	}, refused.Name) {
		return nil, nil // no systemd, or none that knows the unit
	}
	var listen []struct{ Kind, Address string }
	if err == nil {
		err = places.Store(&listen)
	}
	if err != nil {
		return nil, fmt.Errorf("socketunit: systemd: %w", err)
	}
	var found []uint16
	for _, l := range listen {
		// Whatever is no TCP address is where agents dial.
		at, err := netip.ParseAddrPort(l.Address)
		if l.Kind == "Stream" && err == nil && !slices.Contains(found, at.Port()) {
			found = append(found, at.Port())
		}
	}
	return found, nil
}
