package cli_test

import (
	"bytes"
	"database/sql"
	"encoding/binary"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bursarhq/bursar/cli"
)

// marked is an amount whose bytes occur nowhere else in a database: of transfer 3
// of each of these books, and of the answer to its key.
const (
	marked      = "0.41234567"
	markedUnits = 41234567
)

// closedBooks returns the file of a database with transfers 1 to 5, all sealed,
// that nobody has open.
func closedBooks(t *testing.T) (b *books, file string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	b = newBooks(t, map[string]string{"BURSAR_DATA": dir})
	b.must("charge --service backup --amount USD=0.10")
	b.must("charge --service backup --amount USD=" + marked + " --participant somebody-marked --idempotency-key marked")
	b.must("charge --service backup --amount USD=0.10")
	b.must("credit --amount USD=5 --reason why")
	return b, filepath.Join(dir, "bursar.db")
}

// execute changes a closed database behind Bursar's back.
func execute(t *testing.T, file, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: filepath.ToSlash(file)}).String())
	if err != nil {
		t.Fatal(err)
	}
	result, err := db.Exec(statement)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		t.Fatalf("%s changes %d rows: %v", statement, n, err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// A row that was edited past Bursar is found, and named.
func TestVerifyNamesWhatWasEdited(t *testing.T) {
	for statement, want := range map[string]string{
		"UPDATE transfer SET amount = amount + 1 WHERE number = 3":                                               "portal acme: transfer t3.acme: ",
		"UPDATE transfer SET balance = balance + 1 WHERE number = 3":                                             "portal acme: transfer t3.acme: ",
		"UPDATE transfer SET service = 'backups' WHERE number = 3":                                               "portal acme: transfer t3.acme: it is not what was sealed",
		"UPDATE transfer SET amount = amount + 1, balance = balance - 1 WHERE number = 3":                        "portal acme: transfer t3.acme: it is not what was sealed",
		"UPDATE transfer SET at = at + 1 WHERE number = 5":                                                       "portal acme: transfer t5.acme: it is not what was sealed",
		"DELETE FROM transfer WHERE number = 3":                                                                  "portal acme: transfer t4.acme: ",
		"DELETE FROM transfer WHERE number = 5":                                                                  "portal acme: ",
		"UPDATE pocket SET balance = balance + 1":                                                                "portal acme: pocket main USD: ",
		"UPDATE done SET amount = amount + 1 WHERE key = 'marked'":                                               "portal acme: key marked: ",
		"DELETE FROM done WHERE key = 'marked'":                                                                  "portal acme: transfer t3.acme: ",
		"UPDATE seal SET hash = zeroblob(32) WHERE last = 3":                                                     "portal acme: seal of main 3 to 3: ",
		"INSERT INTO book (portal_id, book, last, last_hold, last_at, changes) VALUES ('x', 'main', 0, 0, 0, 0)": "portal x: table book: ",
	} {
		b, file := closedBooks(t)
		execute(t, file, statement)
		stdout, stderr, err := b.run("verify")
		if cli.ExitCode(err) != cli.ExitFailed || stdout != "" || stderr != "" {
			t.Errorf("%s: %v, %q, %q", statement, err, stdout, stderr)
			continue
		}
		if text := printed(err); !strings.HasPrefix(text, "bursar: "+want) || !strings.Contains(text, "\nhint: ") {
			t.Errorf("%s: %s", statement, text)
		}
		stdout, _, err = b.run("verify --json")
		var verdict struct {
			OK    bool
			Break struct{ Portal, Where, What string }
		}
		decode(t, stdout, &verdict)
		said := "portal " + verdict.Break.Portal + ": " + verdict.Break.Where + ": " + verdict.Break.What
		if cli.ExitCode(err) != cli.ExitFailed || verdict.OK || !strings.HasPrefix(said, want) {
			t.Errorf("%s: %v, %s", statement, err, stdout)
		}
	}
}

// A bit that fell over in the file is found, wherever it is in a transfer or in
// the answer to its key.
func TestVerifyNamesWhereABitFellOver(t *testing.T) {
	amount := binary.BigEndian.AppendUint32(nil, markedUnits)
	for _, c := range []struct {
		name  string
		bytes []byte
		want  []string // what one of the places is called, in the order of the file or not
	}{
		{"amount", amount, []string{"transfer t3.acme: ", "key marked: "}},
		{"participant", []byte("somebody-marked"), []string{"transfer t3.acme: it is not what was sealed"}},
	} {
		b, file := closedBooks(t)
		whole, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var places []int
		for at := 0; ; at++ {
			i := bytes.Index(whole[at:], c.bytes)
			if i < 0 {
				break
			}
			at += i
			places = append(places, at)
		}
		if len(places) != len(c.want) {
			t.Fatalf("%s is in %d places, not %d", c.name, len(places), len(c.want))
		}
		found := map[string]bool{}
		for _, at := range places {
			broken := bytes.Clone(whole)
			broken[at+1] ^= 1
			if err := os.WriteFile(file, broken, 0o600); err != nil {
				t.Fatal(err)
			}
			_, _, err := b.run("verify")
			if cli.ExitCode(err) != cli.ExitFailed {
				t.Fatalf("%s at %d: %v", c.name, at, err)
			}
			for _, want := range c.want {
				found[want] = found[want] || strings.HasPrefix(err.Error(), "portal acme: "+want)
			}
		}
		for _, want := range c.want {
			if !found[want] {
				t.Errorf("%s: nothing was found at %s", c.name, want)
			}
		}
	}
}

// What is no database any more is said to be damaged.
func TestVerifyTellsADamagedFile(t *testing.T) {
	b, file := closedBooks(t)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for at := 4096; at < len(whole); at += 4096 { // the heads of all pages but the first
		copy(whole[at:], bytes.Repeat([]byte{0xff}, 16))
	}
	if err := os.WriteFile(file, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	stdout, _, err := b.run("verify --json")
	if cli.ExitCode(err) != cli.ExitFailed || !strings.Contains(printed(err), "database is damaged") {
		t.Errorf("%v", err)
	}
	if stdout != "" && !strings.Contains(stdout, `"ok": false`) {
		t.Errorf("%s", stdout)
	}
}

// With --since, what happened before is left alone.
func TestVerifySince(t *testing.T) {
	b, file := closedBooks(t)
	var counts struct{ Counts struct{ Transfers int } }
	for since, want := range map[string]int{
		"1h": 5, noon.UTC().Format(time.DateOnly): 5, noon.UTC().Format(time.RFC3339): 5,
		noon.UTC().Add(time.Second).Format(time.RFC3339): 0,
	} {
		decode(t, b.must("verify --json --since "+since), &counts)
		if counts.Counts.Transfers != want {
			t.Errorf("since %s: %d transfers, not %d", since, counts.Counts.Transfers, want)
		}
	}
	execute(t, file, "UPDATE transfer SET service = 'backups' WHERE number = 3")
	if _, _, err := b.run("verify --since " + noon.UTC().Add(time.Second).Format(time.RFC3339)); err != nil {
		t.Errorf("what happened before is looked at: %v", err)
	}
	if _, _, err := b.run("verify --since 1s"); cli.ExitCode(err) != cli.ExitFailed {
		t.Errorf("what happened since is not looked at: %v", err)
	}
}
