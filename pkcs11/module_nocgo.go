//go:build !cgo

package pkcs11

import "errors"

// Module stands for a loaded module, which a program that was built without cgo
// cannot have.
type Module struct{}

var errNoCgo = errors.New("this program was built without cgo and cannot load PKCS#11 modules")

// Open always fails, and says why.
func Open(file string, calling func(call string)) (*Module, error) { return nil, errNoCgo }

// Initialize always fails.
func (m *Module) Initialize() error { return errNoCgo }

// Finalize always fails.
func (m *Module) Finalize() error { return errNoCgo }

// Tokens always fails.
func (m *Module) Tokens(reader string) ([]Token, error) { return nil, errNoCgo }

// Token always fails.
func (m *Module) Token(reader string, certificate []byte) (Token, error) { return Token{}, errNoCgo }

// Sign always fails.
func (m *Module) Sign(r Batch, s Signing) error { return errNoCgo }
