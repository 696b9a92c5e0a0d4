package credui

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/windows"
)

// New returns a prompter with the system's windows. It fails where Windows has
// none.
func New() (*Prompter, error) {
	for _, call := range []*windows.LazyProc{promptForCredentials, pack, unpack} {
		if err := call.Find(); err != nil {
			return nil, fmt.Errorf("credui: %w", err)
		}
	}
	return newPrompter(system{}), nil
}

// The calls, from System32 alone.
var (
	library              = windows.NewLazySystemDLL("credui.dll")
	promptForCredentials = library.NewProc("CredUIPromptForWindowsCredentialsW")
	pack                 = library.NewProc("CredPackAuthenticationBufferW")
	unpack               = library.NewProc("CredUnPackAuthenticationBufferW")
)

// creduiInfo is CREDUI_INFOW of wincred.h.
type creduiInfo struct {
	size    uint32
	parent  windows.HWND
	message *uint16
	caption *uint16
	banner  uintptr
}

const (
	creduiGeneric = 0x1 // CREDUIWIN_GENERIC: what is typed goes to nobody else
	// The lengths of credui.h.
	maxMessage = 1024
	maxCaption = 128
	maxName    = 513
	maxSecret  = 256
)

type system struct{}

func (system) secret(caption, message, holder string, buffer []byte) (int, error) {
	info := creduiInfo{message: utf16(message, maxMessage), caption: utf16(caption, maxCaption)}
	info.size = uint32(unsafe.Sizeof(info))
	named := packed(holder)
	var kind uint32
	var out unsafe.Pointer
	var size uint32
	code, _, _ := promptForCredentials.Call(uintptr(unsafe.Pointer(&info)), 0, uintptr(unsafe.Pointer(&kind)), // #nosec G103 -- the call's own form
		uintptr(unsafe.Pointer(unsafe.SliceData(named))), uintptr(len(named)), uintptr(unsafe.Pointer(&out)), uintptr(unsafe.Pointer(&size)), 0, creduiGeneric) // #nosec G103 -- the same
	switch windows.Errno(code) {
	case windows.ERROR_SUCCESS:
	case windows.ERROR_CANCELLED:
		return 0, nil
	default:
		return 0, fmt.Errorf("CredUIPromptForWindowsCredentials: %w", windows.Errno(code))
	}
	defer windows.CoTaskMemFree(out)
	all := unsafe.Slice((*byte)(out), size) // #nosec G103 -- the same
	defer clear(all)
	return unpacked(all, buffer)
}

// unpacked takes the secret out of what Windows returns, if it is one of ASCII
// that fits.
func unpacked(all, buffer []byte) (int, error) {
	var name [maxName]uint16
	var domain [maxName]uint16
	var secret [maxSecret]uint16
	defer clear(secret[:])
	nameSize, domainSize, secretSize := uint32(len(name)), uint32(len(domain)), uint32(len(secret))
	ok, _, err := unpack.Call(0, uintptr(unsafe.Pointer(unsafe.SliceData(all))), uintptr(len(all)), // #nosec G103 -- the call's own form
		uintptr(unsafe.Pointer(&name)), uintptr(unsafe.Pointer(&nameSize)), // #nosec G103 -- the call's own form
		uintptr(unsafe.Pointer(&domain)), uintptr(unsafe.Pointer(&domainSize)), // #nosec G103 -- the same
		uintptr(unsafe.Pointer(&secret)), uintptr(unsafe.Pointer(&secretSize))) // #nosec G103 -- the same
	if ok == 0 {
		return 0, fmt.Errorf("CredUnPackAuthenticationBuffer: %w", err)
	}
	return ascii(secret[:], buffer), nil
}

// packed is what shows a name in the window's first line; nil where it cannot.
func packed(holder string) []byte {
	name, err := windows.UTF16PtrFromString(holder)
	if err != nil {
		return nil
	}
	var empty uint16
	var size uint32
	_, _, _ = pack.Call(0, uintptr(unsafe.Pointer(name)), uintptr(unsafe.Pointer(&empty)), 0, uintptr(unsafe.Pointer(&size))) // #nosec G103 -- the call's own form
	if size == 0 {
		return nil
	}
	buffer := make([]byte, size)
	ok, _, _ := pack.Call(0, uintptr(unsafe.Pointer(name)), uintptr(unsafe.Pointer(&empty)), uintptr(unsafe.Pointer(unsafe.SliceData(buffer))), uintptr(unsafe.Pointer(&size))) // #nosec G103 -- the same
	if ok == 0 {
		return nil
	}
	return buffer[:size]
}

func (system) yes(caption, text string) bool {
	const yes = 6 // IDYES
	answer, err := windows.MessageBox(0, utf16(text, 4*maxMessage), utf16(caption, maxCaption),
		windows.MB_YESNO|windows.MB_DEFBUTTON2|windows.MB_ICONWARNING|windows.MB_TOPMOST|windows.MB_SETFOREGROUND)
	return err == nil && answer == yes
}

// utf16 is a text for the system, cut to what it takes.
func utf16(text string, most int) *uint16 {
	units, err := windows.UTF16FromString(text)
	if err != nil { // it has a zero in it, which nothing printable has
		units = []uint16{0}
	}
	if len(units) > most {
		units = append(units[:most-1], 0)
	}
	return &units[0]
}
