package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// uninstalledRole is what the installer of Windows has done at the end of a
// removal, with the system's rights. It is in no help.
const uninstalledRole = "uninstalled"

// uninstalled takes away what agents wrote to people's profiles.
func uninstalled(args []string, errs io.Writer) error {
	flags := flag.NewFlagSet("cardea-agent "+uninstalledRole, flag.ContinueOnError)
	keep := flags.String("keep-logs", "", "1 leaves logs and audit logs")
	if err := parse(flags, args, errs); err != nil {
		return err
	}
	profiles, err := profiles()
	if err != nil {
		return err
	}
	var failures []error
	for _, profile := range profiles {
		for _, folder := range profileFolders {
			if err := clearProfile(profile, folder, *keep == "1"); err != nil {
				failures = append(failures, fmt.Errorf("%s: %w", profile, err))
			}
		}
	}
	return errors.Join(failures...)
}

// clearProfile deletes Cardea's folder of one profile, and the folder that was
// made for it. The profile is its person's, who may have put links anywhere in
// it: nothing outside is followed.
func clearProfile(profile, folder string, keepLogs bool) error {
	root, err := os.OpenRoot(profile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a list of profiles names some that are gone
	}
	if err != nil {
		return err
	}
	defer root.Close()
	left, err := clearFolder(root, folder, keepLogs)
	if above := filepath.Dir(folder); err == nil && left == 0 && filepath.Base(above) == toolkitFolder {
		_ = root.Remove(above) // unless there is something of another program in it
	}
	return err
}

// toolkitFolder is of the library that the tray's windows are made with. Each
// program has a folder of its own in it.
const toolkitFolder = "fyne"

// clearFolder says how many entries it left.
func clearFolder(root *os.Root, folder string, keepLogs bool) (left int, err error) {
	opened, err := root.Open(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	entries, err := opened.ReadDir(-1)
	if err = errors.Join(err, opened.Close()); err != nil {
		return 0, err
	}
	for _, entry := range entries {
		path := filepath.Join(folder, entry.Name())
		switch {
		case keepLogs && (strings.HasPrefix(entry.Name(), "agent.log") || strings.HasPrefix(entry.Name(), "audit.log")):
			left++
		case entry.IsDir():
			_, inner := clearFolder(root, path, false)
			err = errors.Join(err, inner)
		default:
			err = errors.Join(err, root.Remove(path))
		}
	}
	if left == 0 && err == nil {
		err = root.Remove(folder)
	}
	return left, err
}
