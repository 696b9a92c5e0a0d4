package main

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// axePath is where npm lays the rules of accessibility, which package.json of
// the client names.
const axePath = "../../web/client/node_modules/axe-core/axe.min.js"

// readAxe returns the program that judges a page.
func readAxe(t *testing.T) string {
	t.Helper()
	source, err := os.ReadFile(axePath)
	if err != nil && os.Getenv("CARDEA_E2E_REQUIRED") == "1" {
		t.Fatal(err)
	}
	if err != nil {
		t.Skipf("axe-core is not there, which make e2e fetches: %v", err)
	}
	return string(source)
}

// finding is what axe-core says against a page.
type finding struct {
	ID     string   `json:"id"`
	Impact string   `json:"impact"` // minor, moderate, serious, critical
	Help   string   `json:"help"`
	Nodes  []string `json:"nodes"`
}

// judges returns what axe-core finds: WCAG 2.2 up to AA, and what its makers call
// good practice.
const judges = `axe.run(document, {resultTypes: ["violations"], runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]})
	.then(({violations}) => JSON.stringify(violations.map(({id, impact, help, nodes}) => ({id, impact, help, nodes: nodes.map((n) => n.html)}))))`

// findings of a page in one look.
func (g gallery) findings(page context.Context, l look) []finding {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(page, 2*stepTime)
	defer cancel()
	g.emulate(ctx, l)
	// By the debugger, which the page's security policy does not bind.
	_, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`document.documentElement.style.fontSize = ""; `+
		`if (!window.axe) {`+g.axe+`}; true`))
	if err != nil {
		g.t.Fatal(err)
	}
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](judges, chromedp.EvalAwaitPromise))
	if err != nil {
		g.t.Fatalf("axe-core: %v", err)
	}
	var found []finding
	if err := json.Unmarshal([]byte(text), &found); err != nil {
		g.t.Fatal(err)
	}
	return found
}

// judge fails the test when axe-core finds anything against the page, in either
// colour scheme.
func (g gallery) judge(page context.Context, name string) {
	g.t.Helper()
	for _, l := range looks[:2] {
		for _, f := range g.findings(page, l) {
			g.t.Errorf("%s, %s, %s: %s finding %s: %s\n\t%s", g.words.Language, name, l.name, f.Impact, f.ID, f.Help, strings.Join(f.Nodes, "\n\t"))
		}
	}
}
