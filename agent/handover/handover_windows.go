package handover

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/Microsoft/go-winio"
	"golang.org/x/sys/windows"

	"github.com/cardea-agent/cardea/agent/peer/pipepeer"
)

// DefaultPath is where the broker's pipe is: below a prefix at which only
// administrators can make one.
const DefaultPath = `\\.\pipe\ProtectedPrefix\Administrators\Cardea\broker`

// callers is what people who are signed in may do with the pipe: FILE_GENERIC_READ
// and FILE_GENERIC_WRITE (winnt.h) without FILE_CREATE_PIPE_INSTANCE, which would
// let them serve it. That right is a part of GENERIC_WRITE, so who calls asks for
// this and not for that.
const callers = (windows.FILE_GENERIC_READ | windows.FILE_GENERIC_WRITE) &^ windows.FILE_APPEND_DATA

// sddl names Administrators as the owner, whichever of them the broker is: agents
// look at that. The system and administrators may do all.
var sddl = fmt.Sprintf("O:BAD:P(A;;GA;;;SY)(A;;GA;;;BA)(A;;%#x;;;IU)", callers)

// Meet makes the pipe that agents dial.
func Meet(path string) (net.Listener, error) {
	return winio.ListenPipe(path, &winio.PipeConfig{
		SecurityDescriptor: sddl, InputBufferSize: pipeBuffer, OutputBufferSize: pipeBuffer,
	})
}

const pipeBuffer = 64 << 10

// greeting is one byte that an agent sends first: the system tells who the other
// end of a pipe is only after something was read.
const greeting = 'a'

// greet finds out who dialled, and keeps them.
func (b *Broker) greet(conn net.Conn) error {
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	var first [1]byte
	if _, err := conn.Read(first[:]); err != nil {
		return err
	}
	if first[0] != greeting {
		return errTalks
	}
	if err := conn.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	owner, err := pipepeer.Client(conn)
	if err != nil {
		return err
	}
	l, err := newRelayLink(conn)
	if err != nil {
		return err
	}
	b.take(owner, l)
	return nil
}

// dial connects to the broker, at the level Identification: it may find out who
// calls and may not act as them.
func dial(ctx context.Context, path string) (receiver, error) {
	conn, err := winio.DialPipeAccessImpLevel(ctx, path,
		callers, winio.PipeImpLevelIdentification)
	if err != nil {
		return nil, err
	}
	if err := checkMaker(conn); err != nil {
		_ = conn.Close()
		return nil, err
	}
	if _, err := conn.Write([]byte{greeting}); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return newRelayReceiver(conn)
}

// checkMaker refuses a pipe that is not the system's or an administrator's.
func checkMaker(conn net.Conn) error {
	maker, err := pipepeer.Maker(conn)
	if err != nil {
		return err
	}
	for _, kind := range []windows.WELL_KNOWN_SID_TYPE{windows.WinLocalSystemSid, windows.WinLocalServiceSid, windows.WinBuiltinAdministratorsSid} {
		if maker.IsWellKnown(kind) {
			return nil
		}
	}
	return fmt.Errorf("%w: the pipe belongs to %s", errUntrusted, maker)
}
