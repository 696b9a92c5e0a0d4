// Package manual writes a program's manual page, and what bash, zsh and fish
// complete of its command line, from the program's own table of commands and
// its own flags. So neither can name a flag that is not there.
//
// No program that is installed has it in it: the programs' tests use it, and
// check that the files in installer/manual are current. Its own tests render the
// pages with man and mandoc, and have the shells complete.
package manual

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
)

// Program is what is known of one.
type Program struct {
	Name    string
	Section int
	About   string // what it does, in half a sentence
	Text    []string
	Flags   *flag.FlagSet // of a program without commands
	// Commands are those of a program that has them.
	Commands []Command
	Notes    []Note
	See      []string
}

// Command is one thing that a program does.
type Command struct {
	Name  string // one word or two
	Args  string // what may follow, as the help shows it
	About string
	Flags *flag.FlagSet
	Words []string // what the first argument may be; FILE in Args stands for files
}

// Note is a chapter of a page: a heading, and rows of a name and what it is.
type Note struct {
	Heading string
	Rows    [][2]string
}

// Files returns all files of a program, by their names in installer/manual.
func (p Program) Files() map[string]string {
	return map[string]string{
		p.Name + "." + string(rune('0'+p.Section)): p.Page(),
		p.Name + ".bash": p.Bash(),
		p.Name + ".fish": p.Fish(),
		"_" + p.Name:     p.Zsh(),
	}
}

// Stale returns the names of the files in a folder that are not what they should
// be, after it wrote them if it was told to.
func (p Program) Stale(folder string, write bool) ([]string, error) {
	var stale []string
	for name, text := range p.Files() {
		path := filepath.Join(folder, name)
		got, err := os.ReadFile(path)
		if err == nil && string(got) == text {
			continue
		}
		if !write {
			stale = append(stale, name)
			continue
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil { //nolint:gosec // source files are for everyone
			return nil, err
		}
	}
	return stale, nil
}

// option is a flag as it is shown.
type option struct {
	name  string // with its hyphens
	value string // what it takes; empty for a switch
	about string
}

func options(flags *flag.FlagSet) []option {
	var all []option
	if flags == nil {
		return nil
	}
	flags.VisitAll(func(f *flag.Flag) {
		value, about := flag.UnquoteUsage(f)
		if value != "" && f.DefValue != "" && !strings.Contains(about, f.DefValue) {
			about += " (default " + f.DefValue + ")"
		}
		all = append(all, option{"--" + f.Name, value, about})
	})
	return all
}

// takesFile reports whether a flag's value is the name of a file.
func (o option) takesFile() bool { return o.value == "file" || o.value == "path" }

// first returns the commands' first words, each once, with what is said of it.
func (p Program) first() []Command {
	var all []Command
	for _, c := range p.Commands {
		word, _, two := strings.Cut(c.Name, " ")
		if len(all) > 0 && all[len(all)-1].Name == word {
			all[len(all)-1].About += "; " + c.About
			continue
		}
		if two {
			c = Command{Name: word, About: c.About}
		}
		all = append(all, c)
	}
	return all
}

// second returns the commands that have two words and this first one, by their
// second.
func (p Program) second(word string) []Command {
	var all []Command
	for _, c := range p.Commands {
		if rest, ok := strings.CutPrefix(c.Name, word+" "); ok {
			c.Name = rest
			all = append(all, c)
		}
	}
	return all
}
