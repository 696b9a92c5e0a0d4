package policy

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/cardea-agent/cardea/agent/trust"
)

// Places are where the settings of an agent are written. Those that are empty
// do not exist on a system.
type Places struct {
	// Folder holds an organisation's TOML files. Of two that set the same, the
	// one whose name is later counts.
	Folder string
	// Registry is the registry's part for group policy, of the computer and
	// of the person.
	Registry, PersonRegistry Registry
	// Managed is the profile that manages the computer, and PersonManaged
	// that of the person.
	Managed, PersonManaged string
	// Machine is the computer's own TOML file, and Installed the registry's key
	// with what the installer was told.
	Machine   string
	Installed Registry
	// User is the person's own TOML file.
	User string
	// Named is a file that whoever starts the agent named. It counts instead
	// of all the others, and need not be an administrator's.
	Named string

	// trusted is trust.File.
	trusted func(path string) (string, error)
}

// Only returns the places of an agent that was told its policy file.
func Only(file string) Places { return Places{Named: file, trusted: trust.File} }

// Load reads the policy that the places make. Its error has all that is wrong:
// see Problems.
func (p Places) Load() (*Policy, error) {
	l := loader{Places: p}
	l.load()
	policy, problems := merge(l.documents)
	if problems = append(l.problems, problems...); len(problems) > 0 {
		return nil, joined(problems)
	}
	policy.warnings = append(l.warnings, policy.warnings...)
	return policy, nil
}

// loader reads every place, the first ones first.
type loader struct {
	Places
	documents          []document
	problems, warnings []*Problem
}

func (l *loader) load() {
	if l.Named != "" {
		l.named()
		return
	}
	l.registry(l.Registry, false)
	l.profile(l.Managed, false)
	files, err := l.folder()
	if err != nil {
		l.problems = append(l.problems, &Problem{Source: l.Folder, Text: err.Error(), Err: err})
	}
	for _, file := range files {
		l.file(ByPolicy, file)
	}
	l.registry(l.PersonRegistry, true)
	l.profile(l.PersonManaged, true)
	l.file(ByMachine, l.Machine)
	l.installed(l.Installed)
	l.user()
}

// folder returns the files of the folder, those that count first before the
// others.
func (p Places) folder() ([]string, error) {
	if p.Folder == "" {
		return nil, nil
	}
	entries, err := os.ReadDir(p.Folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var files []string
	for _, e := range entries {
		if filepath.Ext(e.Name()) == ".toml" {
			files = append(files, filepath.Join(p.Folder, e.Name()))
		}
	}
	slices.Sort(files)
	slices.Reverse(files)
	return files, err
}

// file reads a file that must be the administrators' alone. It may be missing.
func (l *loader) file(level Level, path string) {
	if path == "" {
		return
	}
	// One that is missing decides nothing, whoever could make it.
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return
	}
	resolved, err := l.trusted(path)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		l.problems = append(l.problems, &Problem{Source: path, Text: err.Error(), Err: err})
		return
	}
	d, problem := readDocument(level, path, resolved)
	d.alone = true
	l.add(d, problem)
}

func (l *loader) add(d document, problem *Problem) {
	if problem != nil {
		l.problems = append(l.problems, problem)
		return
	}
	l.documents = append(l.documents, d)
}

// named reads the file that whoever starts the agent named. What it names is
// loaded into a process only if it is the administrators' alone.
func (l *loader) named() {
	d, problem := readDocument(ByMachine, l.Named, l.Named)
	absolute, err := filepath.Abs(l.Named)
	if err == nil {
		_, err = l.trusted(absolute)
	}
	d.alone = err == nil
	l.add(d, problem)
}

// user reads the person's own file. A bad one is left out.
func (l *loader) user() {
	if l.User == "" {
		return
	}
	d, problem := readDocument(ByUser, l.User, l.User)
	switch {
	case problem == nil:
		l.documents = append(l.documents, d)
	case !errors.Is(problem.Err, fs.ErrNotExist):
		l.warnings = append(l.warnings, problem)
	}
}

// maxText bounds a file, in bytes: a person's own one is anybody's.
const maxText = 1 << 20

func readDocument(level Level, source, path string) (document, *Problem) {
	text, err := readFile(path)
	if err != nil {
		return document{}, &Problem{Source: source, Text: unreadable(err), Err: err}
	}
	return textDocument(level, source, text)
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is no ordinary file")
	}
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxText+1))
	if err == nil && len(text) > maxText {
		err = fmt.Errorf("it is longer than %d bytes", maxText)
	}
	return text, err
}

// unreadable says why without the path, which stands before it.
func unreadable(err error) string {
	if at, ok := errors.AsType[*fs.PathError](err); ok {
		err = at.Err
	}
	return "cannot be read: " + err.Error()
}

// Check reads one file for its author, whoever may write to it: as a profile
// when that is what it is, else as TOML.
func Check(path string) (*Policy, error) {
	l := loader{}
	if ext := filepath.Ext(path); ext == ".plist" || ext == ".mobileconfig" {
		l.add(readProfile(path, path))
	} else {
		l.add(readDocument(ByPolicy, path, path))
	}
	if len(l.problems) > 0 {
		return nil, joined(l.problems)
	}
	l.documents[0].alone = true // where it will be is looked at there
	p, problems := merge(l.documents)
	if len(problems) > 0 {
		return nil, joined(problems)
	}
	return p, nil
}

// files are the files that the places are in, for whoever follows them.
func (p Places) files() []string {
	all := []string{p.Managed, p.PersonManaged, p.Machine, p.User, p.Named}
	if named, err := filepath.Abs(p.Named); err == nil && p.Named != "" {
		all[len(all)-1] = named // what is told of changes has its whole path
	}
	return slices.DeleteFunc(all, func(path string) bool { return path == "" })
}

// registries are the keys of the registry that the places are in.
func (p Places) registries() []Registry {
	return slices.DeleteFunc([]Registry{p.Registry, p.PersonRegistry, p.Installed}, func(r Registry) bool { return r == nil })
}
