package desktop

import (
	"context"
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

var wtsQuerySessionInformation = windows.NewLazySystemDLL("wtsapi32.dll").NewProc("WTSQuerySessionInformationW")

// The classes and values of wtsapi32.h.
const (
	wtsCurrentServer      = 0
	wtsCurrentSession     = 0xffffffff
	wtsClientProtocolType = 16
	wtsSessionInfoEx      = 25

	protocolConsole = 0
	protocolICA     = 1
	protocolRDP     = 2

	stateActive = 0 // WTSActive
	flagLocked  = 0 // WTS_SESSIONSTATE_LOCK; Windows 7 has it the other way round
)

// lookEvery is how often Watch looks.
const lookEvery = time.Second

// sessionInfoEx is the head of WTSINFOEXW with its one level.
type sessionInfoEx struct {
	Level        uint32
	_            uint32
	SessionID    uint32
	SessionState uint32
	SessionFlags int32
}

// look asks about the session of this process.
func look(context.Context) (Session, error) {
	var s Session
	err := query(wtsClientProtocolType, func(p unsafe.Pointer, size uint32) {
		if size < 2 {
			return
		}
		switch *(*uint16)(p) {
		case protocolConsole:
			s = Session{Kind: AtScreen, How: "console"}
		case protocolICA:
			s = Session{Kind: Remote, How: "ICA"}
		case protocolRDP:
			s = Session{Kind: Remote, How: "RDP"}
		}
	})
	if err != nil {
		return Session{}, err
	}
	err = query(wtsSessionInfoEx, func(p unsafe.Pointer, size uint32) {
		if uintptr(size) < unsafe.Sizeof(sessionInfoEx{}) {
			return
		}
		if info := (*sessionInfoEx)(p); info.Level == 1 {
			s.Locked = info.SessionFlags == flagLocked
			s.Away = info.SessionState != stateActive
		}
	})
	return s, err
}

func query(class uintptr, read func(p unsafe.Pointer, size uint32)) error {
	if err := wtsQuerySessionInformation.Find(); err != nil {
		return fmt.Errorf("desktop: %w", err)
	}
	var buffer unsafe.Pointer
	var size uint32
	ok, _, err := wtsQuerySessionInformation.Call(wtsCurrentServer, wtsCurrentSession, class,
		uintptr(unsafe.Pointer(&buffer)), uintptr(unsafe.Pointer(&size)))
	if ok == 0 {
		return fmt.Errorf("desktop: WTSQuerySessionInformation: %w", err)
	}
	defer windows.WTSFreeMemory(uintptr(buffer))
	read(buffer, size)
	return nil
}
