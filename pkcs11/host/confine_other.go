//go:build !linux

package host

// apply has no means here that a program can use on itself: see
// docs/attack-surface.md.
func (confinement) apply() error { return nil }
