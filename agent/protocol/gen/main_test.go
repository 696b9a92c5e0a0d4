package main

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

func rootAndModel(t *testing.T) (string, *model) {
	t.Helper()
	root, err := findRoot()
	if err != nil {
		t.Fatal(err)
	}
	m, err := readModel(root)
	if err != nil {
		t.Fatal(err)
	}
	return root, m
}

func TestGeneratedFilesAreCurrent(t *testing.T) {
	root, _ := rootAndModel(t)
	files, err := generate(root)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want {
			t.Errorf("%s is out of date: run go generate in agent/protocol", name)
		}
	}
}

func TestEveryMethodAndNotificationIsGenerated(t *testing.T) {
	source, err := os.ReadFile("../messages.go")
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(source), "\tMethod"); n != len(methods) {
		t.Errorf("%d methods in the source, %d here", n, len(methods))
	}
	if n := strings.Count(string(source), "\tNotify"); n != len(notifications) {
		t.Errorf("%d notifications in the source, %d here", n, len(notifications))
	}
}

// schema is the part of JSON Schema that asyncapi.yaml uses.
type schema struct {
	Type                 string
	Ref                  string `yaml:"$ref"`
	Const                string
	Enum                 []string
	Required             []string
	Properties           map[string]schema
	AdditionalProperties *bool `yaml:"additionalProperties"`
	Items                *schema
	OneOf                []schema `yaml:"oneOf"`
}

type message struct{ Payload schema }

type reference struct {
	Ref string `yaml:"$ref"`
}

type operation struct {
	Action   string
	Messages []reference
	Reply    struct{ Messages []reference }
}

type asyncAPI struct {
	AsyncAPI string `yaml:"asyncapi"`
	Channels map[string]struct{ Messages map[string]reference }

	Operations map[string]operation
	Components struct {
		Messages map[string]message
		Schemas  map[string]schema
	}
}

func readAsyncAPI(t *testing.T) asyncAPI {
	t.Helper()
	data, err := os.ReadFile("../asyncapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var doc asyncAPI
	if err := yaml.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	if doc.AsyncAPI != "3.1.0" {
		t.Fatalf("it is AsyncAPI %q", doc.AsyncAPI)
	}
	return doc
}

func schemaRef(name string) string { return "#/components/schemas/" + name }

func TestAsyncAPISaysTheSameAsTheTypes(t *testing.T) {
	_, m := rootAndModel(t)
	schemas := readAsyncAPI(t).Components.Schemas
	if want := len(m.objects) + len(m.enums) + 1; len(schemas) != want {
		t.Errorf("%d schemas, want %d: every type and ID", len(schemas), want)
	}
	for _, e := range m.enums {
		if got := schemas[e.name]; got.Type != "string" || !slices.Equal(got.Enum, e.values) {
			t.Errorf("%s: got %v, want %v", e.name, got.Enum, e.values)
		}
	}
	for _, o := range m.objects {
		got := schemas[o.name]
		if got.Type != "object" || got.AdditionalProperties == nil || *got.AdditionalProperties {
			t.Errorf("%s is not a closed object", o.name)
		}
		var required []string
		for _, f := range o.fields {
			if !f.optional {
				required = append(required, f.name)
			}
			p, ok := got.Properties[f.name]
			if !ok || !sameType(p, f.typ) {
				t.Errorf("%s.%s: got %+v, want %+v", o.name, f.name, p, f.typ)
			}
		}
		if !slices.Equal(got.Required, required) {
			t.Errorf("%s requires %v, want %v", o.name, got.Required, required)
		}
		if len(got.Properties) != len(o.fields) {
			t.Errorf("%s has %d properties, want %d", o.name, len(got.Properties), len(o.fields))
		}
	}
}

func sameType(s schema, want typ) bool {
	switch {
	case want.nullable:
		want.nullable = false
		return len(s.OneOf) == 2 && s.OneOf[1].Type == "null" && sameType(s.OneOf[0], want)
	case want.kind == "array":
		return s.Type == "array" && s.Items != nil && sameType(*s.Items, *want.elem)
	case want.kind == "ref":
		return s.Ref == schemaRef(want.ref)
	case want.kind == "id":
		return s.Ref == schemaRef("ID")
	case want.kind == "map":
		return s.Type == "object"
	}
	return s.Type == want.kind
}

func TestAsyncAPIHasEveryMessage(t *testing.T) {
	doc := readAsyncAPI(t)
	messages := doc.Components.Messages
	for _, m := range methods {
		request, response := messages[m.name+"Request"].Payload, messages[m.name+"Response"].Payload
		if request.Properties["method"].Const != m.name || !samePart(request.Properties["params"], m.params) {
			t.Errorf("%sRequest: %+v", m.name, request)
		}
		if !samePart(response.Properties["result"], m.result) {
			t.Errorf("%sResponse: %+v", m.name, response)
		}
		op := doc.Operations[m.name]
		want := []reference{{"#/channels/cardea/messages/" + m.name + "Response"}, {"#/channels/cardea/messages/failure"}}
		if op.Action != "receive" || !slices.Equal(op.Reply.Messages, want) {
			t.Errorf("operation %s: %+v", m.name, op)
		}
	}
	for _, n := range notifications {
		payload := messages[n.name].Payload
		if payload.Properties["method"].Const != n.name || !samePart(payload.Properties["params"], n.params) {
			t.Errorf("%s: %+v", n.name, payload)
		}
		if doc.Operations[n.name].Action != "send" {
			t.Errorf("operation %s: %+v", n.name, doc.Operations[n.name])
		}
	}
	if want := 2*len(methods) + len(notifications) + 1; len(messages) != want || len(doc.Channels["cardea"].Messages) != want {
		t.Errorf("%d messages, %d in the channel, want %d", len(messages), len(doc.Channels["cardea"].Messages), want)
	}
	if want := len(methods) + len(notifications); len(doc.Operations) != want {
		t.Errorf("%d operations, want %d", len(doc.Operations), want)
	}
}

// samePart compares a message's params or result with a Go value; nil is the
// closed empty object.
func samePart(s schema, v any) bool {
	if v == nil {
		return s.Type == "object" && s.AdditionalProperties != nil && !*s.AdditionalProperties && len(s.Properties) == 0
	}
	return s.Ref == schemaRef(reflect.TypeOf(v).Name())
}
