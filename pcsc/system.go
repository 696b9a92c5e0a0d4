//go:build cgo || windows

package pcsc

import (
	"errors"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/ebfe/scard"
)

// System is the machine's resource manager: winscard on Windows, pcscd on
// Linux, CryptoTokenKit on macOS. Its zero value is ready for use.
//
// One wait (GetStatusChange) at a time in the whole process: a second one fails
// at once with ErrWaiting. On Windows a wait ends with Timeout after a second at the latest.
type System struct{}

var _ Driver = System{}

// waiting is held during a wait. ebfe/scard keeps the names of the readers it
// waits for in one map for the process, by name: concurrent waits free each
// other's memory while C reads it.
var waiting sync.Mutex

// longestWait bounds a wait on Windows, where ebfe/scard keeps nothing but a
// number that points to a reader's name: the shorter the wait, the smaller the
// chance that the memory is reused meanwhile.
const longestWait = time.Second

// Establish opens a context in the system scope.
func (System) Establish() (Context, error) {
	context, err := scard.EstablishContext()
	if err != nil {
		return nil, toCode(err)
	}
	return &systemContext{context}, nil
}

type systemContext struct{ scard *scard.Context }

func (c *systemContext) ListReaders() (names []string, err error) {
	defer func() {
		if recover() != nil { // ebfe/scard indexes a list of no bytes
			names, err = nil, NoReadersAvailable
		}
	}()
	for range 3 { // a reader can come between asking for the length and the list
		names, err = c.scard.ListReaders()
		if !errors.Is(err, scard.ErrInsufficientBuffer) {
			break
		}
	}
	if err == nil && len(names) == 0 {
		err = NoReadersAvailable
	}
	return names, toCode(err)
}

func (c *systemContext) GetStatusChange(states []ReaderState, timeout time.Duration) error {
	if len(states) == 0 {
		return InvalidParameter // ebfe/scard panics
	}
	if runtime.GOOS == "darwin" && slices.ContainsFunc(states, func(s ReaderState) bool { return s.Reader == PnPReader }) {
		return UnknownReader // not every macOS says so by itself
	}
	if runtime.GOOS == "windows" && (timeout < 0 || timeout > longestWait) {
		timeout = longestWait
	}
	if !waiting.TryLock() {
		return ErrWaiting
	}
	defer waiting.Unlock()
	foreign := make([]scard.ReaderState, len(states))
	for i, s := range states {
		foreign[i] = scard.ReaderState{Reader: s.Reader, CurrentState: scard.StateFlag(s.Current)}
	}
	if err := c.scard.GetStatusChange(foreign, timeout); err != nil {
		return toCode(err)
	}
	for i, s := range foreign {
		states[i].Event, states[i].ATR = StateFlag(s.EventState), s.Atr
	}
	return nil
}

func (c *systemContext) Cancel() error  { return toCode(c.scard.Cancel()) }
func (c *systemContext) Release() error { return toCode(c.scard.Release()) }

func (c *systemContext) Connect(reader string, mode ShareMode, protocols Protocol) (Handle, error) {
	if protocols == 0 || protocols&^ProtocolAny != 0 {
		return nil, InvalidValue
	}
	card, err := c.scard.Connect(reader, scard.ShareMode(mode), scard.Protocol(protocols))
	if err != nil {
		return nil, toCode(err)
	}
	return &systemHandle{card}, nil
}

type systemHandle struct{ scard *scard.Card }

func (h *systemHandle) ActiveProtocol() Protocol { return Protocol(h.scard.ActiveProtocol()) }

func (h *systemHandle) BeginTransaction() error { return toCode(h.scard.BeginTransaction()) }

func (h *systemHandle) EndTransaction(d Disposition) error {
	return toCode(h.scard.EndTransaction(scard.Disposition(d)))
}

func (h *systemHandle) Transmit(command []byte) ([]byte, error) {
	// ebfe/scard panics on both.
	if len(command) == 0 {
		return nil, InvalidParameter
	}
	if p := h.ActiveProtocol(); p != ProtocolT0 && p != ProtocolT1 {
		return nil, ProtoMismatch
	}
	response, err := h.scard.Transmit(command)
	if err != nil {
		return nil, toCode(err)
	}
	// A response keeps the 64 KiB it was read into alive.
	return slices.Clone(response), nil
}

func (h *systemHandle) Reconnect(mode ShareMode, protocols Protocol, initialization Disposition) error {
	if protocols == 0 || protocols&^ProtocolAny != 0 {
		return InvalidValue
	}
	return toCode(h.scard.Reconnect(scard.ShareMode(mode), scard.Protocol(protocols), scard.Disposition(initialization)))
}

func (h *systemHandle) Disconnect(d Disposition) error {
	return toCode(h.scard.Disconnect(scard.Disposition(d)))
}

// toCode translates ebfe/scard's errors, and nothing else.
func toCode(err error) error {
	if code, ok := errors.AsType[scard.Error](err); ok {
		return Code(code)
	}
	return err
}
