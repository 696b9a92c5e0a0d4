//go:build !linux

package onereader

// Server is not to be had here.
type Server struct{}

// Listen returns ErrUnsupported.
func Listen() (*Server, error) { return nil, ErrUnsupported }

// Environ is what a program needs in its environment.
func (*Server) Environ() []string { return nil }

// Show does nothing.
func (*Server) Show(int, string) (hide func()) { return func() {} }

// Close does nothing.
func (*Server) Close() error { return nil }
