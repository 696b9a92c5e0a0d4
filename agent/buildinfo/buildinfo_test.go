package buildinfo_test

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/cardea-agent/cardea/agent/buildinfo"
)

// stamped are the flags that the Makefile hands to the linker.
const stamped = "-X main.version=1.2.3 -X github.com/cardea-agent/cardea/agent/buildinfo.commit=c0ffee -X github.com/cardea-agent/cardea/agent/buildinfo.date=2026-11-28T12:00:00Z"

func TestAProgramSaysWhatItWasBuiltFrom(t *testing.T) {
	program := filepath.Join(t.TempDir(), "cardea-broker")
	build := exec.CommandContext(t.Context(), "go", "build", "-ldflags", stamped, "-o", program, "../broker")
	build.Env = append(build.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err := exec.CommandContext(t.Context(), program, "--version", "--json").Output()
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(out))
	decoder.DisallowUnknownFields()
	var got buildinfo.Info
	if err := decoder.Decode(&got); err != nil {
		t.Fatal(err)
	}
	modules := got.Modules
	got.Modules = nil
	want := buildinfo.Info{
		Program: "cardea-broker", Version: "1.2.3", Commit: "c0ffee", Date: "2026-11-28T12:00:00Z",
		Go: runtime.Version(), System: runtime.GOOS, Architecture: runtime.GOARCH,
	}
	if !equal(got, want) {
		t.Errorf("it says %+v, want %+v", got, want)
	}
	i := slices.IndexFunc(modules, func(m buildinfo.Module) bool { return m.Path == "github.com/kardianos/service" })
	if i < 0 || modules[i].Version == "" || modules[i].Sum == "" {
		t.Errorf("the module that runs services is not among %v", modules)
	}
}

func equal(a, b buildinfo.Info) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return bytes.Equal(x, y)
}
