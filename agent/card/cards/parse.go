package cards

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/cardea-agent/cardea/agent/stricttoml"
)

// file is the TOML text. Its names are the documentation's.
type file struct {
	Unknown []string     `toml:"unknown"`
	Module  []fileModule `toml:"module"`
	Card    []fileCard   `toml:"card"`
}

type fileModule struct {
	ID       string              `toml:"id"`
	Name     string              `toml:"name"`
	Internet bool                `toml:"internet"`
	Files    map[string][]string `toml:"files"`
}

type fileCard struct {
	ID      string   `toml:"id"`
	Name    string   `toml:"name"`
	ATR     string   `toml:"atr"`
	Mask    string   `toml:"mask"`
	Speak   string   `toml:"speak"`
	Modules []string `toml:"modules"`
}

// Parse reads a list that stands for itself.
func Parse(text []byte) (*List, error) { return new(List).With(text) }

// With returns the list with another laid over it. l itself does not change.
func (l *List) With(text []byte) (*List, error) {
	var f file
	if err := stricttoml.Decode(text, &f); err != nil {
		return nil, err
	}
	modules, err := readModules(f.Module)
	if err != nil {
		return nil, err
	}
	rows, err := readCards(f.Card)
	if err != nil {
		return nil, err
	}
	over := &List{cards: rows, modules: maps.Clone(l.modules), unknown: l.unknown}
	if over.modules == nil {
		over.modules = map[string]Module{}
	}
	maps.Copy(over.modules, modules)
	for _, c := range l.cards {
		if !slices.ContainsFunc(rows, func(mine card) bool { return mine.id == c.id }) {
			over.cards = append(over.cards, c)
		}
	}
	if f.Unknown != nil {
		over.unknown = f.Unknown
	}
	return over, over.check()
}

// check looks for modules that are named and not there.
func (l *List) check() error {
	for _, id := range l.unknown {
		if _, ok := l.modules[id]; !ok {
			return fmt.Errorf("unknown: there is no module %q", id)
		}
	}
	for _, c := range l.cards {
		for _, id := range c.modules {
			if _, ok := l.modules[id]; !ok {
				return fmt.Errorf("card %s: there is no module %q", c.id, id)
			}
		}
	}
	return nil
}

func readModules(texts []fileModule) (map[string]Module, error) {
	modules := map[string]Module{}
	for _, m := range texts {
		if err := named(m.ID, m.Name); err != nil {
			return nil, fmt.Errorf("module %q: %w", m.ID, err)
		}
		if _, twice := modules[m.ID]; twice {
			return nil, fmt.Errorf("module %q: is there twice", m.ID)
		}
		if len(m.Files) == 0 {
			return nil, fmt.Errorf("module %q: has no files", m.ID)
		}
		for platform, paths := range m.Files {
			if err := checkPaths(platform, paths); err != nil {
				return nil, fmt.Errorf("module %q: files.%s: %w", m.ID, platform, err)
			}
		}
		modules[m.ID] = Module{ID: m.ID, Name: m.Name, Internet: m.Internet, paths: m.Files}
	}
	return modules, nil
}

var (
	systems       = []string{"linux", "windows", "darwin"}
	architectures = []string{"amd64", "arm64"}
	windowsPath   = regexp.MustCompile(`^[A-Z]:\\`)
)

// checkPaths looks at paths as text, for each system: a list is written on one
// machine for all. Whether a file may be loaded is found out when it is to be.
func checkPaths(platform string, paths []string) error {
	system, architecture, both := strings.Cut(platform, "-")
	if !slices.Contains(systems, system) || both && !slices.Contains(architectures, architecture) {
		return fmt.Errorf("must be one of %s, with -%s behind it where that matters", strings.Join(systems, ", "), strings.Join(architectures, " or -"))
	}
	if len(paths) == 0 {
		return errors.New("names none")
	}
	for _, path := range paths {
		absolute := strings.HasPrefix(path, "/")
		if system == "windows" {
			absolute = windowsPath.MatchString(path)
		}
		if !absolute || strings.ContainsAny(path, "$%") {
			return fmt.Errorf("%q is no absolute path without variables", path)
		}
	}
	return nil
}

func readCards(texts []fileCard) (rows []card, err error) {
	for _, c := range texts {
		row := card{id: c.ID, name: c.Name, modules: c.Modules}
		if err = named(c.ID, c.Name); err == nil {
			row.pattern, err = ParsePattern(c.ATR, c.Mask)
		}
		switch {
		case err != nil:
		case slices.ContainsFunc(rows, func(other card) bool { return other.id == c.ID }):
			err = errors.New("is there twice")
		case c.Speak == "piv" && c.Modules != nil:
			err = errors.New("modules: are for cards that are spoken to as pkcs11")
		case c.Speak == "pkcs11" && len(c.Modules) == 0:
			err = errors.New("modules: names none")
		case c.Speak != "piv" && c.Speak != "pkcs11":
			err = fmt.Errorf("speak: must be piv or pkcs11, not %q", c.Speak)
		}
		if err != nil {
			return nil, fmt.Errorf("card %q: %w", c.ID, err)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

var identifier = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]*$`)

// longestID is no part of the expression: one that counts to 63 takes a
// millisecond of each start.
const longestID = 64

// longestName is what fits into a line of the status window.
const longestName = 80

func named(id, name string) error {
	switch {
	case len(id) > longestID || !identifier.MatchString(id):
		return errors.New("id: must be small letters, digits, dots and hyphens, 64 at most")
	case name == "" || len(name) > longestName || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return fmt.Errorf("name: must be 1 to %d characters that can be printed", longestName)
	}
	return nil
}
