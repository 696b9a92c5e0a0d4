package policy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

// quiet is how long nothing must change before the places are read: an editor
// or a package writes in several steps.
const quiet = 100 * time.Millisecond

// follow calls changed after changes in the places, one call at a time, until
// ctx ends, and returns when all that it started has ended.
func (p Places) follow(ctx context.Context, log *slog.Logger, changed func()) error {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("policy: files cannot be followed: %w", err)
	}
	defer watcher.Close()
	var registries sync.WaitGroup
	defer registries.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	touched := make(chan struct{}, 1)
	for _, r := range p.registries() {
		registries.Go(func() { followRegistry(ctx, log, r, touched) })
	}
	f := files{Places: p, watcher: watcher}
	f.watch()
	changed() // for what changed since the policy was read
	timer := time.NewTimer(quiet)
	timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case event := <-watcher.Events:
			if f.concerns(event.Name) {
				timer.Reset(quiet)
			}
		case err := <-watcher.Errors:
			log.Debug("following the policy's files", "err", err)
			timer.Reset(quiet) // some events may be lost
		case <-touched:
			timer.Reset(quiet)
		case <-timer.C:
			f.watch()
			changed()
		}
	}
}

// followRegistry tells of each change of a key: when it is watched again, so that
// nothing can change unseen between the reading and the watch.
func followRegistry(ctx context.Context, log *slog.Logger, r Registry, touched chan<- struct{}) {
	const again = time.Minute // after a failure that may be gone
	touch := func() {
		select {
		case touched <- struct{}{}:
		default: // it is known already
		}
	}
	for ctx.Err() == nil {
		err := r.Wait(ctx, touch)
		if err != nil && !errors.Is(err, context.Canceled) {
			log.Warn("the registry cannot be followed", "key", r.Name(), "err", err)
			select {
			case <-time.After(again):
			case <-ctx.Done():
			}
		}
	}
}

// files follows the files of places.
type files struct {
	Places
	watcher *fsnotify.Watcher
	paths   []string // of files and folders that count, also behind links
}

// watch watches the folder of each path, or the nearest one above that exists:
// what is missing may be made.
func (f *files) watch() {
	f.paths = f.files()
	if f.Folder != "" {
		f.paths = append(f.paths, f.Folder)
	}
	for _, path := range f.paths {
		if resolved, err := filepath.EvalSymlinks(path); err == nil && resolved != path {
			f.paths = append(f.paths, resolved)
		}
	}
	folders := []string{}
	for _, path := range f.paths {
		folders = append(folders, filepath.Dir(path))
	}
	if f.Folder != "" {
		folders = append(folders, f.Folder)
		entries, _ := f.folder()
		for _, entry := range entries { // they may be links
			if resolved, err := filepath.EvalSymlinks(entry); err == nil {
				f.paths = append(f.paths, resolved)
				folders = append(folders, filepath.Dir(resolved))
			}
		}
	}
	for _, folder := range folders {
		f.watchNearest(folder)
	}
}

func (f *files) watchNearest(folder string) {
	below := ""
	for f.watcher.Add(folder) != nil { // for one that is watched it does nothing
		above := filepath.Dir(folder)
		if above == folder {
			return
		}
		folder, below = above, folder
	}
	if _, err := os.Lstat(below); below != "" && err == nil {
		f.watchNearest(below) // it was made meanwhile
	}
}

// concerns reports whether a change of a path may be one of the settings: of a
// file that counts, of what is in the folder, or of a folder above them.
func (f *files) concerns(path string) bool {
	if f.Folder != "" && filepath.Dir(path) == f.Folder {
		return true
	}
	for _, p := range f.paths {
		if p == path || strings.HasPrefix(p, strings.TrimSuffix(path, string(filepath.Separator))+string(filepath.Separator)) {
			return true
		}
	}
	return false
}
