package main_test

import (
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/cardea-agent/cardea/agent/audit"
	"github.com/cardea-agent/cardea/agent/card"
	"github.com/cardea-agent/cardea/agent/policy"
)

var (
	markdownLink    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	markdownHeading = regexp.MustCompile(`(?m)^#{1,6} +(.+?) *$`)
	codeBlock       = regexp.MustCompile("(?ms)^```.*?^```$")
	makeTarget      = regexp.MustCompile("`make ([a-z][a-z0-9-]*)")
	notInAnchor     = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

func TestDocsLinkToWhatExists(t *testing.T) {
	t.Parallel()
	links := 0
	for file, text := range docs(t) {
		for _, match := range markdownLink.FindAllStringSubmatch(text, -1) {
			target, err := url.Parse(match[1])
			if err != nil {
				t.Errorf("%s: %v", file, err)
				continue
			}
			if target.IsAbs() {
				continue // elsewhere, and this test needs no network
			}
			links++
			path := file
			if target.Path != "" {
				path = filepath.Join(filepath.Dir(file), filepath.FromSlash(target.Path))
			}
			if _, err := os.Stat(path); err != nil {
				t.Errorf("%s links to %s: %v", file, match[1], err)
				continue
			}
			if target.Fragment != "" && !hasHeading(t, path, target.Fragment) {
				t.Errorf("%s links to %s: there is no such heading", file, match[1])
			}
		}
	}
	if links == 0 {
		t.Error("no link was found")
	}
}

func TestWhatAdministratorsAreShownIsAccepted(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/admin.md")
	if err != nil {
		t.Fatal(err)
	}
	policies, lists := 0, 0
	for _, block := range codeBlock.FindAllString(string(text), -1) {
		example, ok := strings.CutPrefix(strings.TrimSuffix(block, "```"), "```toml\n")
		switch {
		case !ok:
			continue
		case strings.Contains(example, "[[card]]"):
			lists++
			_, err = card.ShippedList().With([]byte(example))
		default:
			policies++
			_, err = policy.Parse([]byte(example))
		}
		if err != nil {
			t.Errorf("%v in\n%s", err, example)
		}
	}
	if policies < 2 || lists < 1 {
		t.Errorf("%d policies and %d card lists are shown", policies, lists)
	}
}

func TestEveryFieldOfTheAuditLogIsExplained(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/admin.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range audit.Fields {
		if row := "| `" + f.Name + "` | " + f.Meaning + " |\n"; !strings.Contains(string(text), row) {
			t.Errorf("docs/admin.md lacks the row\n%s", row)
		}
	}
}

func TestDocsNameOnlyMakeTargetsThatExist(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile("../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	for file, text := range docs(t) {
		for _, match := range makeTarget.FindAllStringSubmatch(text, -1) {
			named++
			if !strings.Contains(string(makefile), "\n"+match[1]+":") {
				t.Errorf("%s names make %s, and the Makefile has no such target", file, match[1])
			}
		}
	}
	if named == 0 {
		t.Error("no make target is named in the docs")
	}
}

// docs returns the README and the pages of docs/, without their code blocks.
func docs(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, file := range append(files, "../README.md") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts[file] = codeBlock.ReplaceAllString(string(text), "")
	}
	return texts
}

// hasHeading reports whether a page has a heading with that anchor, which is
// the heading in lower case, without punctuation, and with hyphens for spaces.
func hasHeading(t *testing.T, path, anchor string) bool {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, match := range markdownHeading.FindAllStringSubmatch(codeBlock.ReplaceAllString(string(text), ""), -1) {
		heading := notInAnchor.ReplaceAllString(strings.ToLower(match[1]), "")
		if strings.ReplaceAll(heading, " ", "-") == anchor {
			return true
		}
	}
	return false
}
