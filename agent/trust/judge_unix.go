//go:build unix

package trust

import (
	"errors"
	"io/fs"
	"syscall"
)

// root is the one owner that is trusted.
const root = 0

// judge goes by owner and mode. Where a file has an access list, Linux shows
// the most that it allows to any but the owner in the mode's group bits.
func judge(_ string, info fs.FileInfo, r role) (Reason, error) { return judgeFor(root, info, r) }

func judgeFor(owner uint32, info fs.FileInfo, r role) (Reason, error) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !ok:
		return Unreadable, errors.New("the system tells no owner")
	case stat.Uid != owner:
		return Owner, nil
	case r != link && info.Mode().Perm()&0o022 != 0: // a link has no mode that counts
		return Writable, nil
	}
	return "", nil
}
