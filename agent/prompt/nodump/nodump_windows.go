package nodump

import (
	"fmt"

	"golang.org/x/sys/windows"
)

var werSetFlags = windows.NewLazySystemDLL("kernel32.dll").NewProc("WerSetFlags")

// noHeap is WER_FAULT_REPORTING_FLAG_NOHEAP of werapi.h.
const noHeap = 1

// Disable keeps the heap out of Windows Error Reporting's dumps (WerSetFlags)
// and turns the crash dialogue off, from which a dump could be made.
func Disable() error {
	windows.SetErrorMode(windows.SEM_FAILCRITICALERRORS | windows.SEM_NOGPFAULTERRORBOX)
	if err := werSetFlags.Find(); err != nil {
		return fmt.Errorf("nodump: %w", err)
	}
	if hr, _, _ := werSetFlags.Call(noHeap); hr != 0 {
		return fmt.Errorf("nodump: WerSetFlags: %#x", hr)
	}
	return nil
}
