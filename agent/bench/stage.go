//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// stage is what the test packages' fixtures need of a test, for a program.
type stage struct {
	testing.TB // for its unexported method alone
	ctx        context.Context
	folder     string
	folders    int
}

// stopped is the panic that ends a fixture.
type stopped struct{ err error }

func newStage(ctx context.Context, folder string) (*stage, error) {
	root := filepath.Join(folder, "stage")
	return &stage{ctx: ctx, folder: root}, os.MkdirAll(root, 0o700)
}

// end turns the panic of a fixture into an error.
func (s *stage) end(value any, err error) error {
	if value == nil {
		return err
	}
	if ended, is := value.(stopped); is {
		return errors.Join(err, ended.err)
	}
	panic(value)
}

// TempDir, Context and the others are those of testing.TB that fixtures call.
func (s *stage) TempDir() string {
	s.folders++
	folder := filepath.Join(s.folder, strconv.Itoa(s.folders))
	if err := os.Mkdir(folder, 0o700); err != nil {
		s.Fatal(err)
	}
	return folder
}

func (s *stage) Context() context.Context     { return s.ctx }
func (s *stage) Helper()                      {}
func (s *stage) Fatal(args ...any)            { panic(stopped{errors.New(fmt.Sprint(args...))}) }
func (s *stage) Fatalf(f string, args ...any) { panic(stopped{fmt.Errorf(f, args...)}) }
func (s *stage) Skipf(f string, args ...any)  { s.Fatalf(f, args...) }
