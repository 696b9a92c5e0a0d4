package protocol

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cardea-agent/cardea/agent/signin"
)

// constants returns the values of a package's string constants of a type, by
// reading its source: a new one cannot be forgotten here.
func constants(t *testing.T, dir, typeName string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 || typeString(spec.Type) != typeName {
				return true
			}
			if lit, ok := spec.Values[0].(*ast.BasicLit); ok && lit.Value != `""` {
				values = append(values, strings.Trim(lit.Value, `"`))
			}
			return true
		})
	}
	if len(values) == 0 {
		t.Fatalf("no constants of type %s in %s", typeName, dir)
	}
	return values
}

func typeString(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return typeString(e.X) + "." + e.Sel.Name
	}
	return ""
}

func TestEveryCodeIsInTheTable(t *testing.T) {
	codes := append(constants(t, "../signin", "Code"), constants(t, ".", "signin.Code")...)
	for _, code := range codes {
		if _, ok := Errors[signin.Code(code)]; !ok {
			t.Errorf("%s has no row", code)
		}
	}
	if len(codes) != len(Errors) {
		t.Errorf("%d codes and %d rows", len(codes), len(Errors))
	}
}

func TestEveryRowOfTheTableIsWhole(t *testing.T) {
	for code, row := range Errors {
		if row.By == "" || row.Who == "" || row.Number == 0 || row.Meaning == "" || row.Fix == "" {
			t.Errorf("%s: something is missing in %+v", code, row)
		}
		for _, s := range []string{row.Message, row.Meaning, row.Fix} {
			if !strings.HasSuffix(s, ".") {
				t.Errorf("%s: %q is not a sentence", code, s)
			}
		}
		for _, p := range row.Params {
			if p.Name == "" || p.Meaning == "" || p.Type != "integer" && p.Type != "string" {
				t.Errorf("%s: param %+v", code, p)
			}
		}
	}
}

func TestAUseCasesErrorKeepsItsCodeAndItsNumbers(t *testing.T) {
	cause := errors.New("secret cause")
	tests := []struct {
		err    error
		code   string
		params map[string]any
	}{
		{&signin.Error{Code: signin.CodePINWrong, TriesLeft: 2, Err: cause}, "pinWrong", map[string]any{"triesLeft": 2}},
		{&signin.Error{Code: signin.CodePINWrong, TriesLeft: signin.TriesUnknown}, "pinWrong", nil},
		{&signin.Error{Code: signin.CodeNoUsableCertificate, Why: signin.WhyExpired}, "noUsableCertificate", map[string]any{"why": signin.WhyExpired}},
		{&signin.Error{Code: signin.CodeInvalidRequest, Field: "nonce"}, "invalidRequest", map[string]any{"field": "nonce", "problem": "badValue"}},
		{&signin.Error{Code: signin.CodeNotPermitted, Right: "authenticate"}, "notPermitted", map[string]any{"right": "authenticate"}},
		{fmt.Errorf("wrapped: %w", &signin.Error{Code: signin.CodeNoCard, Err: context.DeadlineExceeded}), "noCard", nil},
		{fmt.Errorf("wrapped: %w", context.Canceled), "cancelled", nil},
		{fmt.Errorf("wrapped: %w", context.DeadlineExceeded), "timedOut", nil},
		{&signin.Error{Code: signin.CodeCardUnknown, ATR: "3B 00"}, "cardUnknown", map[string]any{"atr": "3B 00"}},
		{&signin.Error{Code: signin.CodeCardUnknown}, "cardUnknown", nil},
		{&signin.Error{Code: signin.CodeModuleFailed, How: signin.ModuleHung, Err: cause}, "moduleFailed", map[string]any{"how": signin.ModuleHung}},
		{&signin.Error{Code: signin.CodeModuleMissing, Err: cause}, "moduleMissing", nil},
		{NewError(CodeUnsupported, nil), "unsupported", nil},
	}
	for _, test := range tests {
		got := FromError(test.err)
		row := Errors[signin.Code(test.code)]
		if got.Data.Code != test.code || !maps.Equal(got.Data.Params, test.params) {
			t.Errorf("%v: got %s %v, want %s %v", test.err, got.Data.Code, got.Data.Params, test.code, test.params)
		}
		if got.Code != row.Number || got.Message != row.Message || got.Data.Who != string(row.Who) || got.Data.Retry != row.Retry {
			t.Errorf("%v: %+v is not of the table", test.err, got)
		}
	}
}

func TestAnInternalErrorTellsAnIncidentAndNothingElse(t *testing.T) {
	seen := map[string]bool{}
	for _, err := range []error{
		errors.New("secret cause"),
		&signin.Error{Code: signin.CodeInternal, Err: errors.New("secret cause")},
		&signin.Error{Code: "madeUp", Field: "secret cause"},
	} {
		e := FromError(err)
		if e.Data.Code != "internal" || e.Incident() == "" || len(e.Data.Params) != 1 || seen[e.Incident()] {
			t.Errorf("%v: got %+v", err, e)
		}
		seen[e.Incident()] = true
		b, encErr := Encode(e)
		if encErr != nil {
			t.Fatal(encErr)
		}
		if strings.Contains(string(b)+e.Error(), "secret") {
			t.Errorf("%v: the cause left the agent: %s", err, b)
		}
	}
}
