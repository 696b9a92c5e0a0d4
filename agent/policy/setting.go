package policy

import (
	"slices"
	"strings"
)

// Setting is a row of the table of settings. All that a program or a page says
// about a setting comes from its row.
type Setting struct {
	Name    string // with its tables, as in removal.action
	Type    Type
	Default string // as TOML; empty when nothing holds without the setting
	Example string // as TOML; needed where there is no default
	Title   string // a few words, for lists of settings
	Meaning string // whole sentences
	Since   string // the version that had it first
	Scope   Scope
	// Property is the public property of the Windows installer that sets it.
	Property string
	// User says that a person's own file may set it as well, where no
	// administrator did.
	User bool
	// Join says that a list has the entries of all places, and not those of
	// the first place alone.
	Join bool
	// NextStart says that a change counts when the agent starts again.
	NextStart bool
	// Alone says that only a file that is the administrators' alone may have
	// it: what it names is loaded into a process.
	Alone bool
	// alone, of a record's field, is why only such a file may have a value;
	// empty for a value that every file may have.
	alone func(any) string
	// MayBeEmpty says that a list without entries has a meaning of its own.
	MayBeEmpty bool

	Choices  []string  // of a Choice, or of each entry of a List that has them
	Min, Max int64     // of a Number, or of a Duration in nanoseconds
	Fields   []Setting // of a record; the first one tells records apart

	// set puts a value, of the Go type that Type names, into a policy. It
	// refuses what the row's bounds do not.
	set func(*Policy, any) error
}

// Type is the type of a setting's value.
type Type string

// The types.
const (
	Text     Type = "text"     // string
	Choice   Type = "choice"   // string
	Switch   Type = "switch"   // bool
	Number   Type = "number"   // int64
	Duration Type = "duration" // time.Duration
	List     Type = "list"     // []string
	Records  Type = "records"  // []Record
)

// Scope is whom a setting is for.
type Scope string

// The scopes.
const (
	// Machine is one value for all who use the computer.
	Machine Scope = "machine"
	// Person may differ from one signed-in person to the next: directories
	// have policies for people too.
	Person Scope = "user"
)

// Settings returns the table.
func Settings() []Setting { return slices.Clone(table) }

// Find returns the row of a name.
func Find(name string) (Setting, bool) { return find(table, name) }

func find(rows []Setting, name string) (Setting, bool) {
	i := slices.IndexFunc(rows, func(s Setting) bool { return s.Name == name })
	if i < 0 {
		return Setting{}, false
	}
	return rows[i], true
}

// isTable reports whether a name stands for a table that rows are in.
func isTable(rows []Setting, name string) bool {
	return slices.ContainsFunc(rows, func(s Setting) bool { return strings.HasPrefix(s.Name, name+".") })
}

// siblings are the names that could stand in a table: parts of rows' names.
func siblings(rows []Setting, table string) []string {
	var names []string
	for _, s := range rows {
		if rest, ok := strings.CutPrefix(s.Name, table); ok {
			first, _, _ := strings.Cut(rest, ".")
			names = append(names, table+first)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Level is who decided a value.
type Level string

// The levels. Of several values the first one's counts.
const (
	ByPolicy  Level = "policy"  // of an organisation: group policy, a profile, policy.d
	ByMachine Level = "machine" // the computer's own file
	ByUser    Level = "user"    // the person's own file
	ByDefault Level = "default" // nobody
)
