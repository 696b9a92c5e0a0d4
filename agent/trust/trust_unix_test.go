//go:build unix

package trust

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The tests' files lie in a folder of the tests' user below one that all may
// write to. So that user is the trusted one here, and what is above the folder
// is not judged.
func below(base string) *checker {
	return &checker{judge: func(path string, info fs.FileInfo, r role) (Reason, error) {
		if strings.HasPrefix(base, path) && path != base {
			return "", nil
		}
		return judgeFor(uint32(os.Getuid()), info, r)
	}}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// lay makes a sound module in a folder of its own, two links to it and a few
// traps.
func lay(t *testing.T) string {
	t.Helper()
	base, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	must(t, os.Chmod(base, 0o755))
	must(t, os.MkdirAll(base+"/lib/vendor", 0o755))
	must(t, os.WriteFile(base+"/lib/vendor/module.so.1.2", []byte("code"), 0o644))
	must(t, os.Symlink("module.so.1.2", base+"/lib/vendor/module.so"))
	must(t, os.Symlink("../lib/vendor", base+"/lib/link"))
	must(t, os.Symlink(base+"/lib/link/module.so", base+"/absolute.so"))
	must(t, os.Symlink("loop", base+"/loop"))
	must(t, os.Symlink("nowhere", base+"/dangling.so"))
	return base
}

func TestAFileIsTrustedOnlyWhenNobodyElseCanChangeItOrTheWayToIt(t *testing.T) {
	foreign := func(path string) func(t *testing.T, base string) {
		return func(t *testing.T, base string) {
			if os.Getuid() != 0 {
				t.Skip("only root can give a file away")
			}
			must(t, os.Lchown(base+path, 12345, -1))
		}
	}
	mode := func(path string, m fs.FileMode) func(*testing.T, string) {
		return func(t *testing.T, base string) { must(t, os.Chmod(base+path, m)) }
	}
	nothing := func(*testing.T, string) {}
	const sound = "/lib/vendor/module.so.1.2"
	for name, c := range map[string]struct {
		path   string
		change func(t *testing.T, base string)
		reason Reason
		at     string
	}{
		"a file":                          {sound, nothing, "", ""},
		"a link":                          {"/lib/vendor/module.so", nothing, "", ""},
		"links behind links":              {"/absolute.so", nothing, "", ""},
		"a file that others may write":    {sound, mode(sound, 0o646), Writable, sound},
		"a file that a group may write":   {sound, mode(sound, 0o664), Writable, sound},
		"a file of another owner":         {sound, foreign(sound), Owner, sound},
		"a folder that others may write":  {sound, mode("/lib/vendor", 0o777), Writable, "/lib/vendor"},
		"a sticky folder":                 {sound, mode("/lib/vendor", 0o777|fs.ModeSticky), Writable, "/lib/vendor"},
		"a folder above":                  {sound, mode("/lib", 0o775), Writable, "/lib"},
		"a folder of another owner":       {sound, foreign("/lib"), Owner, "/lib"},
		"a folder behind a link":          {"/lib/link/module.so", mode("/lib/vendor", 0o777), Writable, "/lib/vendor"},
		"a folder that only a link is in": {"/absolute.so", mode("", 0o777), Writable, ""},
		"a link of another owner":         {"/absolute.so", foreign("/absolute.so"), Owner, "/absolute.so"},
		"a second link of another owner":  {"/absolute.so", foreign("/lib/link"), Owner, "/lib/link"},
		"a loop":                          {"/loop", nothing, TooManyLinks, "/loop"},
		"a link to nothing":               {"/dangling.so", nothing, Missing, "/nowhere"},
		"a file that is missing":          {"/lib/other.so", nothing, Missing, "/lib/other.so"},
		"a folder":                        {"/lib/vendor", nothing, NotFile, "/lib/vendor"},
		"a file as a folder":              {sound + "/x", nothing, NotFolder, sound},
		"a detour":                        {"/lib/../lib/vendor/module.so", nothing, NotSpeltOut, ""},
		"a variable":                      {"/$HOME/module.so", nothing, NotSpeltOut, ""},
		"a variable of Windows":           {"/%windir%/module.so", nothing, NotSpeltOut, ""},
	} {
		t.Run(name, func(t *testing.T) {
			base := lay(t)
			c.change(t, base)
			got, err := below(base).file(base + c.path)
			if c.reason == "" {
				if err != nil || got != base+sound {
					t.Fatalf("got %q, %v", got, err)
				}
				return
			}
			refusal, ok := errors.AsType[*Error](err)
			if !ok || refusal.Reason != c.reason {
				t.Fatalf("got %q, %v, want %q", got, err, c.reason)
			}
			if want := base + c.at; refusal.At != want && c.reason != NotSpeltOut {
				t.Errorf("%s is at fault, want %s", refusal.At, want)
			}
			if refusal.Path != base+c.path || !strings.Contains(err.Error(), string(c.reason)) {
				t.Errorf("the words are %q", err)
			}
			if errors.Is(err, fs.ErrNotExist) != (c.reason == Missing) {
				t.Errorf("%v is taken for a missing file, or the other way round", err)
			}
		})
	}
}

func TestTheSystemsOwnFilesAreTrustedAndThoseInAFolderForAllAreNot(t *testing.T) {
	if got, err := File("/bin/ls"); err != nil || got == "" {
		t.Errorf("/bin/ls: got %q, %v", got, err)
	}
	path := filepath.Join(t.TempDir(), "module.so")
	must(t, os.WriteFile(path, nil, 0o600))
	if _, err := File(path); err == nil {
		t.Errorf("%s is trusted", path)
	}
	if _, err := File("module.so"); err == nil || !strings.Contains(err.Error(), string(NotAbsolute)) {
		t.Errorf("a name alone: got %v", err)
	}
}
