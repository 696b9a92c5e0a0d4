package main

import (
	"os"
	"strings"
	"testing"

	"github.com/cardea-agent/cardea/agent/doctor"
)

func TestThePageIsCurrentAndHasEveryCode(t *testing.T) {
	got, err := os.ReadFile("../../../docs/checks.md")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != page() {
		t.Error("docs/checks.md is out of date: run go generate in agent/doctor")
	}
	for code := range doctor.Table {
		if strings.Count(string(got), "| `"+string(code)+"` |") != 1 {
			t.Errorf("%s is not on the page once", code)
		}
	}
}
