//go:build linux || windows

package host

// watchParent is the system's part: see startContained.
func watchParent() {}
