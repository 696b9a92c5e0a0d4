package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/cardea-agent/cardea/agent/protocol"
	"github.com/cardea-agent/cardea/agent/signin"
)

// method is one request and what it is answered with; nil is an empty object.
type method struct {
	name           string
	params, result any
}

var methods = []method{
	{protocol.MethodHello, protocol.HelloParams{}, protocol.HelloResult{}},
	{protocol.MethodWatch, nil, protocol.Snapshot{}},
	{protocol.MethodAuthenticate, protocol.AuthenticateParams{}, protocol.AuthenticateResult{}},
	{protocol.MethodAttach, protocol.AttachParams{}, protocol.AttachResult{}},
	{protocol.MethodResume, protocol.ResumeParams{}, protocol.ResumeResult{}},
	{protocol.MethodCancel, protocol.CancelParams{}, nil},
	{protocol.MethodEndSession, protocol.EndSessionParams{}, nil},
	{protocol.MethodGetSigningCertificate, protocol.GetSigningCertificateParams{}, protocol.GetSigningCertificateResult{}},
	{protocol.MethodSign, protocol.SignParams{}, protocol.SignResult{}},
}

// notification is one message without an answer.
type notification struct {
	name   string
	params any
}

var notifications = []notification{
	{protocol.NotifyStatus, protocol.Snapshot{}},
	{protocol.NotifyProgress, protocol.ProgressParams{}},
	{protocol.NotifySession, protocol.SessionParams{}},
}

// objects are the types that no method names by itself.
var objects = []any{protocol.Health{}, protocol.Error{}}

// model is what the messages look like.
type model struct {
	objects []object
	enums   []enum
}

type object struct {
	name   string
	fields []field
}

type field struct {
	name     string
	optional bool
	typ      typ
}

// typ is the type of a field. ref names an object or an enum.
type typ struct {
	kind     string // string, integer, boolean, array, map, id or ref
	ref      string
	elem     *typ // of an array
	nullable bool
}

type enum struct {
	name   string
	values []string
}

// readModel reads the types by reflection, and the values of their string types
// from the source below root.
func readModel(root string) (*model, error) {
	m := &model{}
	for _, method := range methods {
		m.add(method.params)
		m.add(method.result)
	}
	for _, n := range notifications {
		m.add(n.params)
	}
	for _, o := range objects {
		m.add(o)
	}
	for i := range m.enums {
		values, err := constants(filepath.Join(root, "agent/signin"), m.enums[i].name)
		if err != nil {
			return nil, err
		}
		m.enums[i].values = values
	}
	return m, nil
}

func (m *model) add(v any) {
	if v != nil {
		m.typeOf(reflect.TypeOf(v))
	}
}

func (m *model) typeOf(t reflect.Type) typ {
	switch {
	case t == reflect.TypeFor[protocol.ID]():
		return typ{kind: "id"}
	case t.Kind() == reflect.Pointer:
		return m.typeOf(t.Elem())
	case t.Kind() == reflect.Slice:
		elem := m.typeOf(t.Elem())
		return typ{kind: "array", elem: &elem}
	case t.Kind() == reflect.Struct:
		m.addObject(t)
		return typ{kind: "ref", ref: t.Name()}
	case t.Kind() == reflect.String && t.PkgPath() != "":
		if !slices.ContainsFunc(m.enums, func(e enum) bool { return e.name == t.Name() }) {
			m.enums = append(m.enums, enum{name: t.Name()})
		}
		return typ{kind: "ref", ref: t.Name()}
	case t.Kind() == reflect.String:
		return typ{kind: "string"}
	case t.Kind() == reflect.Bool:
		return typ{kind: "boolean"}
	case t.Kind() == reflect.Int, t.Kind() == reflect.Uint64:
		return typ{kind: "integer"}
	case t.Kind() == reflect.Map:
		return typ{kind: "map"}
	}
	panic("gen: messages have no fields of type " + t.String())
}

func (m *model) addObject(t reflect.Type) {
	if slices.ContainsFunc(m.objects, func(o object) bool { return o.name == t.Name() }) {
		return
	}
	at := len(m.objects)
	m.objects = append(m.objects, object{name: t.Name()})
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		typ := m.typeOf(f.Type)
		optional := strings.HasPrefix(options, "omit")
		typ.nullable = f.Type.Kind() == reflect.Pointer && !optional
		m.objects[at].fields = append(m.objects[at].fields, field{name, optional, typ})
	}
}

// constants returns the values of the string constants of a type in a package,
// in the order of the source. Empty ones stand for an absent field.
func constants(dir, typeName string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	var values []string
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			return nil, err
		}
		for n := range ast.Preorder(file) {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 {
				continue
			}
			ident, isIdent := spec.Type.(*ast.Ident)
			lit, isLit := spec.Values[0].(*ast.BasicLit)
			if !isIdent || !isLit || ident.Name != typeName {
				continue
			}
			value, err := strconv.Unquote(lit.Value)
			if err != nil {
				return nil, err
			}
			if value != "" {
				values = append(values, value)
			}
		}
	}
	if len(values) == 0 {
		return nil, fmt.Errorf("gen: %s has no constants of type %s", dir, typeName)
	}
	return values, nil
}

// codes returns all error codes in alphabetical order.
func codes() []signin.Code {
	all := make([]signin.Code, 0, len(protocol.Errors))
	for code := range protocol.Errors {
		all = append(all, code)
	}
	slices.Sort(all)
	return all
}
