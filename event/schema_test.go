package event_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/bursarhq/bursar/event"
)

var update = flag.Bool("update", false, "rewrite the schemas")

// documents are the comments of the package's types, and of their members as
// "Type.Member".
func documents(t *testing.T) map[string]string {
	t.Helper()
	docs := map[string]string{}
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			decl, ok := n.(*ast.GenDecl)
			if !ok || decl.Tok != token.TYPE {
				return true
			}
			spec := decl.Specs[0].(*ast.TypeSpec)
			docs[spec.Name.Name] = said(decl.Doc.Text(), spec.Name.Name)
			if members, ok := spec.Type.(*ast.StructType); ok {
				for _, field := range members.Fields.List {
					for _, id := range field.Names {
						docs[spec.Name.Name+"."+id.Name] = said(field.Doc.Text(), id.Name)
					}
				}
			}
			return true
		})
	}
	return docs
}

// said is what a comment says of what it names.
func said(comment, name string) string {
	text := strings.Join(strings.Fields(comment), " ")
	for _, verb := range []string{" is ", " are "} {
		if rest, ok := strings.CutPrefix(text, name+verb); ok {
			text = rest
		}
	}
	text = strings.TrimPrefix(text, name+" ")
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// writer writes schemas, with the members in the order of the structs.
type writer struct {
	t    *testing.T
	docs map[string]string
	out  bytes.Buffer
}

func (w *writer) text(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		w.t.Fatal(err)
	}
	return strings.TrimSpace(b.String())
}

// object writes what a struct is as JSON. The envelope's type and data are those
// given.
func (w *writer) object(typ reflect.Type, data event.Data) {
	var properties, required []string
	for _, field := range reflect.VisibleFields(typ) {
		if field.Anonymous {
			continue
		}
		name, option, _ := strings.Cut(field.Tag.Get("json"), ",")
		if option == "" {
			required = append(required, w.text(name))
		}
		owner := typ
		if len(field.Index) > 1 {
			owner = typ.FieldByIndex(field.Index[:1]).Type
		}
		doc := w.docs[owner.Name()+"."+field.Name]
		if doc == "" {
			w.t.Errorf("%s.%s has no comment", owner.Name(), field.Name)
		}
		inner := &writer{t: w.t, docs: w.docs}
		inner.value(field, data, doc)
		properties = append(properties, w.text(name)+":"+inner.out.String())
	}
	fmt.Fprintf(&w.out, `"type":"object","required":[%s],"properties":{%s}`, strings.Join(required, ","), strings.Join(properties, ","))
}

func (w *writer) value(field reflect.StructField, data event.Data, doc string) {
	typ := field.Type
	if typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	fmt.Fprintf(&w.out, `{"description":%s,`, w.text(doc))
	switch {
	case typ == reflect.TypeFor[event.Type]():
		fmt.Fprintf(&w.out, `"const":%s}`, w.text(string(data.Type())))
	case typ == reflect.TypeFor[json.RawMessage]():
		w.object(reflect.TypeOf(data), nil)
		w.out.WriteString("}")
	case typ == reflect.TypeFor[event.Money]():
		w.out.WriteString(`"$ref":"#/$defs/money"}`)
	case typ == reflect.TypeFor[event.Time]():
		w.out.WriteString(`"$ref":"#/$defs/time"}`)
	case typ.Kind() == reflect.String:
		w.out.WriteString(`"type":"string"}`)
	case typ.Kind() == reflect.Bool:
		w.out.WriteString(`"type":"boolean"}`)
	case typ.Kind() == reflect.Int64 && field.Name == "Plan":
		w.out.WriteString(`"type":"integer"}`)
	case typ.Kind() == reflect.Int64:
		w.out.WriteString(`"type":"integer","minimum":0}`)
	default:
		w.t.Fatalf("no schema for %s", typ)
	}
}

// schemaOf returns the schema of the events that say what data says.
func schemaOf(t *testing.T, docs map[string]string, data event.Data) []byte {
	t.Helper()
	name := reflect.TypeOf(data).Name()
	if docs[name] == "" {
		t.Errorf("%s has no comment", name)
	}
	w := &writer{t: t, docs: docs}
	fmt.Fprintf(&w.out, `{"$schema":"https://json-schema.org/draft/2020-12/schema","$id":%s,"title":%s,"description":%s,`,
		w.text("urn:bursar:event:"+string(data.Type())), w.text(string(data.Type())), w.text(docs[name]))
	w.object(reflect.TypeFor[event.Event](), data)
	fmt.Fprintf(&w.out, `,"$defs":{"money":{"type":"object","required":["amount","currency"],"properties":{`+
		`"amount":{"description":%s,"type":"string","pattern":"^-?(0|[1-9][0-9]*)(\\.[0-9]{1,8})?$"},`+
		`"currency":{"description":%s,"type":"string","pattern":"^[A-Z]{3}$"}}},`+
		`"time":{"type":"string","format":"date-time","pattern":"Z$"}}}`, w.text(docs["Money.Amount"]), w.text(docs["Money.Currency"]))
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, w.out.Bytes(), "", "  "); err != nil {
		t.Fatal(err)
	}
	return append(pretty.Bytes(), '\n')
}

// The schemas are what the structs and their comments say.
func TestSchemas(t *testing.T) {
	docs := documents(t)
	known := map[string]bool{}
	for _, data := range event.Every() {
		name := string(data.Type()) + ".json"
		known[name] = true
		want := schemaOf(t, docs, data)
		if *update {
			if err := os.WriteFile(filepath.Join("schema", name), want, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		got, ok := event.Schema(data.Type())
		if d := cmp.Diff(string(want), string(got)); d != "" || !ok {
			t.Errorf("%s is old: run go generate ./event\n%s", name, d)
		}
	}
	if err := fs.WalkDir(os.DirFS("schema"), ".", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && !known[path] {
			t.Errorf("%s is of no type", path)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
	if _, ok := event.Schema("../doc"); ok {
		t.Error("there are other schemas")
	}
}

// shut makes a schema refuse members that it does not name.
func shut(schema any) {
	switch node := schema.(type) {
	case map[string]any:
		if _, ok := node["properties"]; ok {
			node["additionalProperties"] = false
		}
		for _, inner := range node {
			shut(inner)
		}
	case []any:
		for _, inner := range node {
			shut(inner)
		}
	}
}

// compile returns the schema of a type, shut.
func compile(t *testing.T, typ event.Type) *jsonschema.Schema {
	t.Helper()
	text, ok := event.Schema(typ)
	if !ok {
		t.Fatalf("%s has no schema", typ)
	}
	source, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	shut(source)
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.AssertFormat()
	if err := compiler.AddResource("schema.json", source); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

// fill sets each member of a struct, those that may be missing too.
func fill(v reflect.Value) {
	for i := range v.NumField() {
		switch f := v.Field(i); f.Interface().(type) {
		case event.Money:
			f.Set(reflect.ValueOf(event.Money{Amount: "-0.00000001", Currency: "USD"}))
		case event.Time:
			f.Set(reflect.ValueOf(event.At(time.Unix(1783510783, 123456000))))
		case string:
			f.SetString("text")
		case bool:
			f.SetBool(true)
		case int64:
			f.SetInt(7)
		case *int64:
			f.Set(reflect.ValueOf(new(int64)))
		case event.Subscribed:
			fill(f)
		default:
			panic("no value for " + f.Type().String())
		}
	}
}

// sample returns an event with everything in its data, or with nothing but what
// must be there.
func sample(t *testing.T, data event.Data, all bool) map[string]any {
	t.Helper()
	v := reflect.New(reflect.TypeOf(data)).Elem()
	fill(v)
	if !all {
		for _, field := range reflect.VisibleFields(v.Type()) {
			if strings.Contains(field.Tag.Get("json"), ",omit") {
				v.FieldByIndex(field.Index).SetZero()
			}
		}
	}
	inner, err := json.Marshal(v.Interface())
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(event.Event{
		ID: event.ID(1, "acme"), Type: data.Type(), Timestamp: event.At(time.Unix(1783510783, 0)), PortalID: "acme", Position: 9, Data: inner,
	})
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return document.(map[string]any)
}

func TestEventsKeepTheirSchema(t *testing.T) {
	for _, data := range event.Every() {
		t.Run(string(data.Type()), func(t *testing.T) {
			schema := compile(t, data.Type())
			for _, all := range []bool{true, false} {
				if err := schema.Validate(sample(t, data, all)); err != nil {
					t.Error(err)
				}
			}
			// What is required is, and what is known is checked.
			for name := range sample(t, data, false)["data"].(map[string]any) {
				spoiled := sample(t, data, false)
				delete(spoiled["data"].(map[string]any), name)
				if schema.Validate(spoiled) == nil {
					t.Errorf("%s may be missing", name)
				}
			}
			for name := range sample(t, data, true)["data"].(map[string]any) {
				spoiled := sample(t, data, true)
				spoiled["data"].(map[string]any)[name] = []any{}
				if schema.Validate(spoiled) == nil {
					t.Errorf("%s may be anything", name)
				}
			}
			other := sample(t, data, true)
			other["type"] = "other.type"
			if schema.Validate(other) == nil {
				t.Error("it may be of another type")
			}
		})
	}
}

// Data is flat: what it has are texts, numbers, truths, money and moments.
func TestMembersAreNamedAsElsewhere(t *testing.T) {
	for _, data := range event.Every() {
		for _, field := range reflect.VisibleFields(reflect.TypeOf(data)) {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if want := strings.ToLower(field.Name[:1]) + field.Name[1:]; !field.Anonymous && name != want {
				t.Errorf("%T.%s is called %q, want %q", data, field.Name, name, want)
			}
		}
	}
}
