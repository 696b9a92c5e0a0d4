//go:build !linux && !windows

package browserpolicy

// System fails: see ErrProfile.
func System() (Manager, error) { return Manager{}, ErrProfile }
