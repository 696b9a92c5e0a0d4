// Command gen writes what comes from the tables and types of package protocol:
// docs/errors.md, and protocol.ts and help.ts in web/client/src. Run it with go
// generate in agent/protocol.
//
// It never writes anything else. Its tests check that the files are current,
// and that asyncapi.yaml, which people write, says the same as the Go types.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := write(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func write() error {
	root, err := findRoot()
	if err != nil {
		return err
	}
	files, err := generate(root)
	if err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// generate returns the text of every generated file by its path below root.
func generate(root string) (map[string]string, error) {
	m, err := readModel(root)
	if err != nil {
		return nil, err
	}
	return map[string]string{
		"docs/errors.md":             errorsPage(),
		"web/client/src/protocol.ts": typeScript(m),
		"web/client/src/help.ts":     helpModule(),
	}, nil
}

// findRoot returns the folder of the go.mod above the working directory.
func findRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("gen: no go.mod above the working directory")
		}
		dir = parent
	}
}
