package manual

import (
	"fmt"
	"strings"
)

const origin = "# Written by go generate from the program's own table of commands.\n"

// Bash completes in bash, without help from other files.
func (p Program) Bash() string {
	function := "_" + strings.ReplaceAll(p.Name, "-", "_")
	var b strings.Builder
	fmt.Fprintf(&b, "# shellcheck shell=bash\n%s%s() {\n", origin, function)
	b.WriteString("  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n  COMPREPLY=()\n")
	if len(p.Commands) == 0 {
		bashFlags(&b, "  ", options(p.Flags), "")
	} else {
		fmt.Fprintf(&b, "  if [ \"$COMP_CWORD\" = 1 ]; then\n    mapfile -t COMPREPLY < <(compgen -W %q -- \"$word\")\n    return\n  fi\n", names(p.first()))
		b.WriteString("  case ${COMP_WORDS[1]} in\n")
		for _, c := range p.first() {
			fmt.Fprintf(&b, "    %s)\n", c.Name)
			if below := p.second(c.Name); len(below) > 0 {
				fmt.Fprintf(&b, "      if [ \"$COMP_CWORD\" = 2 ]; then\n        mapfile -t COMPREPLY < <(compgen -W %q -- \"$word\")\n        return\n      fi\n", names(below))
				b.WriteString("      case ${COMP_WORDS[2]} in\n")
				for _, s := range below {
					fmt.Fprintf(&b, "        %s)\n", s.Name)
					bashFlags(&b, "          ", options(s.Flags), arguments(s))
					b.WriteString("          ;;\n")
				}
				b.WriteString("      esac\n")
			} else {
				bashFlags(&b, "      ", options(c.Flags), arguments(c))
			}
			b.WriteString("      ;;\n")
		}
		b.WriteString("  esac\n")
	}
	fmt.Fprintf(&b, "}\ncomplete -F %s %s\n", function, p.Name)
	return b.String()
}

// filesOf stands for the files that a word may name.
const filesOf = "\x00files"

// arguments are the words that a command may be followed by.
func arguments(c Command) string {
	if strings.Contains(c.Args, "FILE") {
		return filesOf
	}
	return strings.Join(c.Words, " ")
}

// bashFlags completes flags, what they take, and arguments.
func bashFlags(b *strings.Builder, in string, all []option, arguments string) {
	var flags, files, values []string
	for _, o := range all {
		flags = append(flags, o.name)
		if o.takesFile() {
			files = append(files, o.name)
		} else if o.value != "" {
			values = append(values, o.name)
		}
	}
	if len(files)+len(values) > 0 {
		fmt.Fprintf(b, "%scase $before in\n", in)
		if len(files) > 0 {
			fmt.Fprintf(b, "%s  %s)\n%s    compopt -o filenames\n%s    mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n%s    return\n%s    ;;\n", in, strings.Join(files, " | "), in, in, in, in)
		}
		if len(values) > 0 {
			fmt.Fprintf(b, "%s  %s) return ;;\n", in, strings.Join(values, " | "))
		}
		fmt.Fprintf(b, "%sesac\n", in)
	}
	words := strings.Join(flags, " ")
	if arguments == filesOf {
		fmt.Fprintf(b, "%scompopt -o filenames\n%smapfile -t COMPREPLY < <(compgen -f -W %q -- \"$word\")\n", in, in, words)
		return
	}
	fmt.Fprintf(b, "%smapfile -t COMPREPLY < <(compgen -W %q -- \"$word\")\n", in, strings.TrimSpace(words+" "+arguments))
}

func names(all []Command) string {
	var words []string
	for _, c := range all {
		words = append(words, c.Name)
	}
	return strings.Join(words, " ")
}

// Fish completes in fish.
func (p Program) Fish() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%scomplete -c %s -f\n", origin, p.Name)
	fishFlags(&b, p.Name, "", options(p.Flags))
	for _, c := range p.first() {
		fmt.Fprintf(&b, "complete -c %s -n __fish_use_subcommand -a %s -d %s\n", p.Name, c.Name, quoted(c.About))
		seen := "__fish_seen_subcommand_from " + c.Name
		below := p.second(c.Name)
		if len(below) == 0 {
			fishCommand(&b, p.Name, seen, c)
		}
		for _, s := range below {
			fmt.Fprintf(&b, "complete -c %s -n '%s; and not __fish_seen_subcommand_from %s' -a %s -d %s\n", p.Name, seen, names(below), s.Name, quoted(s.About))
			fishCommand(&b, p.Name, seen+"; and __fish_seen_subcommand_from "+s.Name, s)
		}
	}
	return b.String()
}

func fishCommand(b *strings.Builder, program, when string, c Command) {
	fishFlags(b, program, when, options(c.Flags))
	switch words := arguments(c); words {
	case "":
	case filesOf:
		fmt.Fprintf(b, "complete -c %s -n '%s' -F\n", program, when)
	default:
		fmt.Fprintf(b, "complete -c %s -n '%s' -a '%s'\n", program, when, words)
	}
}

func fishFlags(b *strings.Builder, program, when string, all []option) {
	for _, o := range all {
		if when != "" {
			fmt.Fprintf(b, "complete -c %s -n '%s'", program, when)
		} else {
			fmt.Fprintf(b, "complete -c %s", program)
		}
		switch {
		case o.takesFile():
			b.WriteString(" -r -F")
		case o.value != "":
			b.WriteString(" -x")
		}
		fmt.Fprintf(b, " -l %s -d %s\n", strings.TrimPrefix(o.name, "--"), quoted(o.about))
	}
}

// quoted is a text in single quotes, as fish reads it.
func quoted(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(text) + "'"
}

// Zsh completes in zsh.
func (p Program) Zsh() string {
	var b strings.Builder
	fmt.Fprintf(&b, "#compdef %s\n%s\n", p.Name, origin)
	if len(p.Commands) == 0 {
		zshArguments(&b, "", Command{Flags: p.Flags})
		return b.String()
	}
	b.WriteString("local -a commands\n")
	zshWords(&b, "", 2, p.first())
	b.WriteString("case $words[2] in\n")
	for _, c := range p.first() {
		fmt.Fprintf(&b, "  %s)\n", c.Name)
		below := p.second(c.Name)
		if len(below) == 0 {
			b.WriteString("    shift words\n    (( CURRENT-- ))\n")
			zshArguments(&b, "    ", c)
		} else {
			zshWords(&b, "    ", 3, below)
			b.WriteString("    case $words[3] in\n")
			for _, s := range below {
				fmt.Fprintf(&b, "      %s)\n        shift 2 words\n        (( CURRENT -= 2 ))\n", s.Name)
				zshArguments(&b, "        ", s)
				b.WriteString("        ;;\n")
			}
			b.WriteString("    esac\n")
		}
		b.WriteString("    ;;\n")
	}
	b.WriteString("esac\n")
	return b.String()
}

// zshWords offers commands where one is awaited.
func zshWords(b *strings.Builder, in string, place int, all []Command) {
	fmt.Fprintf(b, "%sif (( CURRENT == %d )); then\n%s  commands=(\n", in, place, in)
	for _, c := range all {
		fmt.Fprintf(b, "%s    %s\n", in, shell(c.Name+":"+c.About))
	}
	fmt.Fprintf(b, "%s  )\n%s  _describe command commands\n%s  return\n%sfi\n", in, in, in, in)
}

func zshArguments(b *strings.Builder, in string, c Command) {
	b.WriteString(in + "_arguments")
	for _, o := range options(c.Flags) {
		about := "[" + strings.NewReplacer("[", `\[`, "]", `\]`).Replace(o.about) + "]"
		switch {
		case o.takesFile():
			fmt.Fprintf(b, " \\\n%s  %s", in, shell(o.name+"="+about+":"+o.value+":_files"))
		case o.value != "":
			fmt.Fprintf(b, " \\\n%s  %s", in, shell(o.name+"="+about+":"+o.value+": "))
		default:
			fmt.Fprintf(b, " \\\n%s  %s", in, shell(o.name+about))
		}
	}
	switch words := arguments(c); words {
	case "":
	case filesOf:
		fmt.Fprintf(b, " \\\n%s  %s", in, shell("*:file:_files"))
	default:
		fmt.Fprintf(b, " \\\n%s  %s", in, shell("*:word:("+words+")"))
	}
	b.WriteString("\n")
}

// shell is a text in single quotes, as other shells read it.
func shell(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
