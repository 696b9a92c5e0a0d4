package pcsc

import (
	"slices"
	"testing"
	"testing/fstest"
)

func TestCardReadersAreFoundAmongTheUSBDevices(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text + "\n")} }
	devices := fstest.MapFS{
		"1-1/idVendor": file("04e6"), "1-1/idProduct": file("5116"), "1-1/manufacturer": file("SCM Microsystems Inc."), "1-1/product": file("SCR 3310"),
		"1-1:1.0/bInterfaceClass": file("0b"),
		"1-2/idVendor":            file("1050"), "1-2/idProduct": file("0407"), "1-2/product": file("Key"),
		"1-2:1.0/bInterfaceClass": file("03"), "1-2:1.1/bInterfaceClass": file("0b"), "1-2:1.2/bInterfaceClass": file("0b"),
		"1-3/idVendor": file("046d"), "1-3/product": file("Mouse"), "1-3:1.0/bInterfaceClass": file("03"),
		"1-4:1.0/bInterfaceClass": file("0b"),
	}
	want := []Device{{Name: "SCM Microsystems Inc. SCR 3310 (04e6:5116)"}, {Name: "Key (1050:0407)"}, {Name: "USB device (:)"}}
	if got := usbReaders(devices); !slices.Equal(got, want) {
		t.Errorf("found %+v, want %+v", got, want)
	}
	if got := usbReaders(fstest.MapFS{}); got != nil {
		t.Errorf("found %+v", got)
	}
}

func TestDriversAreFoundWithTheirVersions(t *testing.T) {
	drivers := fstest.MapFS{
		"ifd-ccid.bundle/Contents/Info.plist": &fstest.MapFile{Data: []byte("<dict>\n<key>CFBundleShortVersionString</key>\n\t<string>1.5.2</string></dict>")},
		"own.bundle/Contents/Info.plist":      &fstest.MapFile{Data: []byte("<dict/>")},
		"serial/lib.so":                       &fstest.MapFile{},
	}
	want := []DriverPackage{{"ifd-ccid", "1.5.2"}, {"own", ""}}
	if got := bundles(drivers); !slices.Equal(got, want) {
		t.Errorf("found %+v, want %+v", got, want)
	}
}

func TestReadersAreCountedInTheRegistryOfMacOS(t *testing.T) {
	text := "+-o Smart Card@0  <class IOUSBHostInterface>\n    {\n      \"bInterfaceClass\" = 11\n    }\n+-o Keys@1\n \"bInterfaceClass\" = 3\n \"bInterfaceClass\" = 110\n"
	if got := usbInterfaces([]byte(text)); len(got) != 1 {
		t.Errorf("found %+v", got)
	}
}
