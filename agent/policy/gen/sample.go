package main

import (
	"strings"

	"github.com/cardea-agent/cardea/agent/policy"
)

const sampleHead = `# All settings of Cardea, each with what holds without it, or else an example.
#
# Copy what you want to set into a file of your own, such as
# /etc/cardea/policy.d/hospital.toml, and take the # away that stands right before
# it. "cardea-agent policy check FILE" says whether it is good, and
# "cardea-agent policy show" what counts and who decided it.
#
# Written by go generate ./agent/policy.
`

// sample is a policy file in which everything is a comment: behind "# " what is
// to be read, and behind "#" alone what could be set.
func sample(rows []policy.Setting) string {
	var b strings.Builder
	b.WriteString(sampleHead)
	for _, s := range rows {
		if s.Type != policy.Records {
			comment(&b, s, false)
			b.WriteString("#" + s.Name + " = " + s.Shown() + "\n")
		}
	}
	// What follows a [[table]] would belong to it.
	for _, s := range rows {
		if s.Type != policy.Records {
			continue
		}
		comment(&b, s, false)
		b.WriteString("#[[" + s.Name + "]]\n")
		for _, f := range s.Fields {
			comment(&b, f, true)
			b.WriteString("#" + f.Name + " = " + f.Shown() + "\n")
		}
	}
	return b.String()
}

func comment(b *strings.Builder, s policy.Setting, within bool) {
	b.WriteByte('\n')
	text := plain(s.Meaning) + " " + strings.Join(notes(s, within), " ")
	if s.Type != policy.Records {
		text += " It is " + value(s) + "."
		if s.Default == "" {
			text += " This is an example:"
		}
	}
	for _, line := range wrapped(text, 76) {
		b.WriteString("# " + line + "\n")
	}
}
