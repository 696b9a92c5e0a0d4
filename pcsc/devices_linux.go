package pcsc

import (
	"context"
	"os"
)

// Devices lists the card readers that are plugged in. Those that are no USB
// devices are not found.
func Devices(context.Context) ([]Device, error) {
	return usbReaders(os.DirFS("/sys/bus/usb/devices")), nil
}

// Drivers lists the drivers that are installed for readers.
func Drivers() []DriverPackage { return bundles(os.DirFS("/usr/lib/pcsc/drivers")) }
