package client

import (
	"io/fs"
	"log"
	"net/http"
	"os"
	"regexp"
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

// The guide prints parts of an example that the compiler reads: they must stay
// the same.
func TestTheGuidesServerIsTheVerifiersExample(t *testing.T) {
	guide, err := os.ReadFile("../../docs/integrate.md")
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile("../verify/example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, block := range regexp.MustCompile("(?s)```go\n(.*?)\n```").FindAllSubmatch(guide, -1) {
		if !strings.Contains(string(block[1]), "verif") {
			continue
		}
		found++
		if !strings.Contains(flat(example), flat(block[1])) {
			t.Errorf("the example of web/verify does not have\n%s", block[1])
		}
	}
	if found == 0 {
		t.Error("the guide shows no verification")
	}
}

// flat is text without its indentation.
func flat(text []byte) string {
	return strings.Join(strings.Fields(string(text)), " ")
}

func TestTheGuideNamesTheFilesThatExist(t *testing.T) {
	guide, err := os.ReadFile("../../docs/integrate.md")
	if err != nil {
		t.Fatal(err)
	}
	entries, err := Dist.ReadDir("dist")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if !strings.Contains(string(guide), "`"+entry.Name()+"`") {
			t.Errorf("the guide does not name %s", entry.Name())
		}
	}
}

// ExampleDist compiles the line by which the guide serves the files.
func ExampleDist() {
	dist, err := fs.Sub(Dist, "dist")
	if err != nil {
		log.Fatal(err)
	}
	http.Handle("/js/", http.StripPrefix("/js/", http.FileServerFS(dist)))
}
