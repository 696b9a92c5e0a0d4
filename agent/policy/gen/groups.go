package main

import (
	"encoding/xml"
	"fmt"
	"strings"

	"github.com/cardea-agent/cardea/agent/policy"
)

// The templates for group policy are as the ADMX schema reference of Windows
// describes them. A setting is a policy; its tables are keys of the registry.

// id is a setting's name as the schema allows one.
func id(s policy.Setting) string { return strings.ReplaceAll(s.Name, ".", "_") }

func supported(since string) string { return "SUPPORTED_" + strings.ReplaceAll(since, ".", "_") }

// keyAndValue are where a setting is in the registry.
func keyAndValue(s policy.Setting) (key, value string) {
	parts := strings.Split(s.Name, ".")
	last := len(parts) - 1
	return strings.Join(append([]string{policy.RegistryPath}, parts[:last]...), `\`), parts[last]
}

func class(s policy.Setting) string {
	if s.Scope == policy.Person {
		return "Both"
	}
	return "Machine"
}

// escape makes a text fit between tags and in attributes.
func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder takes all
	return strings.ReplaceAll(b.String(), "&#xA;", "\n")
}

// versions are those that had a setting first, in the order of the table.
func versions(rows []policy.Setting) []string {
	var all []string
	seen := map[string]bool{}
	for _, s := range rows {
		if !seen[s.Since] {
			seen[s.Since] = true
			all = append(all, s.Since)
		}
	}
	return all
}

const admxHead = `<?xml version="1.0" encoding="utf-8"?>
<!-- Written by go generate ./agent/policy. -->
<policyDefinitions xmlns="http://schemas.microsoft.com/GroupPolicy/2006/07/PolicyDefinitions" revision="1.0" schemaVersion="1.0">
  <policyNamespaces>
    <target prefix="cardea" namespace="Cardea.Policies.Cardea"/>
  </policyNamespaces>
  <resources minRequiredRevision="1.0"/>
`

func admx(rows []policy.Setting) string {
	var b strings.Builder
	b.WriteString(admxHead)
	b.WriteString("  <supportedOn>\n    <definitions>\n")
	for _, v := range versions(rows) {
		fmt.Fprintf(&b, "      <definition name=\"%s\" displayName=\"$(string.%[1]s)\"/>\n", supported(v))
	}
	b.WriteString("    </definitions>\n  </supportedOn>\n  <categories>\n    <category name=\"Cardea\" displayName=\"$(string.Cardea)\"/>\n  </categories>\n  <policies>\n")
	for _, s := range rows {
		key, value := keyAndValue(s)
		fmt.Fprintf(&b, "    <policy name=\"%s\" class=\"%s\" displayName=\"$(string.%[1]s)\" explainText=\"$(string.%[1]s_Explain)\"", id(s), class(s))
		fmt.Fprintf(&b, " key=\"%s\"", escape(key))
		if s.Type == policy.Switch {
			fmt.Fprintf(&b, " valueName=\"%s\">\n", value)
		} else {
			fmt.Fprintf(&b, " presentation=\"$(presentation.%s)\">\n", id(s))
		}
		fmt.Fprintf(&b, "      <parentCategory ref=\"Cardea\"/>\n      <supportedOn ref=\"%s\"/>\n", supported(s.Since))
		writeElement(&b, s, value)
		b.WriteString("    </policy>\n")
	}
	b.WriteString("  </policies>\n</policyDefinitions>\n")
	return b.String()
}

// writeElement says how a setting's value is written to the registry.
func writeElement(b *strings.Builder, s policy.Setting, value string) {
	if s.Type == policy.Switch {
		b.WriteString("      <enabledValue><decimal value=\"1\"/></enabledValue>\n      <disabledValue><decimal value=\"0\"/></disabledValue>\n")
		return
	}
	b.WriteString("      <elements>\n")
	switch s.Type {
	case policy.Choice:
		fmt.Fprintf(b, "        <enum id=\"%s\" valueName=\"%s\" required=\"true\">\n", id(s), value)
		for _, c := range s.Choices {
			fmt.Fprintf(b, "          <item displayName=\"$(string.%s_%s)\"><value><string>%s</string></value></item>\n", id(s), c, escape(c))
		}
		b.WriteString("        </enum>\n")
	case policy.Number:
		fmt.Fprintf(b, "        <decimal id=\"%s\" valueName=\"%s\" required=\"true\" minValue=\"%d\" maxValue=\"%d\"/>\n", id(s), value, s.Min, s.Max)
	case policy.List:
		fmt.Fprintf(b, "        <multiText id=\"%s\" valueName=\"%s\" required=\"%t\"/>\n", id(s), value, !s.MayBeEmpty)
	case policy.Records:
		key, _ := keyAndValue(s)
		fmt.Fprintf(b, "        <list id=\"%s\" key=\"%s\" explicitValue=\"true\"/>\n", id(s), escape(key+`\`+value))
	default:
		fmt.Fprintf(b, "        <text id=\"%s\" valueName=\"%s\" required=\"true\" maxLength=\"1023\"/>\n", id(s), value)
	}
	b.WriteString("      </elements>\n")
}

const admlHead = `<?xml version="1.0" encoding="utf-8"?>
<!-- Written by go generate ./agent/policy. -->
<policyDefinitionResources xmlns="http://schemas.microsoft.com/GroupPolicy/2006/07/PolicyDefinitions" revision="1.0" schemaVersion="1.0">
  <displayName>Cardea</displayName>
  <description>Signs people in to web pages with the smartcard in their reader.</description>
  <resources>
    <stringTable>
      <string id="Cardea">Cardea</string>
`

func adml(rows []policy.Setting) string {
	var b strings.Builder
	b.WriteString(admlHead)
	text := func(id, text string) { fmt.Fprintf(&b, "      <string id=\"%s\">%s</string>\n", id, escape(text)) }
	for _, v := range versions(rows) {
		text(supported(v), "Cardea "+v+" and later")
	}
	for _, s := range rows {
		text(id(s), s.Title)
		text(id(s)+"_Explain", explain(s))
		if s.Type == policy.Choice {
			for _, c := range s.Choices {
				text(id(s)+"_"+c, c)
			}
		}
	}
	b.WriteString("    </stringTable>\n    <presentationTable>\n")
	for _, s := range rows {
		if s.Type != policy.Switch {
			presentation(&b, s)
		}
	}
	b.WriteString("    </presentationTable>\n  </resources>\n</policyDefinitionResources>\n")
	return b.String()
}

// explain is what the editor shows beside a setting.
func explain(s policy.Setting) string {
	paragraphs := []string{strings.Join(append([]string{plain(s.Meaning)}, notes(s, false)...), " ")}
	if s.Type == policy.Records {
		text := fmt.Sprintf("In each line, the value's name is %s, and the value has the other fields as in", s.Fields[0].Name)
		text += " " + policy.RecordHint(s) + ", or nothing. The fields are:"
		for _, f := range s.Fields {
			text += fmt.Sprintf("\n%s: %s. %s", f.Name, value(f), plain(f.Meaning))
		}
		paragraphs = append(paragraphs, text)
	} else {
		paragraphs = append(paragraphs, "The value is "+value(s)+".")
	}
	if s.Default != "" {
		paragraphs = append(paragraphs, "Where it is not configured, "+s.Default+" holds unless the computer's own file says otherwise.")
	}
	return strings.Join(append(paragraphs, "In files and messages it is called "+s.Name+"."), "\n\n")
}

// presentation is the control in the editor.
func presentation(b *strings.Builder, s policy.Setting) {
	fmt.Fprintf(b, "      <presentation id=\"%s\">\n", id(s))
	label := escape(s.Title)
	preset := strings.Trim(s.Default, `"`)
	switch s.Type {
	case policy.Choice:
		preset := defaultItem(s)
		fmt.Fprintf(b, "        <dropdownList refId=\"%s\" noSort=\"true\"%s>%s</dropdownList>\n", id(s), preset, label)
	case policy.Number:
		fmt.Fprintf(b, "        <decimalTextBox refId=\"%s\" defaultValue=\"%s\">%s</decimalTextBox>\n", id(s), preset, label)
	case policy.List:
		fmt.Fprintf(b, "        <multiTextBox refId=\"%s\">%s</multiTextBox>\n", id(s), label)
	case policy.Records:
		fmt.Fprintf(b, "        <listBox refId=\"%s\">%s</listBox>\n", id(s), label)
	default:
		fmt.Fprintf(b, "        <textBox refId=\"%s\"><label>%s</label><defaultValue>%s</defaultValue></textBox>\n", id(s), label, escape(preset))
	}
	b.WriteString("      </presentation>\n")
}

func defaultItem(s policy.Setting) string {
	for i, c := range s.Choices {
		if `"`+c+`"` == s.Default {
			return fmt.Sprintf(" defaultItem=\"%d\"", i)
		}
	}
	return ""
}
