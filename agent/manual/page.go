package manual

import (
	"fmt"
	"strings"
)

// Page is the manual page, in the man macros.
func (p Program) Page() string {
	var b strings.Builder
	fmt.Fprintf(&b, ".\\\" Written by go generate from the program's own table of commands.\n")
	fmt.Fprintf(&b, ".TH %s %d \"\" Cardea\n", strings.ToUpper(p.Name), p.Section)
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n.SH SYNOPSIS\n", roff(p.Name), roff(p.About))
	if len(p.Commands) == 0 {
		b.WriteString(synopsis(p.Name, "", p.Flags != nil))
	}
	for i, c := range p.Commands {
		if i > 0 {
			b.WriteString(".br\n")
		}
		b.WriteString(synopsis(p.Name+" "+c.Name, c.Args, len(options(c.Flags)) > 0))
	}
	b.WriteString(".SH DESCRIPTION\n")
	for i, text := range p.Text {
		if i > 0 {
			b.WriteString(".PP\n")
		}
		b.WriteString(lines(text) + "\n")
	}
	if len(p.Commands) > 0 {
		b.WriteString(".SH COMMANDS\n")
	}
	for _, c := range p.Commands {
		fmt.Fprintf(&b, ".SS %s\n%s\n", roff(strings.TrimSpace(c.Name+" "+positional(c.Args))), lines(sentence(c.About)))
		describe(&b, options(c.Flags))
	}
	if p.Flags != nil {
		b.WriteString(".SH OPTIONS\n")
		describe(&b, options(p.Flags))
	}
	for _, n := range p.Notes {
		fmt.Fprintf(&b, ".SH %s\n", strings.ToUpper(roff(n.Heading)))
		for _, row := range n.Rows {
			fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(row[0]), lines(row[1]))
		}
	}
	if len(p.See) > 0 {
		b.WriteString(".SH SEE ALSO\n")
		for i, name := range p.See {
			page, section, _ := strings.Cut(name, "(")
			end := ","
			if i == len(p.See)-1 {
				end = ""
			}
			fmt.Fprintf(&b, ".BR %s (%s%s\n", roff(page), section, end)
		}
	}
	return b.String()
}

// synopsis is one line of it. Which flags there are is said further down.
func synopsis(words, args string, flags bool) string {
	line := ".B " + roff(words) + "\n"
	if flags {
		line += "[\\fIflags\\fR]\n"
	}
	if rest := positional(args); rest != "" {
		line += "\\fI" + roff(rest) + "\\fR\n"
	}
	return line
}

// positional are the arguments that are no flags.
func positional(args string) string {
	if strings.Contains(args, "--") || args == "[flags]" {
		return ""
	}
	return args
}

func describe(b *strings.Builder, all []option) {
	for _, o := range all {
		value := ""
		if o.value != "" {
			value = " \\fI" + roff(o.value) + "\\fR"
		}
		fmt.Fprintf(b, ".TP\n\\fB%s\\fR%s\n%s\n", roff(o.name), value, lines(sentence(o.about)))
	}
}

// sentence begins with a capital letter and ends with a full stop.
func sentence(text string) string { return strings.ToUpper(text[:1]) + text[1:] + "." }

// width is how long a line of a page may be, in bytes.
const width = 80

// lines is a text in lines of a page's width.
func lines(text string) string {
	var all []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		word = roff(word) // also where it begins a line
		if line != "" && len(line)+1+len(word) > width {
			all, line = append(all, line), ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	return strings.Join(append(all, line), "\n")
}

// roff writes a text so that none of it is taken for a request.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		text = `\&` + text
	}
	return text
}
