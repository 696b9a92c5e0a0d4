package pcsc

import (
	"context"
	"fmt"
	"os"
	"os/exec"
)

// Devices lists the card readers that are plugged in. Those that are no USB
// devices are not found.
func Devices(ctx context.Context) ([]Device, error) {
	out, err := exec.CommandContext(ctx, "/usr/sbin/ioreg", "-r", "-c", "IOUSBHostInterface", "-l", "-w", "0").Output()
	if err != nil {
		return nil, fmt.Errorf("pcsc: ioreg: %w", err)
	}
	return usbInterfaces(out), nil
}

// Drivers lists the drivers that are installed for readers.
func Drivers() []DriverPackage {
	return append(bundles(os.DirFS("/usr/libexec/SmartCardServices/drivers")),
		bundles(os.DirFS("/usr/local/libexec/SmartCardServices/drivers"))...)
}
