package browserpolicy

import (
	"errors"
	"path/filepath"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

// System returns the Manager of this computer.
func System() (Manager, error) {
	data, err := windows.KnownFolderPath(windows.FOLDERID_ProgramData, 0)
	if err != nil {
		return Manager{}, err
	}
	return Windows(machine{registry.LOCAL_MACHINE}, filepath.Join(data, "Cardea", "browser-policy.json")), nil
}

// machine is this computer's registry.
type machine struct{ root registry.Key }

const view = registry.WOW64_64KEY

func (m machine) open(path string, access uint32) (registry.Key, error) {
	return registry.OpenKey(m.root, path, access|view)
}

func (m machine) Texts(path string) (map[string]string, error) {
	key, err := m.open(path, registry.QUERY_VALUE)
	if errors.Is(err, registry.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer key.Close() //nolint:errcheck // it was read from
	names, err := key.ReadValueNames(-1)
	if err != nil {
		return nil, err
	}
	texts := map[string]string{}
	for _, name := range names {
		text, _, err := key.GetStringValue(name)
		if errors.Is(err, registry.ErrUnexpectedType) {
			continue
		}
		if err != nil {
			return nil, err
		}
		texts[name] = text
	}
	return texts, nil
}

func (m machine) SetText(path, name, text string) error {
	key, err := m.open(path, registry.SET_VALUE)
	if err != nil {
		return err
	}
	return errors.Join(key.SetStringValue(name, text), key.Close())
}

func (m machine) Delete(path, name string) error {
	key, err := m.open(path, registry.SET_VALUE)
	if err != nil {
		return err
	}
	err = key.DeleteValue(name)
	if errors.Is(err, registry.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, key.Close())
}

func (m machine) Exists(path string) (bool, error) {
	key, err := m.open(path, registry.QUERY_VALUE)
	if errors.Is(err, registry.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, key.Close()
}

func (m machine) Make(path string) error {
	key, _, err := registry.CreateKey(m.root, path, registry.QUERY_VALUE|view)
	if err != nil {
		return err
	}
	return key.Close()
}

func (m machine) Remove(path string) (bool, error) {
	key, err := m.open(path, registry.QUERY_VALUE|registry.ENUMERATE_SUB_KEYS)
	if errors.Is(err, registry.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	info, err := key.Stat()
	if err := errors.Join(err, key.Close()); err != nil {
		return false, err
	}
	if info.ValueCount > 0 || info.SubKeyCount > 0 {
		return false, nil
	}
	return true, registry.DeleteKey(m.root, path)
}
