package main

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/windows"
)

// sessions are those of this computer.
type sessions struct {
	folder    string // of the programs
	arguments func(program) []string
}

// noConsole is what WTSGetActiveConsoleSessionId returns while the console
// changes hands.
const noConsole = 0xffffffff

// sessions asks for the list, and for whose each one is.
func (sessions) sessions() ([]session, error) {
	var first *windows.WTS_SESSION_INFO
	var count uint32
	if err := windows.WTSEnumerateSessions(0, 0, 1, &first, &count); err != nil {
		return nil, fmt.Errorf("WTSEnumerateSessions: %w", err)
	}
	var found []session
	for _, info := range unsafe.Slice(first, count) { // #nosec G103 -- the call's own form
		s := session{number: info.SessionID, active: info.State == windows.WTSActive}
		if s.active || info.State == windows.WTSDisconnected {
			found = append(found, s)
		}
	}
	if first != nil {
		windows.WTSFreeMemory(uintptr(unsafe.Pointer(first))) // #nosec G103 -- the same
	}
	if console := windows.WTSGetActiveConsoleSessionId(); count == 0 && console != noConsole {
		found = append(found, session{number: console, active: true}) // Wine lists none
	}
	for i := range found {
		s := &found[i]
		s.user, s.untold = userOf(s.number)
		s.locked = locked(s.number)
	}
	return found, nil
}

// userOf is the SID of who is signed in to a session; empty when nobody is.
func userOf(number uint32) (string, error) {
	if number == services {
		return "", nil
	}
	token, err := tokenOf(number)
	if errors.Is(err, windows.ERROR_NO_TOKEN) || errors.Is(err, windows.ERROR_FILE_NOT_FOUND) || errors.Is(err, windows.ERROR_CTX_WINSTATION_NOT_FOUND) {
		return "", nil // at the last two the session went meanwhile
	}
	if err != nil {
		return "", err
	}
	defer token.Close()
	return sidOf(token)
}

func tokenOf(number uint32) (windows.Token, error) {
	var token windows.Token
	if err := windows.WTSQueryUserToken(number, &token); err != nil {
		return 0, fmt.Errorf("WTSQueryUserToken of session %d: %w", number, err)
	}
	return token, nil
}

func sidOf(token windows.Token) (string, error) {
	user, err := token.GetTokenUser()
	if err != nil {
		return "", fmt.Errorf("user of a token: %w", err)
	}
	return user.User.Sid.String(), nil
}

// The class and values of wtsapi32.h; agent/desktop has the same for a session's
// own processes.
const (
	wtsSessionInfoEx = 25
	flagLocked       = 0 // WTS_SESSIONSTATE_LOCK
)

var wtsQuerySessionInformation = windows.NewLazySystemDLL("wtsapi32.dll").NewProc("WTSQuerySessionInformationW")

// sessionInfoEx is the head of WTSINFOEXW with its one level.
type sessionInfoEx struct {
	Level        uint32
	_            uint32
	SessionID    uint32
	SessionState uint32
	SessionFlags int32
}

// locked reports whether a session is known to be locked.
func locked(number uint32) bool {
	if wtsQuerySessionInformation.Find() != nil {
		return false
	}
	var buffer unsafe.Pointer
	var size uint32
	ok, _, _ := wtsQuerySessionInformation.Call(0, uintptr(number), wtsSessionInfoEx,
		uintptr(unsafe.Pointer(&buffer)), uintptr(unsafe.Pointer(&size))) // #nosec G103 -- the call's own form
	if ok == 0 || buffer == nil {
		return false
	}
	defer windows.WTSFreeMemory(uintptr(buffer))
	if uintptr(size) < unsafe.Sizeof(sessionInfoEx{}) {
		return false
	}
	info := (*sessionInfoEx)(buffer)
	return info.Level == 1 && info.SessionFlags == flagLocked
}
