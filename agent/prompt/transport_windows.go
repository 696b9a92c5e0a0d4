package prompt

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/Microsoft/go-winio"
	"golang.org/x/sys/windows"

	"github.com/cardea-agent/cardea/agent/peer/pipepeer"
)

// DefaultPath is where the agent and the tray of a session meet: a pipe whose
// name holds the user's SID and the session's number.
func DefaultPath() (string, error) {
	me, err := pipepeer.Self()
	if err != nil {
		return "", fmt.Errorf("prompt: %w", err)
	}
	return fmt.Sprintf(`\\.\pipe\cardea-prompt-%s-%s`, me.UID, me.Session), nil
}

// logonSID is the SID that only the processes of this log-on have.
func logonSID() (string, error) {
	groups, err := windows.GetCurrentProcessToken().GetTokenGroups()
	if err != nil {
		return "", err
	}
	for _, g := range groups.AllGroups() {
		if g.Attributes&windows.SE_GROUP_LOGON_ID == windows.SE_GROUP_LOGON_ID {
			return g.Sid.String(), nil
		}
	}
	return "", errors.New("this process belongs to no log-on")
}

// listen makes the pipe, owned by the user and open to their log-on alone. The
// first instance is made exclusively, so a second agent gets an error.
func listen(path string) (net.Listener, error) {
	me, err := pipepeer.Self()
	if err != nil {
		return nil, err
	}
	logon, err := logonSID()
	if err != nil {
		return nil, err
	}
	return winio.ListenPipe(path, &winio.PipeConfig{
		SecurityDescriptor: fmt.Sprintf("O:%sG:%sD:P(A;;GA;;;%s)", me.UID, me.UID, logon),
		InputBufferSize:    maxBody,
		OutputBufferSize:   maxBody,
	})
}

// dial connects at the level Identification: the server may find out who calls
// and may not act as them.
func dial(ctx context.Context, path string) (net.Conn, error) {
	return winio.DialPipeAccessImpLevel(ctx, path,
		windows.GENERIC_READ|windows.GENERIC_WRITE, winio.PipeImpLevelIdentification)
}

// checkClient asks the system whose token is behind the other end. It works
// only after something was read.
func checkClient(conn net.Conn) error {
	them, err := pipepeer.Client(conn)
	if err != nil {
		return fmt.Errorf("prompt: %w", err)
	}
	me, err := pipepeer.Self()
	if err != nil {
		return err
	}
	if !them.SameUser(me) {
		return fmt.Errorf("prompt: the other end is %s in session %s", them.UID, them.Session)
	}
	return nil
}

// checkServer checks the pipe's owner, which only that user could set.
func checkServer(conn net.Conn) error {
	owner, err := pipepeer.Maker(conn)
	if err != nil {
		return fmt.Errorf("prompt: %w", err)
	}
	me, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return err
	}
	if !owner.Equals(me.User.Sid) {
		return fmt.Errorf("prompt: the pipe belongs to %s", owner)
	}
	return nil
}
