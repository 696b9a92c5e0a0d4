package protocol

import (
	"bytes"
	"reflect"
	"slices"
	"strings"

	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// The problems that an invalidRequest names beside the field.
const (
	ProblemSyntax    = "syntax"    // the message is not JSON
	ProblemBatch     = "batch"     // the message is an array
	ProblemNotObject = "notObject" // the message or its params is not an object
	ProblemUnknown   = "unknown"   // no such field; names are case-sensitive
	ProblemMissing   = "missing"   // a required field is absent
	ProblemDuplicate = "duplicate" // a field is there twice
	ProblemWrongType = "wrongType" // a field has another JSON type, or is null
	ProblemBadValue  = "badValue"  // a field's value is out of its range or form
	ProblemOrder     = "order"     // hello is not the first request, or not the only hello
)

// JSON-RPC's own numbers, specification section 5.1.
const (
	numberParse          = -32700
	numberInvalidRequest = -32600
	numberUnknownMethod  = -32601
	numberInvalidParams  = -32602
	numberInternal       = -32603
	numberAgent          = -32000 // all others; programs read data.code
)

// Invalid is the invalidRequest for one field ("" for the whole message) and
// one of the Problem constants.
func Invalid(field, problem string) *Error {
	params := map[string]any{"problem": problem}
	if field != "" {
		params["field"] = shorten(field)
	}
	return NewError(signin.CodeInvalidRequest, params)
}

// ParseRequest decodes one message of a page. Next to an error, the request
// holds the id if it could be read, for the answer; else its ID is empty.
func ParseRequest(data []byte) (Request, *Error) {
	var req Request
	err := decodeObject(data, reflect.ValueOf(&req).Elem())
	if err == nil {
		err = checkRequest(req)
	}
	if err != nil {
		err.Code = numberInvalidRequest
		if err.Data.Params["problem"] == ProblemSyntax {
			err.Code = numberParse
		}
		return Request{ID: req.ID}, err
	}
	return req, nil
}

func checkRequest(req Request) *Error {
	switch {
	case req.JSONRPC != "2.0":
		return Invalid("jsonrpc", ProblemBadValue)
	case req.Params.Kind() != '{':
		return Invalid("params", ProblemWrongType)
	}
	return nil
}

// Checker is implemented by params that have values to check. Check returns
// the name of the first field whose value is wrong, "" for none.
type Checker interface{ Check() string }

// DecodeParams decodes the params of a request into a struct. Every field
// without omitzero or omitempty is required; one with it must not be there with
// its zero value. A T that is a Checker is checked.
func DecodeParams[T any](params jsontext.Value) (T, *Error) {
	var t, zero T
	if err := decodeObject(params, reflect.ValueOf(&t).Elem()); err != nil {
		return zero, err
	}
	if c, ok := any(t).(Checker); ok {
		if field := c.Check(); field != "" {
			return zero, Invalid(field, ProblemBadValue)
		}
	}
	return t, nil
}

// Encode writes a message. Equal messages give equal bytes.
func Encode(message any) ([]byte, error) {
	return json.Marshal(message, json.Deterministic(true))
}

// decodeObject fills the struct into from the object data. It fills every
// field that it can before it reports the first problem, in the order of the
// message, missing fields last.
func decodeObject(data []byte, into reflect.Value) *Error {
	members, problem := readMembers(data)
	if problem != "" {
		return Invalid("", problem)
	}
	var first *Error
	report := func(field, problem string) {
		if first == nil {
			first = Invalid(field, problem)
		}
	}
	fields := fieldsOf(into.Type())
	seen := make(map[string]bool, len(members))
	for _, m := range members {
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == m.name })
		switch {
		case i < 0:
			report(m.name, ProblemUnknown)
		case seen[m.name]:
			into.Field(i).SetZero() // neither of the two can be trusted
			report(m.name, ProblemDuplicate)
		case !decodeValue(m.value, into.Field(i)):
			report(m.name, ProblemWrongType)
		case fields[i].optional && into.Field(i).IsZero():
			report(m.name, ProblemBadValue) // else it could not be told from an absent one
		}
		seen[m.name] = true
	}
	for _, f := range fields {
		if !f.optional && !seen[f.name] {
			report(f.name, ProblemMissing)
		}
	}
	return first
}

type field struct {
	name     string
	optional bool
}

func fieldsOf(t reflect.Type) []field {
	fields := make([]field, t.NumField())
	for i := range fields {
		name, options, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		fields[i] = field{name, strings.HasPrefix(options, "omit")}
	}
	return fields
}

type member struct {
	name  string
	value jsontext.Value
}

// readMembers reads the members of the one object that data is, duplicates
// included.
func readMembers(data []byte) ([]member, string) {
	// One syntax check for all, so that the walk below cannot fail.
	object := jsontext.Value(bytes.Trim(data, " \t\r\n"))
	if !object.IsValid(jsontext.AllowDuplicateNames(true)) {
		return nil, ProblemSyntax
	}
	switch object.Kind() {
	case '{':
	case '[':
		return nil, ProblemBatch
	default:
		return nil, ProblemNotObject
	}
	dec := jsontext.NewDecoder(bytes.NewReader(object), jsontext.AllowDuplicateNames(true))
	if _, err := dec.ReadToken(); err != nil {
		return nil, ProblemSyntax
	}
	var members []member
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return nil, ProblemSyntax
		}
		m := member{name: name.String()}
		value, err := dec.ReadValue()
		if err != nil {
			return nil, ProblemSyntax
		}
		m.value = value.Clone()
		members = append(members, m)
	}
	return members, ""
}

// decodeValue fills one field. null is no value of any field, and raw JSON is
// left for a later look.
func decodeValue(value jsontext.Value, into reflect.Value) bool {
	if raw, ok := into.Addr().Interface().(*jsontext.Value); ok {
		*raw = value
		return true
	}
	return value.Kind() != 'n' &&
		json.Unmarshal(value, into.Addr().Interface(), json.RejectUnknownMembers(true)) == nil
}

const maxEcho = 64 // bytes of a page's own field name in an error

func shorten(s string) string {
	if len(s) <= maxEcho {
		return s
	}
	return strings.ToValidUTF8(s[:maxEcho], "") + "…"
}
