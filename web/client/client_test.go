package client

import (
	"strings"
	"testing"
)

func TestTheBundlesArePartOfTheProgram(t *testing.T) {
	for name, want := range map[string]string{
		"cardea.js":              "export {",
		"cardea.iife.js":         "var cardea=",
		"web-eid-compat.js":      "export {",
		"web-eid-compat.iife.js": "var webeid=",
	} {
		text, err := Dist.ReadFile("dist/" + name)
		if err != nil {
			t.Error(err)
			continue
		}
		if !strings.Contains(string(text), want) || !strings.Contains(string(text), "cardea.v1") {
			t.Errorf("%s is not what its name says", name)
		}
	}
}
