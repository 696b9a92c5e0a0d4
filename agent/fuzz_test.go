package main_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// fuzzed is what other people's bytes reach first, and the target for each.
var fuzzed = []struct{ what, folder, target string }{
	{"handshakes", "agent/endpoint", "FuzzAHandshakeComesInOnlyFromTheList"},
	{"Host headers", "agent/endpoint", "FuzzOnlyTheAgentsOwnHostsMatch"},
	{"origins", "agent/weborigin", "FuzzAnAcceptedOriginIsCanonical"},
	{"entries of a list of origins", "agent/weborigin", "FuzzAnEntryWithoutWildcardIsAnOrigin"},
	{"names of other scripts", "agent/weborigin", "FuzzAReadableNameIsTheSameName"},
	{"answers about sites", "agent/approvals", "FuzzAFileOfAnswersAllowsWholeOriginsAlone"},
	{"JSON messages", "agent/protocol", "FuzzParseRequest"},
	{"JSON params", "agent/protocol", "FuzzDecodeParams"},
	{"prompt frames", "agent/prompt", "FuzzReadFrame"},
	{"prompt frames that are acted on", "agent/prompt", "FuzzBothEndsTakeOrRefuseFrames"},
	{"what modules say to pcscd", "pcsc/onereader", "FuzzNoRequestIsChangedOrReachesAnotherReader"},
	{"host frames", "pkcs11/host", "FuzzReadFrame"},
	{"host frames that are acted on", "pkcs11/host", "FuzzHear"},
	{"policy files", "agent/policy", "FuzzParseNeverAllowsAnOriginThatIsNotHTTPS"},
	{"certificates that rules judge", "agent/policy", "FuzzNoCertificateIsUsableAgainstItsOwnDates"},
	{"ATR masks", "agent/card/cards", "FuzzAPatternIsReadBackAsItWasAndMatchesItself"},
	{"signatures", "agent/token", "FuzzFinishNeverMakesATokenOfGarbage"},
	{"answers about connections", "agent/peer", "FuzzParsers"},
	{"TLV", "pcsc/apdu", "FuzzParseTLVs"},
	{"APDU responses", "pcsc/apdu", "FuzzSend"},
	{"APDU responses after a reset", "pcsc/apdu", "FuzzModeFor"},
	{"certificates of a card", "pcsc/piv", "FuzzCertificateObject"},
	{"properties of a card", "pcsc/piv", "FuzzApplicationProperties"},
	{"identity objects of a card", "pcsc/piv", "FuzzIdentityObjects"},
	{"signatures of a card", "pcsc/piv", "FuzzSignatureTemplate"},
	{"tokens", "web/verify", "FuzzTokensAreReadOneWay"},
}

// A test run feeds every target its seeds. A target that lost them would pass
// for ever and say nothing.
func TestEveryParserOfForeignBytesIsFuzzedFromSeeds(t *testing.T) {
	t.Parallel()
	targets := fuzzTargets(t)
	for _, f := range fuzzed {
		if _, found := targets[f.folder+" "+f.target]; !found {
			t.Errorf("%s: there is no %s in %s", f.what, f.target, f.folder)
		}
	}
	for name, seeds := range targets {
		if seeds == 0 {
			t.Errorf("%s has no seeds, or none that can be counted", name)
		}
	}
}

// fuzzTargets counts the seeds of each target, named by its folder and itself.
func fuzzTargets(t *testing.T) map[string]int {
	t.Helper()
	targets := map[string]int{}
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && slices.Contains([]string{".git", "build", "node_modules"}, entry.Name()) {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		folder, err := filepath.Rel("..", filepath.Dir(path))
		if err != nil {
			return err
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && strings.HasPrefix(f.Name.Name, "Fuzz") && f.Recv == nil {
				targets[filepath.ToSlash(folder)+" "+f.Name.Name] = seedsIn(file, f.Body)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return targets
}

// seedsIn counts calls of f.Add: one in a loop counts once for each element of
// what is looped over, where that can be seen.
func seedsIn(file *ast.File, n ast.Node) (seeds int) {
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.RangeStmt:
			seeds += elements(file, n.X) * seedsIn(file, n.Body)
			return false
		case *ast.CallExpr:
			if s, ok := n.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == "Add" {
				if f, ok := s.X.(*ast.Ident); ok && f.Name == "f" {
					seeds++
				}
			}
		}
		return true
	})
	return seeds
}

// elements counts those of a literal, or of a variable of the file that is one.
func elements(file *ast.File, e ast.Expr) int {
	switch e := e.(type) {
	case *ast.CompositeLit:
		return len(e.Elts)
	case *ast.Ident:
		count := 0
		ast.Inspect(file, func(n ast.Node) bool {
			if v, ok := n.(*ast.ValueSpec); ok && len(v.Values) == 1 && v.Names[0].Name == e.Name {
				count = elements(file, v.Values[0])
			}
			return true
		})
		return count
	}
	return 0
}
