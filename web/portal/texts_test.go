package portal

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/cardea-agent/cardea/agent/protocol"
	"github.com/cardea-agent/cardea/agent/signin"
)

func TestEveryErrorOfTheAgentHasWordsForPeople(t *testing.T) {
	english := english()
	for code, row := range protocol.Errors {
		for _, key := range []string{"error." + string(code), "try." + string(code), "who." + string(row.Who)} {
			if english[key] == "" {
				t.Errorf("there is no text %q", key)
			}
		}
	}
	for key := range english {
		code, ok := strings.CutPrefix(key, "try.")
		if _, known := protocol.Errors[signin.Code(code)]; ok && !known && code != "unknown" {
			t.Errorf("%q is for a code that does not exist", key)
		}
	}
}

// The codes are read from the source, which has no list of them.
func TestEveryRefusalOfTheServerHasWordsForPeople(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../verify/errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	codes := []string{string(codeSignedOut), "unreachable"}
	ast.Inspect(file, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok && len(v.Values) == 1 {
			if text, ok := v.Values[0].(*ast.BasicLit); ok {
				code, err := strconv.Unquote(text.Value)
				if err != nil {
					t.Error(err)
				}
				codes = append(codes, code)
			}
		}
		return true
	})
	if len(codes) < 10 {
		t.Fatalf("only %d codes were found", len(codes))
	}
	english := english()
	for _, code := range codes {
		if english["refused."+code] == "" || english["refusedTry."+code] == "" || english["who."+english["refusedWho."+code]] == "" {
			t.Errorf("the refusal %s has not all of its texts", code)
		}
	}
}

// What a template or a script asks for with a fixed key must exist, and states
// and phases, which are put together, too.
func TestEveryTextThatAPageAsksForExists(t *testing.T) {
	english := english()
	asked := regexp.MustCompile(`\bt\(?\s?"([a-zA-Z.]+)"`)
	found := 0
	for _, path := range []string{
		"templates/layout.html", "templates/signin.html", "templates/home.html", "templates/notes.html",
		"static/portal.js", "static/signin.js", "static/session.js",
	} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range asked.FindAllStringSubmatch(string(text), -1) {
			found++
			if _, ok := english[match[1]]; !ok && english[match[1]+".other"] == "" {
				t.Errorf("%s asks for %q", path, match[1])
			}
		}
	}
	if found < 40 {
		t.Errorf("only %d questions for a text were found", found)
	}
	for _, state := range []signin.State{
		signin.ServiceDown, signin.NoReader, signin.NoCard, signin.CardUnreadable, signin.CardUnknown,
		signin.NoUsableCertificate, signin.PINBlocked, signin.Ready, signin.Busy,
	} {
		if english["status."+string(state)] == "" {
			t.Errorf("the state %s has no text", state)
		}
	}
	for _, phase := range []signin.Phase{
		signin.WaitingForReader, signin.WaitingForCard, signin.Choosing, signin.WaitingForPIN, signin.WrongPIN, signin.Signing,
	} {
		if english["progress."+string(phase)] == "" {
			t.Errorf("the phase %s has no text", phase)
		}
	}
}
