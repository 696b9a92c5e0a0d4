package host

import (
	"cmp"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"time"
)

// Config says which module a Host speaks to, and how.
type Config struct {
	// Command starts a process that calls Serve: the program and its
	// arguments, to which the module and flags are added. See Self.
	Command []string
	// Module is the module's file, an absolute path with all symbolic links
	// resolved. Whoever names it vouches for it: it is run as this user.
	Module string
	// AllowInternet lets the module open internet sockets, on systems where it
	// would be kept from them.
	AllowInternet bool
	// Env is the environment of the processes; nil is this process's own.
	Env []string
	// Readers, if set, shows each process the reader alone that its operation
	// is about. Close closes it.
	Readers Readers
	// Log hears of processes that failed, and what modules print. Nil is
	// nothing. No PIN is in it: see Serve.
	Log *slog.Logger

	// Start is how long a process may take until it has loaded the module.
	// 0 is 10 s.
	Start time.Duration
	// Call is how long the module may take for one function, such as
	// C_Initialize or C_Sign. 0 is 15 s, which slow cards with long RSA keys
	// stay well below.
	Call time.Duration
	// Keypad is how long C_Login and C_Sign may take where the PIN is typed on
	// the reader. 0 is 2 min; readers have limits of their own.
	Keypad time.Duration
	// End is how long the module may take for each of the functions after the
	// last signature, C_Logout to C_Finalize. The signatures are there
	// whether it makes it or not. 0 is 2 s.
	End time.Duration
	// SpareFor is how long a spare process waits for work. 0 is 2 min,
	// negative is not at all: then each operation starts its own.
	SpareFor time.Duration
}

// Readers decides which readers a process sees.
type Readers interface {
	// Environ is what a process needs in its environment.
	Environ() []string
	// Show lets a process see a reader, by its PC/SC name, until hide is called.
	// It sees none before.
	Show(pid int, reader string) (hide func())
	Close() error
}

// complete fills in what was left out.
func (c Config) complete() Config {
	c.Start = cmp.Or(c.Start, 10*time.Second)
	c.Call = cmp.Or(c.Call, 15*time.Second)
	c.Keypad = cmp.Or(c.Keypad, 2*time.Minute)
	c.End = cmp.Or(c.End, 2*time.Second)
	c.SpareFor = cmp.Or(c.SpareFor, 2*time.Minute)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// environ is the environment of the processes.
func (c Config) environ() []string {
	env := c.Env
	if env == nil {
		env = os.Environ()
	}
	if c.Readers != nil {
		env = slices.Concat(env, c.Readers.Environ())
	}
	// With "crash" there it would make a core file.
	return slices.Concat(env, []string{"GOTRACEBACK=none"})
}

// arguments are those of Serve.
func (c Config) arguments() []string {
	if c.AllowInternet {
		return []string{allowInternet, c.Module}
	}
	return []string{c.Module}
}

// Self is the Command that starts the calling program again in a role of its
// own, the same file even if it was replaced meanwhile, where the system can.
func Self(role string) ([]string, error) {
	if runtime.GOOS == "linux" {
		return []string{"/proc/self/exe", role}, nil
	}
	file, err := os.Executable()
	return []string{file, role}, err
}

// safeFolder is the children's working folder, so that a module finds nothing
// beside it that its user could have put there.
func safeFolder() string {
	if runtime.GOOS == "windows" {
		return os.Getenv("SystemRoot")
	}
	return "/"
}
