// Command gen writes what comes from the table of settings in package policy:
// the templates for group policy in installer/windows, the profile for managed
// Macs in installer/macos, the commented policy file in installer/linux, and the
// reference chapter of docs/admin.md. Run it with go generate in agent/policy.
//
// It never writes anything else, and knows no setting by name. Its tests check
// that the files are current, and read them back as Windows, macOS and the agent
// would, comparing values with the table's.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/cardea-agent/cardea/agent/policy"
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
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // source folders are for everyone
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// The files, by their paths below root.
const (
	admxFile    = "installer/windows/Cardea.admx"
	admlFile    = "installer/windows/en-US/Cardea.adml"
	profileFile = "installer/macos/cardea.mobileconfig"
	sampleFile  = "installer/linux/policy.sample.toml"
	pageFile    = "docs/admin.md"
)

// generate returns the text of every file by its path below root.
func generate(root string) (map[string]string, error) {
	page, err := os.ReadFile(filepath.Join(root, pageFile))
	if err != nil {
		return nil, err
	}
	before, rest, found := strings.Cut(string(page), chapterBegin)
	_, after, ended := strings.Cut(rest, chapterEnd)
	if !found || !ended {
		return nil, fmt.Errorf("gen: %s does not say where its reference chapter begins and ends", pageFile)
	}
	rows := policy.Settings()
	return map[string]string{
		admxFile:    admx(rows),
		admlFile:    adml(rows),
		profileFile: profile(rows),
		sampleFile:  sample(rows),
		pageFile:    before + chapterBegin + chapter(rows) + chapterEnd + after,
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
