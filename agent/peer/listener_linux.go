package peer

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

func listening(port uint16) ([]Listener, error) {
	var found []Listener
	for _, name := range []string{"/proc/self/net/tcp", "/proc/self/net/tcp6"} {
		table, err := os.ReadFile(name)
		if os.IsNotExist(err) {
			continue // a kernel without that family
		}
		if err != nil {
			return nil, fmt.Errorf("peer: %w", err)
		}
		for _, row := range procListeners(string(table)) {
			if !reached(row.address, port) {
				continue
			}
			l := Listener{Address: row.address, Owner: Owner{UID: row.uid}}
			l.Process = holder("socket:[" + row.inode + "]")
			if l.Process != 0 {
				l.Program, _ = os.Readlink(filepath.Join("/proc", strconv.Itoa(l.Process), "exe"))
			}
			found = append(found, l)
		}
	}
	return found, nil
}

// holder finds the process that has a socket open. Other users' processes keep
// that to themselves.
func holder(socket string) int {
	processes, _ := filepath.Glob("/proc/[0-9]*")
	for _, process := range processes {
		files, err := fs.ReadDir(os.DirFS(process), "fd")
		if err != nil {
			continue
		}
		for _, f := range files {
			if target, err := os.Readlink(filepath.Join(process, "fd", f.Name())); err == nil && target == socket {
				n, _ := strconv.Atoi(filepath.Base(process))
				return n
			}
		}
	}
	return 0
}
