package policy

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// FormatTOML writes a setting's value as a TOML text has it.
func FormatTOML(v any) string {
	switch v := v.(type) {
	case string:
		return quote(v)
	case bool:
		return strconv.FormatBool(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case time.Duration:
		return quote(short(v))
	case []string:
		var all []string
		for _, s := range v {
			all = append(all, quote(s))
		}
		return "[" + strings.Join(all, ", ") + "]"
	case []Record:
		var all []string
		for _, r := range v {
			all = append(all, formatRecord(r))
		}
		return "[" + strings.Join(all, ", ") + "]"
	}
	return ""
}

func formatRecord(r Record) string {
	var fields []string
	for _, name := range slices.Sorted(maps.Keys(r.Fields)) {
		fields = append(fields, name+" = "+FormatTOML(r.Fields[name]))
	}
	return "{" + strings.Join(fields, ", ") + "}"
}

// quote writes a basic string of TOML.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
