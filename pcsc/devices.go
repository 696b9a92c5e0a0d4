package pcsc

import (
	"bytes"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Device is a card reader in the system's list of devices, whether or not a
// driver makes a PC/SC reader of it.
type Device struct {
	Name    string
	Trouble string // why the system itself says that it does not work; mostly empty
}

// DriverPackage is installed software for readers.
type DriverPackage struct {
	Name    string
	Version string // empty where it does not say
}

// usbReaderClass is the class of card readers among USB interfaces (USB class
// specification for CCID, section 4.1).
const usbReaderClass = "0b"

// usbReaders finds card readers in sysfs's list of USB devices: folders named
// DEVICE:INTERFACE beside folders named DEVICE.
func usbReaders(devices fs.FS) []Device {
	interfaces, _ := fs.Glob(devices, "*:*")
	var readers []Device
	seen := map[string]bool{}
	for _, folder := range interfaces {
		if attribute(devices, path.Join(folder, "bInterfaceClass")) != usbReaderClass {
			continue
		}
		device, _, _ := strings.Cut(folder, ":")
		if seen[device] {
			continue
		}
		seen[device] = true
		name := strings.TrimSpace(attribute(devices, path.Join(device, "manufacturer")) + " " + attribute(devices, path.Join(device, "product")))
		id := attribute(devices, path.Join(device, "idVendor")) + ":" + attribute(devices, path.Join(device, "idProduct"))
		if name == "" {
			name = "USB device"
		}
		readers = append(readers, Device{Name: name + " (" + id + ")"})
	}
	return readers
}

func attribute(devices fs.FS, name string) string {
	b, err := fs.ReadFile(devices, name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// plistString finds a string of a property list in XML by its key.
func plistString(list []byte, key string) string {
	match := regexp.MustCompile(`<key>` + regexp.QuoteMeta(key) + `</key>\s*<string>([^<]*)</string>`).FindSubmatch(list)
	if match == nil {
		return ""
	}
	return string(match[1])
}

// bundles reads the driver bundles in a folder (pcsc-lite and macOS keep them
// alike): NAME.bundle/Contents/Info.plist.
func bundles(drivers fs.FS) []DriverPackage {
	lists, _ := fs.Glob(drivers, "*.bundle/Contents/Info.plist")
	var found []DriverPackage
	for _, name := range lists {
		b, err := fs.ReadFile(drivers, name)
		if err != nil {
			continue
		}
		folder, _, _ := strings.Cut(name, "/")
		found = append(found, DriverPackage{Name: strings.TrimSuffix(folder, ".bundle"), Version: plistString(b, "CFBundleShortVersionString")})
	}
	return found
}

// usbInterfaces counts card readers in what "ioreg -r -c IOUSBHostInterface -l"
// prints on macOS. It names no interface's device.
func usbInterfaces(ioreg []byte) []Device {
	return slices.Repeat([]Device{{Name: "USB card reader"}}, len(regexp.MustCompile(`"bInterfaceClass" = 11\b`).FindAll(bytes.TrimSpace(ioreg), -1)))
}
