package policy

import (
	"os"
	"path/filepath"

	"github.com/cardea-agent/cardea/agent/trust"
)

// System returns the places of this system, for the person who runs the agent.
func System() Places {
	p := Places{Folder: "/etc/cardea/policy.d", Machine: "/etc/cardea/policy.toml", trusted: trust.File}
	if config, err := os.UserConfigDir(); err == nil {
		p.User = filepath.Join(config, "cardea", "settings.toml")
	}
	return p
}
