package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cardea-agent/cardea/agent/policy"
	"github.com/cardea-agent/cardea/agent/stricttoml"
)

const profileHead = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<!-- All settings of Cardea, each with what holds without it, or else with an
     example in a comment. Take out what you do not want to set, and give both
     payloads a PayloadUUID of your own. Written by go generate ./agent/policy. -->
<plist version="1.0">
<dict>
  <key>PayloadType</key><string>Configuration</string>
  <key>PayloadVersion</key><integer>1</integer>
  <key>PayloadScope</key><string>System</string>
  <key>PayloadIdentifier</key><string>%[1]s.profile</string>
  <key>PayloadUUID</key><string>5F0C1C52-6B5F-4B7C-9D0E-0C0B6D1C5A01</string>
  <key>PayloadDisplayName</key><string>Cardea</string>
  <key>PayloadContent</key>
  <array>
    <dict>
      <key>PayloadType</key><string>%[1]s</string>
      <key>PayloadVersion</key><integer>1</integer>
      <key>PayloadIdentifier</key><string>%[1]s.profile.settings</string>
      <key>PayloadUUID</key><string>5F0C1C52-6B5F-4B7C-9D0E-0C0B6D1C5A02</string>
      <key>PayloadDisplayName</key><string>Settings of Cardea</string>
`

const profileTail = `    </dict>
  </array>
</dict>
</plist>
`

// profile is a configuration profile. Settings of one table stand together, as
// a property list has no other way.
func profile(rows []policy.Setting) string {
	var b strings.Builder
	fmt.Fprintf(&b, profileHead, policy.ProfileID)
	var done []string
	for _, s := range rows {
		table, _, in := strings.Cut(s.Name, ".")
		switch {
		case !in:
			entry(&b, s, s.Name, "      ")
		case !slices.Contains(done, table):
			done = append(done, table)
			fmt.Fprintf(&b, "      <key>%s</key>\n      <dict>\n", table)
			for _, inner := range rows {
				if name, ok := strings.CutPrefix(inner.Name, table+"."); ok {
					entry(&b, inner, name, "        ")
				}
			}
			b.WriteString("      </dict>\n")
		}
	}
	b.WriteString(profileTail)
	return b.String()
}

func entry(b *strings.Builder, s policy.Setting, name, indent string) {
	text := strings.Join(append([]string{plain(s.Meaning)}, notes(s, false)...), " ") + " It is " + value(s) + "."
	for i, line := range wrapped(text, 76) {
		b.WriteString(indent)
		if i == 0 {
			b.WriteString("<!-- ")
		} else {
			b.WriteString("     ")
		}
		b.WriteString(strings.ReplaceAll(line, "--", "- -") + "\n") // two would end the comment
	}
	b.WriteString(indent + "-->\n")
	begin, end := "", ""
	if s.Default == "" {
		begin, end = "<!-- example: ", " -->"
	}
	fmt.Fprintf(b, "%s%s<key>%s</key>%s%s\n", indent, begin, name, plistValue(s), end)
}

// plistValue is what is shown of a setting, as a property list has it.
func plistValue(s policy.Setting) string {
	tree, _, err := stricttoml.Read([]byte("v = " + s.Shown()))
	if err != nil {
		panic(err) // the tests of package policy read it too
	}
	return plistOf(tree["v"])
}

func plistOf(v any) string {
	switch v := v.(type) {
	case bool:
		return fmt.Sprintf("<%t/>", v)
	case int64:
		return fmt.Sprintf("<integer>%d</integer>", v)
	case []any:
		text := "<array>"
		for _, item := range v {
			text += plistOf(item)
		}
		return text + "</array>"
	case map[string]any:
		text := "<dict>"
		for _, name := range slices.Sorted(maps.Keys(v)) {
			text += "<key>" + escape(name) + "</key>" + plistOf(v[name])
		}
		return text + "</dict>"
	}
	return "<string>" + escape(fmt.Sprint(v)) + "</string>"
}
