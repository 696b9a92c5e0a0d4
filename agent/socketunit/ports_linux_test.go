package socketunit

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/cardea-agent/cardea/agent/desktop/bustest"
	"github.com/godbus/dbus/v5"
	"github.com/godbus/dbus/v5/prop"
)

// systemd stands in for the real one, whose socket unit listens there.
func systemd(t *testing.T, conn *dbus.Conn, listen any) {
	t.Helper()
	values := prop.Map{systemd1 + ".Socket": {"Listen": {Value: listen}}}
	if _, err := prop.Export(conn, unit, values); err != nil {
		t.Fatal(err)
	}
	if reply, err := conn.RequestName(systemd1, dbus.NameFlagDoNotQueue); err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		t.Fatal(reply, err)
	}
}

type place struct{ Kind, Address string }

func TestThePortsOfTheSocketUnitAreFoundOnce(t *testing.T) {
	systemd(t, bustest.Start(t), []place{
		{"Stream", "127.0.0.1:24800"}, {"Stream", "[::1]:24800"}, {"Stream", "127.0.0.1:24801"},
		{"Datagram", "127.0.0.1:24802"}, {"Stream", "/run/cardea/broker.sock"},
	})
	if got, err := Ports(t.Context()); err != nil || !slices.Equal(got, []uint16{24800, 24801}) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestASystemThatHoldsNoPortHasNone(t *testing.T) {
	t.Run("no unit", func(t *testing.T) {
		systemd(t, bustest.Start(t), []place{}) // as systemd says of a unit that there is not
		if got, err := Ports(t.Context()); err != nil || got != nil {
			t.Errorf("%v, %v", got, err)
		}
	})
	t.Run("no systemd", func(t *testing.T) {
		bustest.Start(t)
		if got, err := Ports(t.Context()); err != nil || got != nil {
			t.Errorf("%v, %v", got, err)
		}
	})
	t.Run("no bus", func(t *testing.T) {
		t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path="+filepath.Join(t.TempDir(), "nothing"))
		if got, err := Ports(t.Context()); err != nil || got != nil {
			t.Errorf("%v, %v", got, err)
		}
	})
}

func TestAnAnswerOfAnotherShapeIsAnError(t *testing.T) {
	systemd(t, bustest.Start(t), "127.0.0.1:24800")
	if got, err := Ports(t.Context()); err == nil {
		t.Errorf("%v", got)
	}
}
