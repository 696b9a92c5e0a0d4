package verify

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// workflow is what hosted runners do.
type workflow struct {
	Permissions map[string]string `yaml:"permissions"`
	Jobs        map[string]struct {
		RunsOn  any `yaml:"runs-on"`
		Needs   any `yaml:"needs"`
		Minutes int `yaml:"timeout-minutes"`
		Steps   []struct {
			Uses string `yaml:"uses"`
			Run  string `yaml:"run"`
		} `yaml:"steps"`
	} `yaml:"jobs"`
}

func workflows(t *testing.T) map[string]workflow {
	t.Helper()
	files, err := filepath.Glob("../../.github/workflows/*.yml")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]workflow{}
	for _, file := range files {
		var w workflow
		if err := yaml.Unmarshal([]byte(read(t, file)), &w); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all[strings.TrimSuffix(filepath.Base(file), ".yml")] = w
	}
	return all
}

var (
	pinned = regexp.MustCompile(`^actions/[a-z-]+@v\d+\.\d+\.\d+$`)
	target = regexp.MustCompile(`(?m)\bmake ((?:[a-z-]+ ?)+)$`)
)

func TestHostedRunnersUseNothingThatMayChangeAndOnlyWhatThereIs(t *testing.T) {
	all := workflows(t)
	makefile := read(t, "../../Makefile")
	made := map[string]bool{}
	for name, w := range all {
		if w.Permissions["contents"] != "read" {
			t.Errorf("%s may %v", name, w.Permissions)
		}
		for id, job := range w.Jobs {
			if job.RunsOn == nil || job.Minutes == 0 || strings.Contains(id, "latest") {
				t.Errorf("%s: %s runs on %v for %d minutes", name, id, job.RunsOn, job.Minutes)
			}
			for _, step := range job.Steps {
				if step.Uses != "" && !pinned.MatchString(step.Uses) {
					t.Errorf("%s: %s uses %s, which is no full version", name, id, step.Uses)
				}
				for _, found := range target.FindAllStringSubmatch(step.Run, -1) {
					for word := range strings.FieldsSeq(found[1]) {
						made[word] = true
						if !strings.Contains(makefile, "\n"+word+":") {
							t.Errorf("%s: %s makes %s, which is no target", name, id, word)
						}
					}
				}
			}
		}
	}
	for _, word := range []string{"deb", "rpm", "msi", "pkg", "pkg-check", "vulnerabilities"} {
		if !made[word] {
			t.Errorf("nobody makes %s", word)
		}
	}
	if steps := all["ci"].Jobs["run"].Steps; len(steps) == 0 || steps[len(steps)-1].Run != ".ci/run" {
		t.Error("a change is not judged by .ci/run")
	}
	if _, ok := all["release"].Jobs["draft"]; !ok {
		t.Error("no release is drafted")
	}
}

func TestReleaseNotesAreWhatTheListOfChangesSays(t *testing.T) {
	folder := t.TempDir()
	text := "# Changes\n\n## [Unreleased]\n\n- later\n\n## [1.2.0] - 2026-11-28\n\n### Added\n\n- a thing\n\n## [1.1.0]\n\n- old\n"
	if err := os.WriteFile(filepath.Join(folder, "CHANGELOG.md"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	script, err := filepath.Abs("../release-notes.sh")
	if err != nil {
		t.Fatal(err)
	}
	run := func(version string) (string, error) {
		cmd := exec.CommandContext(t.Context(), script, version)
		cmd.Dir = folder
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if got, err := run("1.2.0"); err != nil || got != "### Added\n\n- a thing\n" {
		t.Errorf("the notes are %q, %v", got, err)
	}
	if got, err := run("1.3.0"); err == nil || !strings.Contains(got, "has no chapter [1.3.0]") {
		t.Errorf("what was not written down has the notes %q, %v", got, err)
	}
	if changes := read(t, "../../CHANGELOG.md"); !strings.Contains(changes, "\n## [Unreleased]\n") {
		t.Error("the list of changes has no chapter for what comes next")
	}
}
