//go:build unix

package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cardea-agent/cardea/agent/policy"
)

func TestThePolicyHasProgramsStartedOrNot(t *testing.T) {
	file := filepath.Join(t.TempDir(), "policy.toml")
	var log bytes.Buffer
	s := newStarts(policy.Only(file), slog.New(slog.NewTextHandler(&log, nil)))
	for _, step := range []struct {
		text string
		want bool
	}{
		{"autostart = 7", true}, // before a good one was read
		{"", true},
		{"autostart = false", false},
		{"autostart = 7", false}, // the last good one stays
		{"autostart = 7", false},
		{"autostart = true", true},
	} {
		if err := os.WriteFile(file, []byte(step.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := s.now(); got != step.want {
			t.Errorf("%q: %v", step.text, got)
		}
	}
	if n := strings.Count(log.String(), "the policy is not good"); n != 2 {
		t.Errorf("a policy that is not good was logged %d times, want one for each:\n%s", n, &log)
	}
}

func TestNoPersonDecidesForEverybody(t *testing.T) {
	file := filepath.Join(t.TempDir(), "settings.toml")
	if err := os.WriteFile(file, []byte("autostart = false"), 0o600); err != nil {
		t.Fatal(err)
	}
	if !newStarts(policy.Places{User: file}, slog.New(slog.DiscardHandler)).now() {
		t.Error("a person's own file was read")
	}
}
