// Package trust says whether a file is the administrators' alone: whether
// nobody else can have written it, or can put another in its place. What the
// agent loads into a process, and the policy that names it, must be such files.
//
// A path must be absolute and spelt out: no variables, no shares, no detours.
// [File] follows it from the root, looks at each folder and each link on the
// way, and returns where it leads with no link left. On Unix a file, its
// folders and the links to it belong to root, and neither group nor others
// may write to them; a sticky bit is no excuse. On Windows the owner of each
// is an administrator or the system, and no entry of its access list lets
// anyone else change, replace or delete it; in the file's own folder nobody
// else may make files either, because programs look for more there.
//
// It never opens or runs a file, never asks the environment, and cannot say
// anything about what is in a file. Access lists of macOS, which its file modes
// do not show, are not looked at.
//
// It is tested with real files of several owners and modes, and with access
// lists in a table.
package trust

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Reason is why a file is not trusted.
type Reason string

// The reasons.
const (
	NotAbsolute  Reason = "the path is not absolute"
	NotSpeltOut  Reason = "the path has a variable, a detour or a stream in it"
	NotLocal     Reason = "the path leads to another computer or past the file system"
	Missing      Reason = "there is no such file"
	NotFile      Reason = "it is no ordinary file"
	NotFolder    Reason = "it is no folder"
	TooManyLinks Reason = "links lead from one to the next for too long"
	Owner        Reason = "it does not belong to an administrator"
	Writable     Reason = "others than administrators may write to it"
	Unreadable   Reason = "it cannot be looked at"
)

// Error is a refusal. It unwraps to fs.ErrNotExist for a file that is missing.
type Error struct {
	Path   string // what was asked about
	At     string // the file, folder or link that is at fault; empty for the path as such
	Reason Reason
	Err    error // the system's own word, if it had one
}

// Error says in words what is at fault and why.
func (e *Error) Error() string {
	s := fmt.Sprintf("%s is not trusted: ", e.Path)
	if e.At != "" && e.At != e.Path {
		s += e.At + ": "
	}
	s += string(e.Reason)
	if e.Err != nil && e.Reason == Unreadable {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the system's word.
func (e *Error) Unwrap() error { return e.Err }

// File checks a path and returns the file that it leads to. That, and not the
// path, is what is to be opened: none but an administrator can change it after
// the check. The error is an *Error.
func File(path string) (string, error) {
	c := checker{judge: judge}
	return c.file(path)
}

// maxLinks is how many links may be followed, as on Linux.
const maxLinks = 40

// role is what a file is on the way.
type role int

const (
	folderAbove role = iota // of a folder that is checked
	folderOf                // of the file itself
	link
	theFile
)

// checker follows a path.
type checker struct {
	// judge says what is wrong with one file, folder or link, if anything.
	judge func(path string, info fs.FileInfo, r role) (Reason, error)
	links int
}

func (c *checker) file(path string) (string, error) {
	if reason := spelling(path); reason != "" {
		return "", &Error{Path: path, Reason: reason}
	}
	resolved, err := c.follow(path)
	if err != nil {
		err.Path = path
		return "", err
	}
	return resolved, nil
}

// spelling says what is wrong with the path as text.
func spelling(path string) Reason {
	volume := filepath.VolumeName(path)
	rest := path[len(volume):]
	switch {
	case strings.HasPrefix(volume, `\\`), strings.HasPrefix(path, `\\`), strings.HasPrefix(path, `\??\`):
		return NotLocal
	case strings.ContainsAny(path, "$%\x00"), filepath.Separator == '\\' && strings.Contains(rest, ":"):
		return NotSpeltOut
	case !filepath.IsAbs(path):
		return NotAbsolute
	case filepath.Clean(path) != path:
		return NotSpeltOut
	}
	return ""
}

// follow walks a clean absolute path from its root and returns it without
// links.
func (c *checker) follow(path string) (string, *Error) {
	volume := filepath.VolumeName(path)
	at := volume + string(filepath.Separator)
	names := strings.Split(strings.TrimPrefix(path, at), string(filepath.Separator))
	if err := c.look(at, len(names) == 1); err != nil {
		return "", err
	}
	for i, name := range names {
		next := filepath.Join(at, name)
		info, err := os.Lstat(next)
		if err != nil {
			return "", failed(next, err)
		}
		if target, is, err := readLink(next, info); err != nil {
			return "", failed(next, err)
		} else if is {
			return c.through(next, info, at, target, names[i+1:])
		}
		at = next
		if i == len(names)-1 {
			return at, c.lookAtFile(at, info)
		}
		if err := c.look(at, i == len(names)-2); err != nil {
			return "", err
		}
	}
	return "", &Error{At: at, Reason: NotFile}
}

// through goes on behind a link in the folder at.
func (c *checker) through(path string, info fs.FileInfo, at, target string, rest []string) (string, *Error) {
	if c.links++; c.links > maxLinks {
		return "", &Error{At: path, Reason: TooManyLinks}
	}
	if reason, err := c.judge(path, info, link); reason != "" {
		return "", &Error{At: path, Reason: reason, Err: err}
	}
	if !filepath.IsAbs(target) {
		target = filepath.Join(at, target) // at has no links: its .. is the folder above
	}
	if reason := spelling(filepath.Clean(target)); reason != "" {
		return "", &Error{At: path, Reason: reason}
	}
	return c.follow(filepath.Join(slices.Concat([]string{target}, rest)...))
}

// look judges a folder that is no link.
func (c *checker) look(path string, holdsFile bool) *Error {
	info, err := os.Lstat(path)
	if err != nil {
		return failed(path, err)
	}
	if !info.IsDir() {
		return &Error{At: path, Reason: NotFolder}
	}
	r := folderAbove
	if holdsFile {
		r = folderOf
	}
	if reason, err := c.judge(path, info, r); reason != "" {
		return &Error{At: path, Reason: reason, Err: err}
	}
	return nil
}

func (c *checker) lookAtFile(path string, info fs.FileInfo) *Error {
	if !info.Mode().IsRegular() {
		return &Error{At: path, Reason: NotFile}
	}
	if reason, err := c.judge(path, info, theFile); reason != "" {
		return &Error{At: path, Reason: reason, Err: err}
	}
	return nil
}

// readLink tells whether a file is a link and where it leads. A file of a kind
// that Go has no name for, such as a junction of Windows, is one when the
// system says where it leads; else it is judged as what it is not: ordinary.
func readLink(path string, info fs.FileInfo) (target string, is bool, err error) {
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		target, err = os.Readlink(path)
		return target, true, err
	case info.Mode()&fs.ModeIrregular != 0:
		target, err = os.Readlink(path)
		return target, err == nil, nil
	}
	return "", false, nil
}

func failed(path string, err error) *Error {
	if errors.Is(err, fs.ErrNotExist) {
		return &Error{At: path, Reason: Missing, Err: fs.ErrNotExist}
	}
	return &Error{At: path, Reason: Unreadable, Err: err}
}
