package main

import (
	"fmt"
	"strings"

	"github.com/cardea-agent/cardea/agent/policy"
)

// What is between these in docs/admin.md is generated.
const (
	chapterBegin = "<!-- Written by go generate ./agent/policy, up to the end of the table. -->\n"
	chapterEnd   = "<!-- The end of the table. -->\n"
)

// chapter is the reference of all settings.
func chapter(rows []policy.Setting) string {
	var b strings.Builder
	b.WriteString("\n| setting | value | without it | what it means | for | since |\n|---|---|---|---|---|---|\n")
	for _, s := range rows {
		writeRow(&b, s, "", string(s.Scope))
		for _, f := range s.Fields {
			writeRow(&b, f, s.Name+".", string(s.Scope))
		}
	}
	b.WriteString("\n")
	return b.String()
}

func writeRow(b *strings.Builder, s policy.Setting, within, scope string) {
	without := "-"
	if s.Default != "" {
		without = "`" + s.Default + "`"
	}
	text := s.Meaning
	if more := notes(s, within != ""); len(more) > 0 {
		text += " " + strings.Join(more, " ")
	}
	if s.Default == "" && s.Type != policy.Records {
		text += " Example: `" + s.Example + "`."
	}
	cells := []string{"`" + within + s.Name + "`", value(s), without, text, scope, s.Since}
	for i := range cells {
		cells[i] = strings.ReplaceAll(cells[i], "|", `\|`)
	}
	fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | "))
}
