package billing_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/bursarhq/bursar/billing"
)

// calls are what each function and method of this package calls, by their names; what
// is called of the store begins with "store.".
func calls(t *testing.T) map[string][]string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		if file.Name.Name != "billing" {
			continue
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Body == nil {
				continue
			}
			ast.Inspect(f.Body, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				switch to := call.Fun.(type) {
				case *ast.Ident:
					all[f.Name.Name] = append(all[f.Name.Name], to.Name)
				case *ast.SelectorExpr:
					name := to.Sel.Name
					if of, ok := to.X.(*ast.SelectorExpr); ok && of.Sel.Name == "store" {
						name = "store." + name
					}
					all[f.Name.Name] = append(all[f.Name.Name], name)
				}
				return true
			})
		}
	}
	return all
}

// writers are the exported methods of Service that may change what is stored.
func writers(t *testing.T) (names []string) {
	t.Helper()
	reads := []string{"store.Read", "store.Locate", "store.Verify", "store.Backup", "store.SealBook", "store.Close"}
	all := calls(t)
	seen := map[string]bool{}
	var writes func(name string) bool
	writes = func(name string) bool {
		if strings.HasPrefix(name, "store.") {
			return !slices.Contains(reads, name)
		}
		if seen[name] {
			return false // on the way here
		}
		seen[name] = true
		return slices.ContainsFunc(all[name], writes)
	}
	for i, kind := 0, reflect.TypeFor[*billing.Service](); i < kind.NumMethod(); i++ {
		clear(seen)
		if name := kind.Method(i).Name; writes(name) {
			names = append(names, name)
		}
	}
	return names
}
