package cli_test

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/bursarhq/bursar/cli"
)

// shut forbids members that a schema does not name. As published it lets them
// pass, for the sake of later ones; here, what is written must be in it.
func shut(schema any) {
	switch schema := schema.(type) {
	case map[string]any:
		if _, object := schema["properties"]; object {
			schema["additionalProperties"] = false
		}
		for _, inner := range schema {
			shut(inner)
		}
	case []any:
		for _, inner := range schema {
			shut(inner)
		}
	}
}

// schema is what "bursar report --schema" prints, shut and compiled.
func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	printed, _, err := runCLI(t, nil, "report", "--schema")
	if err != nil {
		t.Fatal(err)
	}
	source, err := jsonschema.UnmarshalJSON(strings.NewReader(printed))
	if err != nil {
		t.Fatal(err)
	}
	shut(source)
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.AssertFormat()
	if err := compiler.AddResource("report.schema.json", source); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile("report.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

// runCLI runs a command that needs no server, in an empty world.
func runCLI(t *testing.T, environment map[string]string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errs bytes.Buffer
	root := cli.New(cli.Env{
		Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs,
		Getenv: func(name string) string { return environment[name] },
		Now:    func() time.Time { return noon }, Version: "test",
	})
	root.SetArgs(args)
	root.SilenceErrors, root.SilenceUsage = true, true
	err = root.ExecuteContext(t.Context())
	return out.String(), errs.String(), err
}

func TestReportsKeepTheSchema(t *testing.T) {
	s := schema(t)
	for name, report := range reports {
		asJSON := written(t, report(t), "json")
		fromYAML, err := yaml.YAMLToJSON([]byte(written(t, report(t), "yaml")))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for format, text := range map[string]string{"json": asJSON, "yaml": string(fromYAML)} {
			document, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
			if err == nil {
				err = s.Validate(document)
			}
			if err != nil {
				t.Errorf("%s in %s: %v", name, format, err)
			}
		}
	}
}

func TestSchemaIsTheOneThatDocumentsName(t *testing.T) {
	printed, _, err := runCLI(t, nil, "report", "--schema")
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile("report.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	if printed != string(file) {
		t.Error("--schema does not print report.schema.json")
	}
	var described struct {
		ID    string `json:"$id"`
		Draft string `json:"$schema"`
	}
	if err := json.Unmarshal(file, &described); err != nil {
		t.Fatal(err)
	}
	if described.Draft != "https://json-schema.org/draft/2020-12/schema" {
		t.Errorf("the schema is of draft %s", described.Draft)
	}
	if document := written(t, sampleReport(t), "json"); !strings.Contains(document, `"schema": "`+described.ID+`"`) {
		t.Errorf("documents do not name %s", described.ID)
	}
}

func TestSchemaRefusesWhatIsSpoiled(t *testing.T) {
	s := schema(t)
	sample := written(t, sampleReport(t), "json")
	failed := written(t, failedPartsReport(t), "json")
	for _, c := range []struct{ name, document, from, to string }{
		{"an amount that is a number", sample, `"amount": "148.50"`, `"amount": 148.50`},
		{"an amount with nine decimal places", sample, `"148.50"`, `"148.500000001"`},
		{"an amount in words", sample, `"148.50"`, `"much"`},
		{"an amount with commas", sample, `"148.50"`, `"1,148.50"`},
		{"an amount with an exponent", sample, `"148.50"`, `"1e3"`},
		{"no currency", sample, `"amount": "148.50",` + "\n        " + `"currency": "USD"`, `"amount": "148.50"`},
		{"a price that is a number", sample, `"amount": "200.00"`, `"amount": 200`},
		{"another schema", sample, "report/v1", "report/v9"},
		{"no portal", sample, `"portal": "https://portal.example.com",`, ""},
		{"a portal that is no address", sample, `"portal": "https://portal.example.com"`, `"portal": "not an address"`},
		{"a date without a time", sample, `"retrievedAt": "2026-10-01T12:00:00Z"`, `"retrievedAt": "2026-10-01"`},
		{"a due date in words", sample, `"2026-10-24T12:00:00Z"`, `"soon"`},
		{"a member that nobody knows", sample, `"errors": []`, `"errors": [], "extra": 1`},
		{"a customer that is a list", sample, `"customer": {`, `"customer": [], "x": {`},
		{"no errors", sample, `,` + "\n  " + `"errors": []`, ""},
		{"errors that are null", sample, `"errors": []`, `"errors": null`},
		{"an error of no part", failed, `"part": "customer"`, `"part": "weather"`},
		{"an error without a message", failed, `"message": "no whole answer in time"`, `"status": 0`},
		{"a flag that is a word", sample, `"enabled": false`, `"enabled": "no"`},
		{"a limit that is text", sample, `"limit": 10`, `"limit": "10"`},
		{"a limit that is broken", sample, `"limit": 10`, `"limit": 10.5`},
		{"a use that is not known", sample, `"used": 4`, `"used": null`},
		{"a trial that is null", sample, `"trial": false`, `"trial": null`},
	} {
		spoiled := strings.Replace(c.document, c.from, c.to, 1)
		if spoiled == c.document {
			t.Errorf("%s: %s is not in the document", c.name, c.from)
			continue
		}
		document, err := jsonschema.UnmarshalJSON(strings.NewReader(spoiled))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if s.Validate(document) == nil {
			t.Errorf("%s passes", c.name)
		}
	}
}
