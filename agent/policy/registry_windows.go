package policy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

// systemKey is a key of this computer's registry.
type systemKey struct {
	root registry.Key
	name string
	path string
}

// machineRegistry and personRegistry are where group policy writes. Neither can
// be written to by people who are no administrators.
func machineRegistry() Registry { return systemKey{registry.LOCAL_MACHINE, "HKLM", RegistryPath} }
func personRegistry() Registry  { return systemKey{registry.CURRENT_USER, "HKCU", RegistryPath} }

// installedRegistry is where the installer writes.
func installedRegistry() Registry { return systemKey{registry.LOCAL_MACHINE, "HKLM", InstalledPath} }

func (k systemKey) Name() string { return k.name + `\` + k.path }

func (k systemKey) Read() (Key, error) { return readKey(k.root, k.path) }

func readKey(parent registry.Key, name string) (Key, error) {
	key, err := registry.OpenKey(parent, name, registry.QUERY_VALUE|registry.ENUMERATE_SUB_KEYS|registry.WOW64_64KEY)
	if errors.Is(err, registry.ErrNotExist) {
		return Key{}, fmt.Errorf("%w: %s", fs.ErrNotExist, name)
	}
	if err != nil {
		return Key{}, err
	}
	defer key.Close() //nolint:errcheck // it was read from
	read := Key{Values: map[string]any{}, Keys: map[string]Key{}}
	names, err := key.ReadValueNames(-1)
	if err != nil {
		return Key{}, err
	}
	for _, name := range names {
		if read.Values[name], err = readValue(key, name); err != nil {
			return Key{}, fmt.Errorf("%s: %w", name, err)
		}
	}
	names, err = key.ReadSubKeyNames(-1)
	if err != nil {
		return Key{}, err
	}
	for _, name := range names {
		if read.Keys[name], err = readKey(key, name); err != nil {
			return Key{}, err
		}
	}
	return read, nil
}

// readValue reads the types that group policy writes. Variables in a text stay:
// whoever runs the agent could set them.
func readValue(key registry.Key, name string) (any, error) {
	_, kind, err := key.GetValue(name, nil)
	if err != nil {
		return nil, err
	}
	switch kind {
	case registry.SZ, registry.EXPAND_SZ:
		v, _, err := key.GetStringValue(name)
		return v, err
	case registry.MULTI_SZ:
		v, _, err := key.GetStringsValue(name)
		return v, err
	case registry.DWORD, registry.QWORD:
		v, _, err := key.GetIntegerValue(name)
		return v, err
	}
	return nil, fmt.Errorf("is of the type %d, which no setting has", kind)
}

// watched opens the key above: Cardea's own may not exist, and group policy
// deletes and makes it again. Where that is missing too, it is the next one
// above, of which only the keys' names are watched.
func (k systemKey) watched() (key registry.Key, filter uint32, err error) {
	const access = registry.NOTIFY | registry.WOW64_64KEY
	above := k.path[:strings.LastIndexByte(k.path, '\\')]
	key, err = registry.OpenKey(k.root, above, access)
	if !errors.Is(err, registry.ErrNotExist) {
		return key, windows.REG_NOTIFY_CHANGE_NAME | windows.REG_NOTIFY_CHANGE_LAST_SET, err
	}
	key, err = registry.OpenKey(k.root, above[:strings.LastIndexByte(above, '\\')], access)
	return key, windows.REG_NOTIFY_CHANGE_NAME, err
}

// Wait watches the key above, or the next one.
func (k systemKey) Wait(ctx context.Context, watching func()) error {
	key, filter, err := k.watched()
	if err != nil {
		return err
	}
	defer key.Close() //nolint:errcheck // it was read from
	changed, err := windows.CreateEvent(nil, 0, 0, nil)
	if err != nil {
		return err
	}
	defer windows.CloseHandle(changed) //nolint:errcheck // nothing is lost with it
	ended, err := windows.CreateEvent(nil, 1, 0, nil)
	if err != nil {
		return err
	}
	defer windows.CloseHandle(ended) //nolint:errcheck // nothing is lost with it
	// The goroutine may be on another thread by then, which must not end the watch.
	below := filter&windows.REG_NOTIFY_CHANGE_LAST_SET != 0
	if err := windows.RegNotifyChangeKeyValue(windows.Handle(key), below, filter|windows.REG_NOTIFY_THREAD_AGNOSTIC, changed, true); err != nil {
		return err
	}
	watching()
	signalled := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { defer close(signalled); _ = windows.SetEvent(ended) })
	defer func() {
		if !stop() {
			<-signalled // or the handle is closed under its hands
		}
	}()
	_, err = windows.WaitForMultipleObjects([]windows.Handle{changed, ended}, false, windows.INFINITE)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}
