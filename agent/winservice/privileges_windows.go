package winservice

import (
	"errors"
	"fmt"
	"slices"
	"unsafe"

	"golang.org/x/sys/windows"
)

// KeepOnly gives up all privileges of this process but the named ones. They
// cannot be had again.
func KeepOnly(names ...string) error {
	var keep []windows.LUID
	for _, name := range names {
		text, err := windows.UTF16PtrFromString(name)
		if err != nil {
			return err
		}
		var id windows.LUID
		if err := windows.LookupPrivilegeValue(nil, text, &id); err != nil {
			return fmt.Errorf("winservice: %s: %w", name, err)
		}
		keep = append(keep, id)
	}
	var token windows.Token
	err := windows.OpenProcessToken(windows.CurrentProcess(), windows.TOKEN_QUERY|windows.TOKEN_ADJUST_PRIVILEGES, &token)
	if err != nil {
		return fmt.Errorf("winservice: own token: %w", err)
	}
	defer token.Close()
	held, err := privileges(token)
	if err != nil {
		return err
	}
	for _, p := range held {
		if slices.Contains(keep, p.Luid) {
			continue
		}
		p.Attributes = windows.SE_PRIVILEGE_REMOVED
		state := windows.Tokenprivileges{PrivilegeCount: 1, Privileges: [1]windows.LUIDAndAttributes{p}}
		if err := windows.AdjustTokenPrivileges(token, false, &state, 0, nil, nil); err != nil {
			return fmt.Errorf("winservice: give up privilege %d: %w", p.Luid.LowPart, err)
		}
	}
	return nil
}

// privileges are those that a token has, enabled or not.
func privileges(token windows.Token) ([]windows.LUIDAndAttributes, error) {
	size := uint32(1 << 10)
	for {
		buffer := make([]byte, size)
		err := windows.GetTokenInformation(token, windows.TokenPrivileges, &buffer[0], size, &size)
		if errors.Is(err, windows.ERROR_INSUFFICIENT_BUFFER) && int(size) > len(buffer) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("winservice: own privileges: %w", err)
		}
		head := (*windows.Tokenprivileges)(unsafe.Pointer(&buffer[0])) // #nosec G103 -- the call's own form
		return slices.Clone(head.AllPrivileges()), nil
	}
}
