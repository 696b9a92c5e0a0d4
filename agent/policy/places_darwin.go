package policy

import (
	"os"
	"os/user"
	"path/filepath"

	"github.com/cardea-agent/cardea/agent/trust"
)

// System returns the places of this system, for the person who runs the agent.
func System() Places {
	const managed, support = "/Library/Managed Preferences", "/Library/Application Support/Cardea"
	p := Places{
		Managed: filepath.Join(managed, ProfileID+".plist"),
		Folder:  filepath.Join(support, "policy.d"),
		Machine: filepath.Join(support, "policy.toml"),
		trusted: trust.File,
	}
	if person, err := user.Current(); err == nil && filepath.Base(person.Username) == person.Username {
		p.PersonManaged = filepath.Join(managed, person.Username, ProfileID+".plist")
	}
	if config, err := os.UserConfigDir(); err == nil {
		p.User = filepath.Join(config, "Cardea", "settings.toml")
	}
	return p
}
