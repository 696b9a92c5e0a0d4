package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func TestItSaysWhichVersionItIs(t *testing.T) {
	var out bytes.Buffer
	if err := run([]string{"--version"}, &out); err != nil || out.String() != "cardea-supervisor "+version+"\n" {
		t.Errorf("%q, %v", out.String(), err)
	}
	out.Reset()
	var info struct{ Program string }
	if err := run([]string{"--json"}, &out); err != nil || json.Unmarshal(out.Bytes(), &info) != nil || info.Program != "cardea-supervisor" {
		t.Errorf("%q, %v", out.String(), err)
	}
}

func TestAWordTooManyIsAnError(t *testing.T) {
	if err := run([]string{"--service", "now"}, nil); err == nil || !strings.Contains(err.Error(), "now") {
		t.Error(err)
	}
}

func TestOnlyTheAgentIsToldWhereTheBrokerIs(t *testing.T) {
	o := options{broker: "there"}
	if got := strings.Join(o.arguments(agent), " "); !strings.HasPrefix(got, "run --broker there") {
		t.Errorf("the agent gets %q", got)
	}
	if got := o.arguments(tray); len(got) > 0 {
		t.Errorf("the tray gets %q", got)
	}
}
