package policy

import (
	"path/filepath"

	"golang.org/x/sys/windows"

	"github.com/cardea-agent/cardea/agent/trust"
)

// System returns the places of this system, for the person who runs the agent.
// The system is asked for its folders, not the environment, which is the
// person's own.
func System() Places {
	p := Places{
		Registry: machineRegistry(), PersonRegistry: personRegistry(), Installed: installedRegistry(),
		trusted: trust.File,
	}
	data, err := windows.KnownFolderPath(windows.FOLDERID_ProgramData, 0)
	if err != nil {
		data = `C:\ProgramData`
	}
	p.Folder = filepath.Join(data, "Cardea", "policy.d")
	p.Machine = filepath.Join(data, "Cardea", "policy.toml")
	if local, err := windows.KnownFolderPath(windows.FOLDERID_LocalAppData, 0); err == nil {
		p.User = filepath.Join(local, "Cardea", "settings.toml")
	}
	return p
}
