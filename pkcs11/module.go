//go:build cgo

package pkcs11

import (
	"errors"
	"fmt"
	"strings"

	p11 "github.com/miekg/pkcs11"
)

// Module is a loaded module. It belongs to one goroutine with its thread
// locked: some modules know their callers by the thread.
type Module struct {
	lib     *p11.Ctx
	calling func(call string)
}

// Open loads a module's file into this process, for good: unloading a library
// that may have threads is not safe. calling is told the name of each function
// before it is called, so that others know where it hangs.
func Open(file string, calling func(call string)) (*Module, error) {
	calling(CallLoad)
	lib := p11.New(file)
	if lib == nil {
		return nil, fmt.Errorf("pkcs11: %s is not a PKCS#11 module for this system and processor, or a library that it needs is missing", file)
	}
	return &Module{lib: lib, calling: calling}, nil
}

// call calls one function of the module.
func (m *Module) call(name string, f func() error) error {
	m.calling(name)
	err := f()
	if code, is := errors.AsType[p11.Error](err); is {
		return refused(name, Code(code))
	}
	return err
}

// Initialize begins the use of the module. What is in the readers is looked
// at anew.
func (m *Module) Initialize() error {
	return m.call("C_Initialize", func() error { return m.lib.Initialize() })
}

// Finalize ends the use of the module, which lets go of all readers.
func (m *Module) Finalize() error {
	return m.call("C_Finalize", m.lib.Finalize)
}

// slot is a slot with a token in it.
type slot struct {
	id    uint
	token Token
}

// maxSlots bounds what a module can make us look at.
const maxSlots = 64

// maxCounts is how often slots are counted when their number changes meanwhile.
const maxCounts = 5

// slots are those of a reader; of all readers for the empty name. One that
// fails does not keep the others back: it is an error only if none is left.
func (m *Module) slots(reader string) (found []slot, err error) {
	var ids []uint
	// A card that goes in after they were counted makes the list too short.
	for range maxCounts {
		err = m.call("C_GetSlotList", func() (err error) {
			ids, err = m.lib.GetSlotList(true)
			return err
		})
		if codeOf(err) != bufferTooSmall {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	var failed error
	for _, id := range ids[:min(len(ids), maxSlots)] {
		switch s, here, err := m.slot(id, reader); {
		case err != nil && failed == nil:
			failed = err
		case err == nil && here:
			found = append(found, s)
		}
	}
	if len(found) > 0 {
		return found, nil
	}
	return nil, failed
}

// slot reads one slot, if it is in the reader and has a token.
func (m *Module) slot(id uint, reader string) (s slot, here bool, err error) {
	var info p11.SlotInfo
	err = m.call("C_GetSlotInfo", func() (err error) {
		info, err = m.lib.GetSlotInfo(id)
		return err
	})
	if err != nil {
		return s, false, err
	}
	description := trim(info.SlotDescription)
	if info.Flags&p11.CKF_TOKEN_PRESENT == 0 || reader != "" && !sameReader(description, reader) {
		return s, false, nil
	}
	s = slot{id: id, token: Token{Slot: strings.ToValidUTF8(description, "")}}
	switch err = m.readToken(&s); codeOf(err) {
	case tokenNotPresent, tokenNotRecognized: // an empty slot, or a card of another kind
		return s, false, nil
	}
	return s, err == nil, err
}

// readToken reads what the token tells of itself and its PIN.
func (m *Module) readToken(s *slot) error {
	var info p11.TokenInfo
	err := m.call("C_GetTokenInfo", func() (err error) {
		info, err = m.lib.GetTokenInfo(s.id)
		return err
	})
	if err != nil {
		return err
	}
	has := func(flag uint) bool { return info.Flags&flag != 0 }
	t := &s.token
	t.Label, t.Manufacturer = text(info.Label), text(info.ManufacturerID)
	t.Model, t.Serial = text(info.Model), text(info.SerialNumber)
	t.MinPIN, t.MaxPIN = pinLengths(info.MinPinLen, info.MaxPinLen)
	t.Keypad = has(p11.CKF_PROTECTED_AUTHENTICATION_PATH)
	t.PINNotSet = has(p11.CKF_USER_PIN_TO_BE_CHANGED) ||
		has(p11.CKF_LOGIN_REQUIRED) && !has(p11.CKF_USER_PIN_INITIALIZED)
	switch {
	case has(p11.CKF_USER_PIN_LOCKED):
		t.Tries = TriesLocked
	case has(p11.CKF_USER_PIN_FINAL_TRY):
		t.Tries = TriesFinal
	case has(p11.CKF_USER_PIN_COUNT_LOW):
		t.Tries = TriesLow
	default:
		t.Tries = TriesUnknown
	}
	return nil
}
