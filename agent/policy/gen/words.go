package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/cardea-agent/cardea/agent/policy"
)

// notes are the sentences about a setting that its row's other columns make.
func notes(s policy.Setting, within bool) []string {
	var all []string
	if !within && (s.Type == policy.List || s.Type == policy.Records) {
		if s.Join {
			all = append(all, "The entries of all places count together.")
		} else {
			all = append(all, "The list of the first place that has one counts, and no other.")
		}
	}
	if s.Alone {
		all = append(all, "It is taken from a place that administrators alone can write to, and from no other.")
	}
	if s.NextStart {
		all = append(all, "A change counts when the agent starts again.")
	}
	if s.User {
		all = append(all, "A person may set it where no administrator did.")
	}
	return all
}

// value says in words what a setting's value is.
func value(s policy.Setting) string {
	switch s.Type {
	case policy.Switch:
		return "true or false"
	case policy.Number:
		return fmt.Sprintf("a number from %d to %d", s.Min, s.Max)
	case policy.Duration:
		return fmt.Sprintf("a time such as \"15m\", from %s to %s", short(s.Min), short(s.Max))
	case policy.Choice:
		return oneOf(s.Choices)
	case policy.List:
		if len(s.Choices) > 0 {
			return "a list of " + oneOf(s.Choices)
		}
		return "a list of texts"
	case policy.Records:
		return "a list of entries"
	}
	return "a text"
}

func oneOf(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

func short(nanoseconds int64) string {
	return strings.Trim(policy.FormatTOML(time.Duration(nanoseconds)), `"`)
}

// plain is a meaning where there is no markdown.
func plain(meaning string) string { return strings.ReplaceAll(meaning, "`", "") }

// wrapped breaks a text into lines of at most width characters.
func wrapped(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
