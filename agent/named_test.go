package main_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/cardea-agent/cardea/agent/policy"
)

var namedTest = regexp.MustCompile("`((?:Test|Fuzz|Benchmark)[A-Za-z0-9_]+)`")

// testsOf are the names of all tests of this module.
func testsOf(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "node_modules" || path == "../build" || entry.Name() == ".git"):
			return filepath.SkipDir
		case !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
				names[f.Name.Name] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestDocsNameOnlyTestsThatExist(t *testing.T) {
	t.Parallel()
	names, named := testsOf(t), 0
	for file, text := range docs(t) {
		for _, match := range namedTest.FindAllStringSubmatch(text, -1) {
			named++
			if !names[match[1]] {
				t.Errorf("%s names %s, and there is no such test", file, match[1])
			}
		}
	}
	if named == 0 {
		t.Error("no test is named in the docs")
	}
}

// shows is, for each setting, the test that sees it take effect, or the script
// that does: a setting that nobody reads would be a lie.
var shows = map[string]string{
	"origin":                       "TestAChangeOfPolicyCountsAtOnceAndDropsNoConnection",
	"origin.url":                   "TestARefusedHandshakeIsSilentAndTouchesNoCard",
	"origin.rights":                "TestAPageHasDocumentsSignedWithOnePIN",
	"origin.group":                 "TestTheCardOutLocksEveryPageAndTheNextOneAttachesAndResumes",
	"origin.removal.action":        "TestASiteThatSignsOutOnRemovalDoesSoWhereOthersLock",
	"origin.removal.grace":         "TestASiteThatSignsOutOnRemovalDoesSoWhereOthersLock",
	"origins.ask":                  "TestNobodyIsAskedWhereThePolicyDoesNotSaySo",
	"removal.action":               "TestALockIsNothingWhereRemovalIsNothing",
	"removal.grace":                "TestTheCardOutLocksEveryPageAndTheNextOneAttachesAndResumes",
	"removal.onLock":               "TestALockCountsAsRemovalWherePolicySaysSo",
	"session.limit":                "TestASessionEndsWhenTheLimitOfThePolicyIsOver",
	"certificate.keyUsage":         "TestEachRuleKeepsOutWhatItNamesAndSaysSo",
	"certificate.notKeyUsage":      "TestEachRuleKeepsOutWhatItNamesAndSaysSo",
	"certificate.extendedKeyUsage": "TestEachRuleKeepsOutWhatItNamesAndSaysSo",
	"certificate.policies":         "TestEachRuleKeepsOutWhatItNamesAndSaysSo",
	"certificate.issuers":          "TestAChangeOfPolicyCountsAtOnceAndDropsNoConnection",
	"certificate.validFor":         "TestEachRuleKeepsOutWhatItNamesAndSaysSo",
	"cards.list":                   "places.txtar",
	"listen.port":                  "run.txtar",
	"autostart":                    "policy.txtar",
	"contact":                      "TestContactsAreShownBesideWhatTheyCanMend",
	"contact.for":                  "TestContactsAreShownBesideWhatTheyCanMend",
	"contact.name":                 "TestContactsAreShownBesideWhatTheyCanMend",
	"contact.phone":                "TestContactsAreShownBesideWhatTheyCanMend",
	"contact.email":                "refused.txtar",
	"contact.url":                  "refused.txtar",
	"log.level":                    "log.txtar",
	"browserPolicy.browsers":       "browserpolicy.txtar",
}

func TestEverySettingHasATestThatSeesItTakeEffect(t *testing.T) {
	t.Parallel()
	names, rows := testsOf(t), map[string]bool{}
	check := func(name, last string) {
		rows[name] = true
		script, isScript := strings.CutSuffix(shows[name], ".txtar")
		if !isScript {
			if !names[shows[name]] {
				t.Errorf("%s: there is no test %q", name, shows[name])
			}
			return
		}
		text, err := os.ReadFile("../testdata/script/" + script + ".txtar")
		if err != nil || !strings.Contains(string(text), last) {
			t.Errorf("%s: %s does not use it: %v", name, shows[name], err)
		}
	}
	for _, s := range policy.Settings() {
		check(s.Name, s.Name[strings.LastIndex(s.Name, ".")+1:])
		for _, field := range s.Fields {
			check(s.Name+"."+field.Name, field.Name)
		}
	}
	for name := range shows {
		if !rows[name] {
			t.Errorf("there is no setting %s", name)
		}
	}
}
