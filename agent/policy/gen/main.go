// Command gen writes what comes from the table of settings in package policy:
// the templates for group policy and the properties of the installer in
// installer/windows, the profile for managed Macs in installer/macos, the commented
// policy file in installer/linux, and two tables of docs/admin.md. Run it with go generate in agent/policy.
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
	wxiFile     = "installer/windows/settings.wxi"
	pageFile    = "docs/admin.md"
)

// generate returns the text of every file by its path below root.
func generate(root string) (map[string]string, error) {
	page, err := os.ReadFile(filepath.Join(root, pageFile))
	if err != nil {
		return nil, err
	}
	rows := policy.Settings()
	text, err := replaced(string(page), chapterBegin, chapter(rows), chapterEnd)
	if err == nil {
		text, err = replaced(text, propertiesBegin, propertyChapter(properties(rows)), propertiesEnd)
	}
	if err != nil {
		return nil, err
	}
	return map[string]string{
		admxFile:    admx(rows),
		admlFile:    adml(rows),
		profileFile: profile(rows),
		sampleFile:  sample(rows),
		wxiFile:     wxi(properties(rows)),
		pageFile:    text,
	}, nil
}

// replaced has what is between two lines of a page written anew.
func replaced(page, begin, text, end string) (string, error) {
	before, rest, found := strings.Cut(page, begin)
	_, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		return "", fmt.Errorf("gen: %s does not have the line %q and its end", pageFile, strings.TrimSpace(begin))
	}
	return before + begin + text + end + after, nil
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
