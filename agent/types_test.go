package main_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// source is what "go list -json" tells of a package's files.
type source struct {
	ImportPath, Dir   string
	Standard          bool
	GoFiles, CgoFiles []string
	ImportMap         map[string]string
	Module            *struct{ GoVersion string }
}

// Every package of Cardea, those with cgo and windows included, has right types
// on the systems that this computer has no C compiler for. What C itself says is
// taken for granted.
func TestEveryPackageHasRightTypesOnEachSystem(t *testing.T) {
	t.Parallel()
	for _, system := range []string{"darwin/arm64", "windows/amd64"} {
		t.Run(system, func(t *testing.T) {
			t.Parallel()
			checked := typeCheck(t, system)
			for _, name := range []string{"ui", "ui/pinprompt", "pcsc", "pkcs11", "agent", "agent/broker"} {
				if !checked[module+name] {
					t.Errorf("%s was not checked", name)
				}
			}
		})
	}
}

// typeCheck checks all packages of this module and what they need, and returns
// those of this module.
func typeCheck(t *testing.T, system string) map[string]bool {
	t.Helper()
	goos, goarch, _ := strings.Cut(system, "/")
	c := &checker{
		goarch: goarch, files: token.NewFileSet(), parsed: map[string][]*ast.File{},
		packages: map[string]*types.Package{"unsafe": types.Unsafe},
	}
	all := sources(t, goos, goarch)
	c.parse(all)
	ours := map[string]bool{}
	for _, s := range all { // each comes after all that it imports
		if s.ImportPath == "unsafe" {
			continue
		}
		for _, err := range c.check(s) {
			// What others' packages do with C's names cannot be known.
			if isOurs(s.ImportPath) {
				t.Error(err)
			}
		}
		if isOurs(s.ImportPath) {
			ours[s.ImportPath] = true
		}
	}
	return ours
}

func sources(t *testing.T, goos, goarch string) []source {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=ImportPath,Dir,Standard,GoFiles,CgoFiles,ImportMap,Module", "./...")
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=1")
	out, err := cmd.Output()
	if err != nil {
		if failed, ok := errors.AsType[*exec.ExitError](err); ok {
			t.Fatalf("%v\n%s", err, failed.Stderr)
		}
		t.Fatal(err)
	}
	var all []source
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var s source
		err := decoder.Decode(&s)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
}

// checker keeps what was checked of one system.
type checker struct {
	goarch   string
	files    *token.FileSet
	mu       sync.Mutex // guards parsed
	parsed   map[string][]*ast.File
	packages map[string]*types.Package
}

// parse reads all files. Of other modules the bodies of functions are left out.
func (c *checker) parse(all []source) {
	var wait sync.WaitGroup
	free := make(chan struct{}, runtime.NumCPU())
	for _, s := range all {
		free <- struct{}{}
		wait.Go(func() {
			defer func() { <-free }()
			var files []*ast.File
			for _, name := range append(s.GoFiles, s.CgoFiles...) {
				if !filepath.IsAbs(name) {
					name = filepath.Join(s.Dir, name)
				}
				// A fault shows as a missing name, or in the ordinary build.
				if file, _ := parser.ParseFile(c.files, name, nil, parser.SkipObjectResolution); file != nil {
					files = append(files, file)
				}
			}
			c.mu.Lock()
			defer c.mu.Unlock()
			c.parsed[s.ImportPath] = files
		})
	}
	wait.Wait()
}

func (c *checker) check(s source) []error {
	var found []error
	config := types.Config{
		FakeImportC: true, IgnoreFuncBodies: !isOurs(s.ImportPath), Sizes: types.SizesFor("gc", c.goarch),
		Error: func(err error) { found = append(found, err) },
		Importer: importer(func(path string) (*types.Package, error) {
			if real, ok := s.ImportMap[path]; ok {
				path = real
			}
			if p := c.packages[path]; p != nil {
				return p, nil
			}
			return nil, fmt.Errorf("%s is not there", path)
		}),
	}
	if s.Module != nil && s.Module.GoVersion != "" {
		config.GoVersion = "go" + s.Module.GoVersion
	}
	c.packages[s.ImportPath], _ = config.Check(s.ImportPath, c.files, c.parsed[s.ImportPath], nil)
	return found
}

type importer func(path string) (*types.Package, error)

func (i importer) Import(path string) (*types.Package, error) { return i(path) }
