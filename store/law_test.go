package store

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// shared are the tables that no portal owns; goose makes its own.
var shared = []string{"host", "counter", "operator_key", "webhook", "undelivered"}

// unreferred are the tables whose rows name their portal and refer to nothing: the
// ledger's, whose strays Verify finds, the sandbox's, which are another house's
// books, and those that there are some of for no portal.
var unreferred = []string{"book", "done", "transfer", "hold", "pocket", "seal", "collection", "sandbox_charge", "sandbox_page", "sandbox_refund", "audit", "job", "event"}

// table is what the DDL says of one.
type table struct {
	columns map[string]string // name → type
	unique  [][]string        // the columns of each key and unique index, the primary key first
	foreign []foreignKey
}

type foreignKey struct {
	columns []string
	parent  string
	to      []string // nil: the parent's primary key
}

var (
	comment     = regexp.MustCompile(`--[^\n]*`)
	storageWord = regexp.MustCompile(`\) WITH \(fillfactor = \d+\)$`)
	createWord  = regexp.MustCompile(`(?i)^CREATE TABLE (\w+) \((.*)\)[^)]*$`)
	indexWord   = regexp.MustCompile(`(?i)^CREATE UNIQUE INDEX \w+ ON (\w+) \(([^)]*)\)`)
	alterWord   = regexp.MustCompile(`(?i)^ALTER TABLE (\w+) ADD COLUMN (.*)$`)
	renameWord  = regexp.MustCompile(`(?i)^ALTER TABLE (\w+) RENAME TO (\w+)$`)
	// A check is no key, and no part of this law.
	dropCheckWord = regexp.MustCompile(`(?i)^ALTER TABLE \w+( DROP CONSTRAINT IF EXISTS \w+_check\d?,?)+$`)

	dropWord   = regexp.MustCompile(`(?i)^DROP TABLE (\w+)$`)
	keyWord    = regexp.MustCompile(`(?i)^(PRIMARY KEY|UNIQUE) \(([^)]*)\)$`)
	foreignOf  = regexp.MustCompile(`(?i)^FOREIGN KEY \(([^)]*)\) REFERENCES (\w+)(?: \(([^)]*)\))?`)
	references = regexp.MustCompile(`(?i) REFERENCES (\w+)(?: ?\(([^)]*)\))?`)
)

// schema reads all DDL of an engine, in order.
func schema(t *testing.T, folder string) map[string]*table {
	t.Helper()
	m, err := steps(folder, 0)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]*table{}
	for _, step := range m.Steps {
		for statement := range strings.SplitSeq(comment.ReplaceAllString(step.SQL, ""), ";") {
			readStatement(t, all, strings.Join(strings.Fields(statement), " "))
		}
	}
	return all
}

// readStatement reads one statement. One that it doesn't know fails the test: a law that
// is not looked at is none.
func readStatement(t *testing.T, all map[string]*table, statement string) {
	t.Helper()
	statement = storageWord.ReplaceAllString(statement, ")")
	if m := createWord.FindStringSubmatch(statement); m != nil {
		all[m[1]] = &table{columns: map[string]string{}}
		for _, part := range parts(m[2]) {
			all[m[1]].define(t, part)
		}
		return
	}
	if m := indexWord.FindStringSubmatch(statement); m != nil {
		all[m[1]].unique = append(all[m[1]].unique, parts(m[2]))
		return
	}
	if m := alterWord.FindStringSubmatch(statement); m != nil {
		all[m[1]].define(t, m[2])
		return
	}
	if m := renameWord.FindStringSubmatch(statement); m != nil {
		rename(all, m[1], m[2])
		return
	}
	if m := dropWord.FindStringSubmatch(statement); m != nil {
		delete(all, m[1])
		return
	}
	if dropCheckWord.MatchString(statement) {
		return
	}
	for _, harmless := range []string{"", "CREATE INDEX ", "DROP INDEX ", "INSERT INTO ", "UPDATE ", "SELECT "} {
		if statement == harmless || harmless != "" && strings.HasPrefix(statement, harmless) {
			return
		}
	}
	t.Errorf("the test of the law can't read %q: teach it", statement)
}

// rename gives a table another name, by which those that refer to it do so from now
// on, as both engines have it.
func rename(all map[string]*table, from, to string) {
	all[to] = all[from]
	delete(all, from)
	for _, tb := range all {
		for i := range tb.foreign {
			if tb.foreign[i].parent == from {
				tb.foreign[i].parent = to
			}
		}
	}
}

// parts splits at the commas that are in no parentheses.
func parts(list string) []string {
	var all []string
	depth, from := 0, 0
	for i, c := range list + "," {
		switch {
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ',' && depth == 0:
			all = append(all, strings.TrimSpace(list[from:i]))
			from = i + 1
		}
	}
	return all
}

func (tb *table) define(t *testing.T, part string) {
	t.Helper()
	if m := keyWord.FindStringSubmatch(part); m != nil {
		tb.unique = append(tb.unique, parts(m[2]))
		return
	}
	if m := foreignOf.FindStringSubmatch(part); m != nil {
		key := foreignKey{columns: parts(m[1]), parent: m[2]}
		if m[3] != "" {
			key.to = parts(m[3])
		}
		tb.foreign = append(tb.foreign, key)
		return
	}
	words := strings.Fields(part)
	if words[0] == "CHECK" || words[0] == "CONSTRAINT" {
		return
	}
	name := words[0]
	tb.columns[name] = words[1]
	if upper := strings.ToUpper(part); strings.Contains(upper, " PRIMARY KEY") || strings.Contains(upper, " UNIQUE") {
		tb.unique = append(tb.unique, []string{name})
	}
	if m := references.FindStringSubmatch(part); m != nil {
		key := foreignKey{columns: []string{name}, parent: m[1]}
		if m[2] != "" {
			key.to = parts(m[2])
		}
		tb.foreign = append(tb.foreign, key)
	}
}

// TestDDLKeepsPortalsApart is what lets the tables be spread over many servers.
func TestDDLKeepsPortalsApart(t *testing.T) {
	for _, folder := range []string{"sqlite", "postgres"} {
		all := schema(t, folder)
		if len(all) < 10 {
			t.Fatalf("%s: only %d tables are found", folder, len(all))
		}
		for name, tb := range all {
			if slices.Contains(shared, name) {
				continue
			}
			if len(tb.unique) == 0 {
				t.Errorf("%s: %s has no key", folder, name)
			}
			for _, columns := range tb.unique {
				if columns[0] != "portal_id" {
					t.Errorf("%s: %s has a key on %v", folder, name, columns)
				}
			}
			if tied := len(tb.foreign) > 0; tied == (name == "portal" || slices.Contains(unreferred, name)) {
				t.Errorf("%s: is there a foreign key that ties %s to its portal? %t", folder, name, tied)
			}
			if kind := tb.columns["portal_id"]; kind != "TEXT" {
				t.Errorf("%s: the portal_id of %s is %s", folder, name, kind)
			}
			for _, key := range tb.foreign {
				to := key.to
				if to == nil {
					to = all[key.parent].unique[0]
				}
				if key.columns[0] != "portal_id" || to[0] != "portal_id" {
					t.Errorf("%s: %s refers by %v to %s %v", folder, name, key.columns, key.parent, to)
				}
			}
		}
	}
}

func TestDDLUsesNothingThatManyServersLack(t *testing.T) {
	m, err := steps("postgres", 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range m.Steps {
		text := strings.ToUpper(comment.ReplaceAllString(step.SQL, ""))
		for _, word := range []string{"TRIGGER", "ADVISORY", "NOTIFY", "LISTEN", "SERIAL", "SEQUENCE", "IDENTITY", "FUNCTION", "EXTENSION", "FLOAT", "DOUBLE", "REAL", "NUMERIC"} {
			if regexp.MustCompile(`\b` + word).MatchString(text) {
				t.Errorf("%s uses %s", step.Name, word)
			}
		}
	}
}

// TestEnginesHaveTheSameTables goes by the DDL, and then by what came of it.
func TestEnginesHaveTheSameTables(t *testing.T) {
	types := map[string]string{"TEXT": "TEXT", "INTEGER": "BIGINT", "BLOB": "BYTEA"}
	lite, server := schema(t, "sqlite"), schema(t, "postgres")
	diff(t, "tables", slices.Sorted(maps.Keys(server)), slices.Sorted(maps.Keys(lite)))
	for name, tb := range lite {
		want := map[string]string{}
		for column, kind := range tb.columns {
			want[column] = types[kind]
		}
		if server[name] == nil {
			continue
		}
		diff(t, "columns of "+name, server[name].columns, want)
		diff(t, "keys of "+name, server[name].unique, tb.unique)
		diff(t, "foreign keys of "+name, len(server[name].foreign), len(tb.foreign))
		for i, key := range server[name].foreign {
			if other := tb.foreign[i]; !slices.Equal(key.columns, other.columns) || key.parent != other.parent {
				t.Errorf("%s refers by %v to %s, and by %v to %s", name, key.columns, key.parent, other.columns, other.parent)
			}
		}
	}
	onEach(t, func(t *testing.T, s *Store) {
		there := slices.DeleteFunc(tables(t, s.db), func(name string) bool { return strings.HasPrefix(name, "goose_") })
		diff(t, "tables that there are", there, slices.Sorted(maps.Keys(lite)))
	})
}
