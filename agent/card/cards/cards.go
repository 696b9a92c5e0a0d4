// Package cards reads lists of cards: by the ATR of a card they tell its name
// and how to speak to it, as a PIV card or through a vendor's PKCS#11 module.
//
// A list is a TOML text. The agent ships one, and an administrator may lay one
// of their own over it: its cards come first, and whatever has the id of
// something shipped takes its place. A card on no list is tried as PIV, and
// then with the modules that the list names for unknown cards.
//
//	unknown = ["opensc"]
//
//	[[module]]
//	id = "opensc"
//	name = "OpenSC"
//	internet = false   # the default: it may open no internet socket (Linux)
//	[module.files]
//	linux = ["/usr/lib64/opensc-pkcs11.so"]   # of several the first that is there
//	linux-amd64 = ["/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so"]
//
//	[[card]]
//	id = "example"
//	name = "Example card"
//	atr = "3B 8B 80 01 80 F9 A0 00 00 03 08 00 00 10 00 C8"
//	mask = "FF FF FF FF FF FF FF FF FF FF FF FF FF FF FF 00"   # bits that count
//	speak = "pkcs11"                                           # or "piv"
//	modules = ["opensc"]                                       # with pkcs11
//
// A name that is not one of these, an ATR or mask in doubt and a module that is
// nowhere are refused. The package never loads a module and never speaks to a
// card; [Module.File] gives out a path only when package trust finds it to be
// the administrators' alone.
//
// It is tested by tables over texts and ATRs, by fuzzing of ATRs with masks,
// and over the list that is shipped.
package cards

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"runtime"
	"slices"

	"github.com/cardea-agent/cardea/agent/trust"
)

// List is a list of cards and modules. It does not change.
type List struct {
	cards   []card
	modules map[string]Module
	unknown []string // modules for cards that are on no list
}

// card is one row.
type card struct {
	id, name string
	pattern  Pattern
	modules  []string // none: it is spoken to as PIV
}

// Way is how to speak to a card: as PIV if PIV is set, and then through each of
// the modules until one knows it.
type Way struct {
	Name    string // of the kind of card; empty for one that is on no list
	PIV     bool
	Modules []Module
	// IsPIV says that a row of the list knows it as a PIV card, whether it is
	// spoken to as one or not.
	IsPIV bool
}

// For returns how to speak to a card with an ATR. Of several rows that match,
// the first in the list counts, and an administrator's before a shipped one.
func (l *List) For(atr []byte) Way {
	way := Way{PIV: true, Modules: l.named(l.unknown)}
	for _, c := range l.cards {
		if !c.pattern.Matches(atr) {
			continue
		}
		if way.Name == "" {
			way = Way{Name: c.name, PIV: len(c.modules) == 0, Modules: l.named(c.modules)}
		}
		way.IsPIV = way.IsPIV || len(c.modules) == 0
	}
	return way
}

func (l *List) named(ids []string) []Module {
	var modules []Module
	for _, id := range ids {
		modules = append(modules, l.modules[id])
	}
	return modules
}

// Module is a PKCS#11 module of a list.
type Module struct {
	ID   string
	Name string // for people
	// Internet lets it open internet sockets where modules are kept from them.
	Internet bool
	// paths are where it may be, by system or by system and architecture.
	paths map[string][]string
}

// ErrMissing is returned for a module that is at none of its paths.
var ErrMissing = errors.New("cards: the module is not installed")

// File returns the module's file on this machine: the first of its paths at
// which there is one, with links resolved. It is ErrMissing without one, and a
// *trust.Error when it is one that others than administrators can change; then
// no further path is tried, because something is wrong with this machine.
func (m Module) File() (string, error) {
	for _, path := range m.candidates(runtime.GOOS, runtime.GOARCH) {
		file, err := trust.File(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		return file, err
	}
	return "", fmt.Errorf("%w: %s", ErrMissing, m.Name)
}

func (m Module) candidates(system, architecture string) []string {
	return slices.Concat(m.paths[system+"-"+architecture], m.paths[system])
}

// maxText bounds an administrator's list, in bytes.
const maxText = 1 << 20

// Load lays the list in an administrator's file over l. The file must be the
// administrators' alone.
func (l *List) Load(path string) (*List, error) {
	resolved, err := trust.File(path)
	if err != nil {
		return nil, fmt.Errorf("cards: %w", err)
	}
	f, err := os.Open(resolved)
	if err != nil {
		return nil, fmt.Errorf("cards: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxText+1))
	if err == nil && len(text) > maxText {
		err = fmt.Errorf("is longer than %d bytes", maxText)
	}
	if err != nil {
		return nil, fmt.Errorf("cards: %s: %w", path, err)
	}
	over, err := l.With(text)
	if err != nil {
		return nil, fmt.Errorf("cards: %s: %w", path, err)
	}
	return over, nil
}

// Modules returns all modules of the list, by their ids.
func (l *List) Modules() []Module {
	var all []Module
	for _, id := range slices.Sorted(maps.Keys(l.modules)) {
		all = append(all, l.modules[id])
	}
	return all
}
