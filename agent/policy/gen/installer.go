package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cardea-agent/cardea/agent/policy"
)

// The part of the Windows installer that is about settings, for wixl. Each
// setting has a public property, whose text goes to the registry as it is.

// ownKey is where the installer keeps its own properties, which no agent reads.
const ownKey = `SOFTWARE\Cardea\Installer`

var own = []policy.Setting{
	{
		Name: "browserPolicy", Property: "BROWSERPOLICY", Type: policy.Switch, Default: "false",
		Meaning: "Whether browsers are told by policy that the sites may reach this computer, as `cardea-agent browser-policy --apply` does. The removal takes it back.",
	},
	{
		Name: "keepLogs", Property: "KEEPLOGS", Type: policy.Switch, Default: "false",
		Meaning: "Whether a removal leaves people's logs and audit logs.",
	},
}

// keyOf is where the text of a property is kept.
func keyOf(s policy.Setting) string {
	if s.Since == "" {
		return ownKey
	}
	return policy.InstalledPath
}

// properties are the rows in the order of the properties' table.
func properties(rows []policy.Setting) []policy.Setting { return slices.Concat(rows, own) }

const wxiHead = `<?xml version="1.0" encoding="utf-8"?>
<!-- Written by go generate ./agent/policy. -->
<Include>
`

func wxi(rows []policy.Setting) string {
	var b strings.Builder
	b.WriteString(wxiHead)
	b.WriteString("  <!-- An upgrade, a repair and a removal go by what was told before, unless they are told otherwise. -->\n")
	for _, s := range rows {
		fmt.Fprintf(&b, "  <Property Id=\"%s_KEPT\">\n", s.Property)
		fmt.Fprintf(&b, "    <RegistrySearch Id=\"Search_%s\" Root=\"HKLM\" Key=\"%s\" Name=\"%s\" Type=\"raw\"/>\n  </Property>\n", s.Property, keyOf(s), s.Name)
		fmt.Fprintf(&b, "  <CustomAction Id=\"Keep_%s\" Property=\"%[1]s\" Value=\"[%[1]s_KEPT]\"/>\n", s.Property)
	}
	for _, s := range rows {
		if c := launchCondition(s); c != "" {
			fmt.Fprintf(&b, "  <Condition Message=\"%s must be %s.\">%s</Condition>\n", s.Property, escape(propertyValue(s)), escape(c))
		}
	}
	b.WriteString("  <DirectoryRef Id=\"INSTALLFOLDER\">\n    <Component Id=\"Settings\" Guid=\"{6E0F7C0B-4D0F-4A6B-9A55-7C1B1C1B7E21}\" Win64=\"yes\">\n")
	for i, s := range rows {
		key := ""
		if i == 0 {
			key = " KeyPath=\"yes\""
		}
		fmt.Fprintf(&b, "      <RegistryValue Root=\"HKLM\" Key=\"%s\" Name=\"%s\" Type=\"string\" Value=\"[%s]\"%s/>\n", keyOf(s), s.Name, s.Property, key)
	}
	b.WriteString("    </Component>\n  </DirectoryRef>\n")
	for _, sequence := range []string{"InstallUISequence", "InstallExecuteSequence"} {
		fmt.Fprintf(&b, "  <%s>\n", sequence)
		for i, s := range rows { // behind AppSearch, which is 50, and before LaunchConditions, which is 100
			fmt.Fprintf(&b, "    <Custom Action=\"Keep_%s\" Sequence=\"%d\">%[1]s_KEPT AND NOT %[1]s</Custom>\n", s.Property, 51+i)
		}
		fmt.Fprintf(&b, "  </%s>\n", sequence)
	}
	b.WriteString("</Include>\n")
	return b.String()
}

// launchCondition refuses what is no value of the setting, where the installer's
// conditions can tell.
func launchCondition(s policy.Setting) string {
	given := "NOT " + s.Property
	is := func(value string) string { return fmt.Sprintf(" OR %s=\"%s\"", s.Property, value) }
	switch s.Type {
	case policy.Switch:
		return given + is("1") + is("0")
	case policy.Choice:
		for _, c := range s.Choices {
			given += is(c)
		}
		return given
	case policy.Number:
		return fmt.Sprintf("%s OR (%s>=%d AND %[2]s<=%[4]d)", given, s.Property, s.Min, s.Max)
	}
	return ""
}

// propertyValue says in words what a property's text is.
func propertyValue(s policy.Setting) string {
	switch s.Type {
	case policy.Switch:
		return "1 or 0"
	case policy.List:
		text := "texts"
		if len(s.Choices) > 0 {
			text = "some of " + strings.Join(s.Choices, ", ")
		}
		if s.MayBeEmpty {
			text += ", or none"
		}
		return text + ", with semicolons between them"
	case policy.Records:
		return "entries with semicolons between them"
	}
	return strings.ReplaceAll(value(s), `"`, "")
}

// What is between these in docs/admin.md is generated.
const (
	propertiesBegin = "<!-- Written by go generate ./agent/policy, up to the end of the properties. -->\n"
	propertiesEnd   = "<!-- The end of the properties. -->\n"
)

// propertyChapter is the reference of the installer's properties.
func propertyChapter(rows []policy.Setting) string {
	var b strings.Builder
	b.WriteString("\n| property | value | sets |\n|---|---|---|\n")
	for _, s := range rows {
		sets := "`" + s.Name + "`"
		if s.Since == "" {
			sets = s.Meaning + " Without it " + map[string]string{"true": "1", "false": "0"}[s.Default] + " holds."
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", s.Property, propertyValue(s), sets)
	}
	b.WriteString("\n")
	return b.String()
}
