package portal_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"html"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/cardea-agent/cardea/agent/protocol"
	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/web/portal/texts"
)

// codesIn reads the stable codes that a package declares.
func codesIn(t *testing.T, file string) (codes []string) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 || !strings.HasPrefix(spec.Names[0].Name, "Code") {
			return true
		}
		if value, ok := spec.Values[0].(*ast.BasicLit); ok && value.Kind == token.STRING {
			code, err := strconv.Unquote(value.Value)
			if err != nil {
				t.Fatal(err)
			}
			codes = append(codes, code)
		}
		return true
	})
	if len(codes) < 10 {
		t.Fatalf("%s declares %d codes", file, len(codes))
	}
	return codes
}

// The contacts of newSite, by who helps.
var whoIsShown = map[protocol.Who]string{
	protocol.WhoAdmin: "IT service desk", protocol.WhoCardIssuer: "Card office", protocol.WhoSite: "Applications desk", "mail": "Mail desk",
}

func TestEveryCodeHasAPageThatSaysWhatHappenedWhatToTryAndWhoHelps(t *testing.T) {
	s := newSite(t)
	all := texts.All()
	for code, row := range protocol.Errors { // the client library's are among them
		for _, l := range texts.Languages {
			s.helps(all[l], "/help/agent/"+string(code), "error."+string(code), "try."+string(code), row.Who)
		}
	}
	// The portal's own are not among these.
	own := []string{"tooManyRequests", "unreachable", "pageNotFound", "mailMissing"}
	for _, code := range append(append(codesIn(t, "../verify/errors.go"), codesIn(t, "accounts/errors.go")...), own...) {
		for _, l := range texts.Languages {
			s.helps(all[l], "/help/site/"+code, "refused."+code, "refusedTry."+code, "")
		}
	}
}

// helps looks at the page of a code. who is empty where the test does not know.
func (s *site) helps(words texts.Texts, path, happened, try string, who protocol.Who) {
	s.t.Helper()
	s.setCookie("__Host-cardea-language", string(words.Language))
	answer, page := s.do("GET", path, "")
	if answer.StatusCode != http.StatusOK {
		s.t.Errorf("%s answers %d", path, answer.StatusCode)
		return
	}
	for _, key := range []string{happened, try} {
		text, err := words.T(key)
		if err != nil || !strings.Contains(page, html.EscapeString(text)) {
			s.t.Errorf("%s in %s does not say %q: %v", path, words.Language, text, err)
		}
	}
	if who == "" {
		who = s.whoHelps(page, words)
	}
	if line, err := words.T("who." + string(who)); err != nil || !strings.Contains(page, line) {
		s.t.Errorf("%s in %s does not say that %s helps: %v", path, words.Language, who, err)
	}
	for kind, name := range whoIsShown {
		if strings.Contains(page, "<strong>"+name+"</strong>") != (kind == who) {
			s.t.Errorf("%s, about %s: whether it shows the %s is wrong", path, who, name)
		}
	}
}

func (s *site) whoHelps(page string, words texts.Texts) protocol.Who {
	s.t.Helper()
	for _, who := range []protocol.Who{protocol.WhoUser, protocol.WhoAdmin, protocol.WhoCardIssuer, protocol.WhoSite, "mail"} {
		if line, _ := words.T("who." + string(who)); strings.Contains(page, line) {
			return who
		}
	}
	return "nobody"
}

func TestTheHelpShowsEveryContactAndLeadsToEveryCode(t *testing.T) {
	s := newSite(t)
	page := s.page("/help")
	for _, want := range []string{"IT service desk", "tel:01632960100", "Card office", "mailto:cards@hospital.example", "Applications desk", "24/7", "Mail desk"} {
		if !strings.Contains(page, want) {
			t.Errorf("the help does not show %s", want)
		}
	}
	for code := range protocol.Errors {
		if !strings.Contains(page, `href="/help/agent/`+string(code)+`"`) {
			t.Errorf("the help does not lead to %s", code)
		}
	}
	for _, code := range codesIn(t, "accounts/errors.go") {
		if !strings.Contains(page, `href="/help/site/`+code+`"`) {
			t.Errorf("the help does not lead to %s", code)
		}
	}
	for _, path := range []string{"/help/agent/nothing", "/help/site/nothing", "/help/nothing/noCard", "/help/site/" + string(signin.CodeNoCard)} {
		if answer, text := s.do("GET", path, ""); answer.StatusCode != http.StatusNotFound || !strings.Contains(text, "There is no such page.") {
			t.Errorf("%s answers %d", path, answer.StatusCode)
		}
	}
}
