package prompt

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"unsafe"

	"github.com/Microsoft/go-winio"
	"golang.org/x/sys/windows"
)

var impersonateNamedPipeClient = windows.NewLazySystemDLL("advapi32.dll").NewProc("ImpersonateNamedPipeClient")

// DefaultPath is where the agent and the tray of a session meet: a pipe whose
// name holds the user's SID and the session's number.
func DefaultPath() (string, error) {
	me, err := identityOf(windows.GetCurrentProcessToken())
	if err != nil {
		return "", fmt.Errorf("prompt: %w", err)
	}
	return fmt.Sprintf(`\\.\pipe\cardea-prompt-%s-%d`, me.user, me.session), nil
}

// identity is a user in a session.
type identity struct {
	user    string // SID
	session uint32
}

func identityOf(token windows.Token) (identity, error) {
	user, err := token.GetTokenUser()
	if err != nil {
		return identity{}, fmt.Errorf("user of a token: %w", err)
	}
	id := identity{user: user.User.Sid.String()}
	var size uint32
	err = windows.GetTokenInformation(token, windows.TokenSessionId,
		(*byte)(unsafe.Pointer(&id.session)), uint32(unsafe.Sizeof(id.session)), &size)
	if err != nil {
		return identity{}, fmt.Errorf("session of a token: %w", err)
	}
	return id, nil
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
	me, err := identityOf(windows.GetCurrentProcessToken())
	if err != nil {
		return nil, err
	}
	logon, err := logonSID()
	if err != nil {
		return nil, err
	}
	return winio.ListenPipe(path, &winio.PipeConfig{
		SecurityDescriptor: fmt.Sprintf("O:%sG:%sD:P(A;;GA;;;%s)", me.user, me.user, logon),
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

func handleOf(conn net.Conn) (windows.Handle, error) {
	c, ok := conn.(interface{ Fd() uintptr })
	if !ok {
		return 0, fmt.Errorf("prompt: %T is not a pipe", conn)
	}
	return windows.Handle(c.Fd()), nil
}

// checkClient asks the system whose token is behind the other end. It works
// only after something was read (ImpersonateNamedPipeClient, remarks).
func checkClient(conn net.Conn) error {
	pipe, err := handleOf(conn)
	if err != nil {
		return err
	}
	them, err := clientIdentity(pipe)
	if err != nil {
		return fmt.Errorf("prompt: who is the other end: %w", err)
	}
	me, err := identityOf(windows.GetCurrentProcessToken())
	if err != nil {
		return err
	}
	if them != me {
		return fmt.Errorf("prompt: the other end is %s in session %d", them.user, them.session)
	}
	return nil
}

func clientIdentity(pipe windows.Handle) (identity, error) {
	runtime.LockOSThread()
	if ok, _, err := impersonateNamedPipeClient.Call(uintptr(pipe)); ok == 0 {
		runtime.UnlockOSThread()
		return identity{}, err
	}
	var token windows.Token
	err := windows.OpenThreadToken(windows.CurrentThread(), windows.TOKEN_QUERY, true, &token)
	if revertErr := windows.RevertToSelf(); revertErr != nil {
		// The thread stays locked, so it ends with its goroutine and no other
		// code runs as the client.
		return identity{}, revertErr
	}
	runtime.UnlockOSThread()
	if err != nil {
		return identity{}, err
	}
	defer token.Close()
	return identityOf(token)
}

// checkServer checks the pipe's owner, which only that user could set.
func checkServer(conn net.Conn) error {
	pipe, err := handleOf(conn)
	if err != nil {
		return err
	}
	sd, err := windows.GetSecurityInfo(pipe, windows.SE_KERNEL_OBJECT, windows.OWNER_SECURITY_INFORMATION)
	if err != nil {
		return fmt.Errorf("prompt: owner of the pipe: %w", err)
	}
	owner, _, err := sd.Owner()
	if err != nil {
		return fmt.Errorf("prompt: owner of the pipe: %w", err)
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
