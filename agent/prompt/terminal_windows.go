package prompt

import (
	"context"
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

// rawInput is a console that echoes nothing and whose keys are read as events.
type rawInput struct {
	console windows.Handle
	before  uint32
}

var (
	readConsoleInput = windows.NewLazySystemDLL("kernel32.dll").NewProc("ReadConsoleInputW")
	flushInput       = windows.NewLazySystemDLL("kernel32.dll").NewProc("FlushConsoleInputBuffer")
)

// inputRecord is INPUT_RECORD of wincon.h with its KEY_EVENT_RECORD.
type inputRecord struct {
	eventType uint16
	_         uint16
	keyDown   int32
	repeat    uint16
	keyCode   uint16
	scanCode  uint16
	char      uint16
	state     uint32
}

const keyEvent = 1

func openRaw(in *os.File) (*rawInput, error) {
	r := &rawInput{console: windows.Handle(in.Fd())}
	if err := windows.GetConsoleMode(r.console, &r.before); err != nil {
		return nil, err
	}
	if err := windows.SetConsoleMode(r.console, windows.ENABLE_PROCESSED_INPUT); err != nil {
		return nil, err
	}
	// Keys that were pressed before the question do not count.
	if ok, _, err := flushInput.Call(uintptr(r.console)); ok == 0 {
		_ = r.Close()
		return nil, err
	}
	return r, nil
}

// Close gives the console back as it was.
func (r *rawInput) Close() error { return windows.SetConsoleMode(r.console, r.before) }

// key waits for one ASCII key, or for ctx to end. Console handles can be waited
// for together with an event, so no read is ever left behind.
func (r *rawInput) key(ctx context.Context) (byte, error) {
	wake, err := windows.CreateEvent(nil, 1, 0, nil)
	if err != nil {
		return 0, err
	}
	woken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = windows.SetEvent(wake)
		close(woken)
	})
	defer func() {
		if !stop() {
			<-woken
		}
		_ = windows.CloseHandle(wake)
	}()
	for {
		n, err := windows.WaitForMultipleObjects([]windows.Handle{wake, r.console}, false, windows.INFINITE)
		if err != nil {
			return 0, err
		}
		if n == windows.WAIT_OBJECT_0 {
			return 0, context.Cause(ctx)
		}
		b, err := r.readEvent()
		if err != nil || b != 0 {
			return b, err
		}
	}
}

// readEvent takes the one event that is there; 0 when it is not the press of
// an ASCII key.
func (r *rawInput) readEvent() (byte, error) {
	var record inputRecord
	var n uint32
	ok, _, err := readConsoleInput.Call(uintptr(r.console), uintptr(unsafe.Pointer(&record)), 1, uintptr(unsafe.Pointer(&n)))
	defer func() { record = inputRecord{} }()
	switch {
	case ok == 0:
		return 0, err
	case n == 0 || record.eventType != keyEvent || record.keyDown == 0 || record.char > 0x7f:
		return 0, nil
	case record.char == '\r':
		return '\n', nil
	}
	return byte(record.char), nil
}
