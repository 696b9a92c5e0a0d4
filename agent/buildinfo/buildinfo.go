// Package buildinfo says what a program was built from: its version, the commit
// and its date, the Go release and every module in it.
//
// It never looks at anything but the program that asks: the linker stamps the
// version, the commit and the date, and Go itself the rest. It is tested by
// asking the programs that were built.
package buildinfo

import (
	"encoding/json"
	"io"
	"runtime"
	"runtime/debug"
)

// Set by the linker; empty where somebody builds by hand.
var (
	commit string
	date   string
)

// Info is what a program was built from.
type Info struct {
	Program      string   `json:"program"`
	Version      string   `json:"version"`
	Protocol     int      `json:"protocol,omitempty"` // between page and agent, for the agent alone
	Commit       string   `json:"commit"`             // empty if it was not stamped
	Date         string   `json:"date"`               // of the commit, as in RFC 3339
	Go           string   `json:"go"`
	System       string   `json:"system"`
	Architecture string   `json:"architecture"`
	CGO          bool     `json:"cgo"`
	Modules      []Module `json:"modules"`
}

// Module is one Go module of which code is in the program.
type Module struct {
	Path    string `json:"path"`
	Version string `json:"version"`
	Sum     string `json:"sum,omitempty"`
}

// Of is what this program was built from. Its name and version are the
// program's own.
func Of(program, version string) Info {
	info := Info{
		Program: program, Version: version, Commit: commit, Date: date,
		Go: runtime.Version(), System: runtime.GOOS, Architecture: runtime.GOARCH, Modules: []Module{},
	}
	built, ok := debug.ReadBuildInfo()
	if !ok {
		return info
	}
	for _, s := range built.Settings {
		info.CGO = info.CGO || s.Key == "CGO_ENABLED" && s.Value == "1"
	}
	for _, m := range built.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		info.Modules = append(info.Modules, Module{Path: m.Path, Version: m.Version, Sum: m.Sum})
	}
	return info
}

// Print writes it for programs.
func (i Info) Print(out io.Writer) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(i)
}
