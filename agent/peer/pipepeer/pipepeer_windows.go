package pipepeer

import (
	"fmt"
	"net"
	"runtime"
	"strconv"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/cardea-agent/cardea/agent/peer"
)

var impersonateNamedPipeClient = windows.NewLazySystemDLL("advapi32.dll").NewProc("ImpersonateNamedPipeClient")

// Client is who dialled the pipe. It works only after something was read
// (ImpersonateNamedPipeClient, remarks), and only where the client let the
// server find out who they are (SecurityIdentification).
func Client(conn net.Conn) (peer.Owner, error) {
	pipe, err := handleOf(conn)
	if err != nil {
		return peer.Owner{}, err
	}
	runtime.LockOSThread()
	if ok, _, err := impersonateNamedPipeClient.Call(uintptr(pipe)); ok == 0 {
		runtime.UnlockOSThread()
		return peer.Owner{}, fmt.Errorf("pipepeer: who is the other end: %w", err)
	}
	var token windows.Token
	err = windows.OpenThreadToken(windows.CurrentThread(), windows.TOKEN_QUERY, true, &token)
	if revertErr := windows.RevertToSelf(); revertErr != nil {
		// The thread stays locked, so it ends with its goroutine and no other
		// code runs as the client.
		return peer.Owner{}, revertErr
	}
	runtime.UnlockOSThread()
	if err != nil {
		return peer.Owner{}, fmt.Errorf("pipepeer: who is the other end: %w", err)
	}
	defer token.Close()
	return identityOf(token)
}

// Self is the user and session of this process.
func Self() (peer.Owner, error) { return identityOf(windows.GetCurrentProcessToken()) }

func identityOf(token windows.Token) (peer.Owner, error) {
	user, err := token.GetTokenUser()
	if err != nil {
		return peer.Owner{}, fmt.Errorf("pipepeer: user of a token: %w", err)
	}
	var session, size uint32
	err = windows.GetTokenInformation(token, windows.TokenSessionId,
		(*byte)(unsafe.Pointer(&session)), uint32(unsafe.Sizeof(session)), &size)
	if err != nil {
		return peer.Owner{}, fmt.Errorf("pipepeer: session of a token: %w", err)
	}
	return peer.Owner{UID: user.User.Sid.String(), Session: strconv.FormatUint(uint64(session), 10)}, nil
}

// Maker is the owner of the pipe, which only that user, or an administrator,
// could set.
func Maker(conn net.Conn) (*windows.SID, error) {
	pipe, err := handleOf(conn)
	if err != nil {
		return nil, err
	}
	sd, err := windows.GetSecurityInfo(pipe, windows.SE_KERNEL_OBJECT, windows.OWNER_SECURITY_INFORMATION)
	if err != nil {
		return nil, fmt.Errorf("pipepeer: owner of the pipe: %w", err)
	}
	owner, _, err := sd.Owner()
	if err != nil {
		return nil, fmt.Errorf("pipepeer: owner of the pipe: %w", err)
	}
	return owner, nil
}

func handleOf(conn net.Conn) (windows.Handle, error) {
	c, ok := conn.(interface{ Fd() uintptr })
	if !ok {
		return 0, fmt.Errorf("pipepeer: %T is not a pipe", conn)
	}
	return windows.Handle(c.Fd()), nil
}
