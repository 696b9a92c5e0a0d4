package peer

import (
	"errors"
	"net"
	"testing"

	"golang.org/x/sys/windows"
)

func TestTheOwnerOfAnOwnConnectionIsThisUserInThisSession(t *testing.T) {
	me, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	underWine := windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil
	for _, host := range []string{"127.0.0.1", "::1"} {
		t.Run(host, func(t *testing.T) {
			if host == "::1" && underWine {
				t.Skip("Wine does not tell whose an IPv6 connection is")
			}
			l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			page, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer page.Close()
			accepted, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer accepted.Close()
			if got, err := NewSystem().Of(accepted); err != nil || got != me {
				t.Errorf("%+v, %v, want %+v", got, err, me)
			}
			_ = page.Close()
			if got, err := NewSystem().Of(accepted); !errors.Is(err, ErrNotFound) {
				t.Errorf("after its end: %+v, %v", got, err)
			}
		})
	}
}
