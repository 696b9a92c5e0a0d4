package pcsc

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

// readerClass is GUID_DEVCLASS_SMARTCARDREADER of devguid.h.
var readerClass = windows.GUID{Data1: 0x50dd5230, Data2: 0xba8a, Data3: 0x11d1, Data4: [8]byte{0xbf, 0x5d, 0x00, 0x00, 0xf8, 0x05, 0xf5, 0x30}}

// Devices lists the card readers that are plugged in, with the problem that
// the device manager shows for each.
func Devices(context.Context) ([]Device, error) {
	var found []Device
	err := eachReader(func(set windows.DevInfo, data *windows.DevInfoData) {
		d := Device{Name: property(set, data, windows.SPDRP_FRIENDLYNAME)}
		if d.Name == "" {
			d.Name = property(set, data, windows.SPDRP_DEVICEDESC)
		}
		var status, problem uint32
		if err := windows.CM_Get_DevNode_Status(&status, &problem, data.DevInst, 0); err == nil && problem != 0 {
			d.Trouble = fmt.Sprintf("the device manager says code %d", problem)
		}
		found = append(found, d)
	})
	return found, err
}

// Drivers lists the drivers that the readers use.
func Drivers() []DriverPackage {
	var found []DriverPackage
	_ = eachReader(func(set windows.DevInfo, data *windows.DevInfoData) {
		key, err := registry.OpenKey(registry.LOCAL_MACHINE,
			`SYSTEM\CurrentControlSet\Control\Class\`+property(set, data, windows.SPDRP_DRIVER), registry.QUERY_VALUE)
		if err != nil {
			return
		}
		defer key.Close()
		provider, _, _ := key.GetStringValue("ProviderName")
		version, _, _ := key.GetStringValue("DriverVersion")
		found = append(found, DriverPackage{Name: provider, Version: version})
	})
	return found
}

func eachReader(see func(windows.DevInfo, *windows.DevInfoData)) error {
	set, err := windows.SetupDiGetClassDevsEx(&readerClass, "", 0, windows.DIGCF_PRESENT, 0, "")
	if err != nil {
		return fmt.Errorf("pcsc: list of devices: %w", err)
	}
	defer set.Close()
	for i := 0; ; i++ {
		data, err := set.EnumDeviceInfo(i)
		if errors.Is(err, windows.ERROR_NO_MORE_ITEMS) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("pcsc: list of devices: %w", err)
		}
		see(set, data)
	}
}

func property(set windows.DevInfo, data *windows.DevInfoData, which windows.SPDRP) string {
	value, err := set.DeviceRegistryProperty(data, which)
	if err != nil {
		return ""
	}
	text, _ := value.(string)
	return text
}
