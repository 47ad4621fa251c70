// Package bursar has no code of its own: it is the roof over the rooms that
// ARCHITECTURE.md describes, and the test that they keep to its plan.
package bursar

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/bursarhq/bursar/"

// floors say how high each room lies. Imports fall: a room may use only those on
// lower floors.
var floors = map[string]int{
	"money": 1, "money/cldr": 1, "httpd": 1, "sheet": 1, "clock": 1, "testenv": 1, "yamltree": 1, "disk": 1, "foreign": 1,

	"docspace": 2, "pgtest": 2, "catalog": 2, "ledger": 2, "payment": 2, "mail": 2, "event": 2, "webhook": 2,

	"wallet": 3, "subscription": 3, "notice": 3,
	"payment/sandbox": 3, "payment/stripe": 3, "payment/manual": 3,

	"store": 4, "fleet": 4,

	"billing": 5, "store/storetest": 5,
	"check": 5, "doctor": 5, "webpage": 5, "watch": 5, "exporter": 5, "export": 5, "reconcile": 5, "manifest": 5,

	"portalapi": 6, "operatorapi": 6, "paymentapi": 6, "mcp": 6, "sample": 6, "worker": 6,

	"cli": 7,

	"cmd/bursar": 8, "docspacetest": 8, "bench": 8, "bench/crash": 8, "bench/simulate": 8, "bench/deposits": 8,
}

// doors are the rooms with a table of answers to errors, and whose errors they
// answer for.
var doors = []struct {
	file    string
	answers []string
}{
	{"portalapi/errors.go", []string{"billing"}},
	{"operatorapi/errors.go", []string{"billing"}},
	{"cli/errors.go", []string{"billing", "disk", "docspace", "export", "fleet", "manifest", "reconcile", "store"}},
}

// room is a package of the house, without its tests.
type room struct {
	path  string
	files map[string]*ast.File // by path
}

func rooms(t *testing.T) map[string]*room {
	t.Helper()
	all := map[string]*room{}
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && name != "." && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "testdata" || entry.Name() == "tools") {
			return fs.SkipDir
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		name = filepath.ToSlash(name)
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		dir := path.Dir(name)
		if all[dir] == nil {
			all[dir] = &room{path: dir, files: map[string]*ast.File{}}
		}
		all[dir].files[name] = file
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 10 {
		t.Fatalf("only %d rooms found", len(all))
	}
	return all
}

// imports returns what a room imports.
func (r *room) imports(t *testing.T) []string {
	t.Helper()
	seen := map[string]bool{}
	for _, file := range r.files {
		for _, spec := range file.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			seen[name] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

func TestImportsFall(t *testing.T) {
	for _, r := range rooms(t) {
		floor, known := floors[r.path]
		if !known {
			t.Errorf("%s has no floor: add it to the plan", r.path)
			continue
		}
		for _, name := range r.imports(t) {
			below, ours := strings.CutPrefix(name, module)
			if ours && floors[below] >= floor {
				t.Errorf("%s (floor %d) imports %s (floor %d)", r.path, floor, below, floors[below])
			}
		}
	}
}

// Whoever uses the client must not get a server with it: no more than the standard
// library, and what is part of it from Go 1.27 on.
func TestClientIsLight(t *testing.T) {
	const nextJSON = "github.com/go-json-experiment/json"
	all := rooms(t)
	for _, dir := range []string{"docspace", "money"} {
		for _, name := range all[dir].imports(t) {
			first, _, _ := strings.Cut(name, "/")
			if strings.Contains(first, ".") && name != module+"money" && name != nextJSON && !strings.HasPrefix(name, nextJSON+"/") {
				t.Errorf("%s imports %s", dir, name)
			}
		}
	}
}

func TestPackageComments(t *testing.T) {
	for _, r := range rooms(t) {
		var comments []string
		for _, file := range r.files {
			if file.Doc != nil {
				comments = append(comments, file.Doc.Text())
			}
		}
		if len(comments) != 1 {
			t.Errorf("%s has %d package comments", r.path, len(comments))
			continue
		}
		first, _, _ := strings.Cut(comments[0], "\n")
		if !strings.HasPrefix(first, "Package "+path.Base(r.path)+" ") && !strings.HasPrefix(first, "Command "+path.Base(r.path)+" ") {
			t.Errorf("%s: the package comment starts %q", r.path, first)
		}
		if !strings.Contains(comments[0], ".") {
			t.Errorf("%s: the package comment has no sentence", r.path)
		}
	}
}

// Every exported error of a room has an answer in each door behind which it can
// occur.
func TestErrorsHaveAnswers(t *testing.T) {
	all := rooms(t)
	for _, door := range doors {
		file := all[path.Dir(door.file)].files[door.file]
		if file == nil {
			t.Errorf("there is no %s", door.file)
			continue
		}
		answered := map[string]bool{}
		ast.Inspect(file, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok {
				if pkg, ok := sel.X.(*ast.Ident); ok {
					answered[pkg.Name+"."+sel.Sel.Name] = true
				}
			}
			return true
		})
		for _, dir := range door.answers {
			errs := exportedErrors(all[dir])
			if len(errs) == 0 {
				t.Errorf("no errors found in %s", dir)
			}
			for _, name := range errs {
				if !answered[dir+"."+name] {
					t.Errorf("%s has no answer for %s.%s", door.file, dir, name)
				}
			}
		}
	}
}

// exportedErrors returns the package's variables whose names start with Err.
func exportedErrors(r *room) []string {
	var names []string
	for _, file := range r.files {
		for _, decl := range file.Decls {
			gen, ok := decl.(*ast.GenDecl)
			if !ok || gen.Tok != token.VAR {
				continue
			}
			for _, spec := range gen.Specs {
				for _, id := range spec.(*ast.ValueSpec).Names {
					if strings.HasPrefix(id.Name, "Err") {
						names = append(names, id.Name)
					}
				}
			}
		}
	}
	return names
}

// edges are files in which an exact number becomes a floating-point one, because the
// library or the format that it is handed to knows no other.
var edges = map[string]string{
	"exporter/value.go": "Prometheus",
}

// Money is never a floating-point number, and neither is anything near it. The
// benchmarks measure time and count no money.
func TestNoFloats(t *testing.T) {
	for _, r := range rooms(t) {
		if r.path == "bench" {
			continue
		}
		for name, file := range r.files {
			if edges[name] != "" {
				continue
			}
			ast.Inspect(file, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.Ident:
					if n.Name == "float32" || n.Name == "float64" {
						t.Errorf("%s uses %s", name, n.Name)
					}
				case *ast.BasicLit:
					if n.Kind == token.FLOAT {
						t.Errorf("%s has the floating-point number %s", name, n.Value)
					}
				case *ast.SelectorExpr:
					if n.Sel.Name == "ParseFloat" || n.Sel.Name == "Float64" {
						t.Errorf("%s calls %s", name, n.Sel.Name)
					}
				}
				return true
			})
		}
	}
}

// What is promised of a test is promised of one that is there.
func TestNamedTestsAreThere(t *testing.T) {
	text, err := os.ReadFile("docs/reference-weaknesses.md")
	if err != nil {
		t.Fatal(err)
	}
	row, named := regexp.MustCompile(`^\| (\d+) \|.*\| ([^|]*) \|$`), regexp.MustCompile("^`([^`]+_test\\.go)` (Test\\w+(?:, Test\\w+)*)$")
	rows := 0
	for line := range strings.Lines(string(text)) {
		cells := row.FindStringSubmatch(strings.TrimSpace(line))
		if cells == nil {
			continue
		}
		if rows++; cells[1] != strconv.Itoa(rows) {
			t.Errorf("row %s stands in place %d", cells[1], rows)
		}
		for part := range strings.SplitSeq(cells[2], "; ") {
			found := named.FindStringSubmatch(part)
			if found == nil {
				t.Errorf("row %s names no test in %q", cells[1], part)
				continue
			}
			source, err := os.ReadFile(found[1])
			if err != nil {
				t.Errorf("row %s: %v", cells[1], err)
			}
			for name := range strings.SplitSeq(found[2], ", ") {
				if !strings.Contains(string(source), "\nfunc "+name+"(t *testing.T)") {
					t.Errorf("row %s: there is no %s in %s", cells[1], name, found[1])
				}
			}
		}
	}
	if rows != 57 {
		t.Errorf("there are %d rows", rows)
	}
}
