package browserpolicy

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
)

// Change is what one place of one browser's policies has and gets.
type Change struct {
	Browser Browser
	Place   string // a file or a key
	Policy  []string
	Wanted  []string // entries that the origins need
	Add     []string // those that are missing
	Remove  []string // those that Cardea wrote and that are no longer wanted
}

// store is where a system has browsers' policies. What is changed in it is
// written by flush, all at once.
type store interface {
	// places are where a browser's list is that it goes by, or else where one
	// may be made. What own says of is not an administrator's.
	places(b Browser, own func(place string) bool) ([]string, error)
	// list returns the entries in a place.
	list(place string, b Browser) ([]string, error)
	// add puts entries behind those in a place.
	add(place string, b Browser, entries []string) (Written, error)
	// take takes entries out of a place.
	take(w Written) error
	// flush writes what was changed. made are the folders or keys that exist
	// for Cardea alone; it returns what is left of them.
	flush(made []string) ([]string, error)
	// print shows a place with entries as people would write it.
	print(place string, b Browser, entries []string) string
}

// Manager applies browsers' policies on one system.
type Manager struct {
	store  store
	memory string // the file that remembers what was written
}

// Plan says what Apply would change.
func (m Manager) Plan(browsers []Browser, origins []string) ([]Change, error) {
	_, changes, err := m.plan(browsers, origins)
	return changes, err
}

// Apply allows the origins in the browsers, and takes back what was written
// before and is no longer wanted.
func (m Manager) Apply(browsers []Browser, origins []string) ([]Change, error) {
	next, changes, err := m.plan(browsers, origins)
	if err != nil {
		return nil, err
	}
	return changes, m.commit(next)
}

// Remove takes back all that was written.
func (m Manager) Remove() ([]Change, error) { return m.Apply(nil, nil) }

// Print shows the policies that the origins need, for a system that was not
// changed yet or is set up in another way.
func (m Manager) Print(changes []Change) string {
	text := ""
	for _, c := range changes {
		if len(c.Wanted) > 0 {
			text += m.store.print(c.Place, c.Browser, c.Wanted)
		}
	}
	return text
}

// plan makes all changes in the store, where they are not written yet.
func (m Manager) plan(browsers []Browser, origins []string) (memory, []Change, error) {
	before, err := readMemory(m.memory)
	if err != nil {
		return memory{}, nil, err
	}
	wrote := map[Browser]map[string][]string{}
	for _, w := range before.Written {
		if wrote[w.Browser] == nil {
			wrote[w.Browser] = map[string][]string{}
		}
		wrote[w.Browser][w.Place] = append(wrote[w.Browser][w.Place], w.Entries...)
		if err := m.store.take(w); err != nil {
			return memory{}, nil, fmt.Errorf("%s: %w", w.Place, err)
		}
	}
	next := memory{Made: before.Made}
	var changes []Change
	for _, b := range All {
		wanted := []string{}
		if slices.Contains(browsers, b) {
			wanted = Entries(b, origins)
		}
		more, written, err := m.planBrowser(b, wanted, before, wrote[b])
		if err != nil {
			return memory{}, nil, err
		}
		changes, next.Written = append(changes, more...), append(next.Written, written...)
	}
	return next, changes, nil
}

func (m Manager) planBrowser(b Browser, wanted []string, before memory, wrote map[string][]string) (changes []Change, written []Written, err error) {
	var places []string
	if len(wanted) > 0 {
		if places, err = m.store.places(b, before.own); err != nil {
			return nil, nil, err
		}
	}
	for _, place := range places {
		there, err := m.store.list(place, b)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", place, err)
		}
		missing := subtract(wanted, there)
		changes = append(changes, Change{
			Browser: b, Place: place, Policy: policyOf(b), Wanted: wanted,
			Add: subtract(missing, wrote[place]), Remove: subtract(wrote[place], missing),
		})
		if len(missing) == 0 {
			continue
		}
		w, err := m.store.add(place, b, missing)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", place, err)
		}
		written = append(written, w)
	}
	for _, place := range slices.Sorted(maps.Keys(wrote)) {
		if !slices.Contains(places, place) {
			changes = append(changes, Change{Browser: b, Place: place, Policy: policyOf(b), Remove: wrote[place]})
		}
	}
	return changes, written, nil
}

func subtract(list, without []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(without, s) })
}

// commit remembers what will have been written before it is: whatever happens
// in between can be taken back.
func (m Manager) commit(next memory) error {
	before, err := readMemory(m.memory)
	if err != nil {
		return err
	}
	both := memory{Made: next.Made, Written: slices.Concat(before.Written, next.Written)}
	if len(both.Written) > 0 {
		if err := both.write(m.memory); err != nil {
			return denied(err)
		}
	}
	left, err := m.store.flush(next.Made)
	if err != nil {
		return denied(err)
	}
	next.Made = left
	return denied(next.write(m.memory))
}

func denied(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("only an administrator may change browsers' policies: %w", err)
	}
	return err
}
