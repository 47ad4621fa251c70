package main

import (
	"bytes"
	"database/sql"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	_ "modernc.org/sqlite"
)

// sends returns the command that sends a body, which must be answered with a status:
//
//	post STATUS URL KEYFILE IDEMPOTENCY-KEY BODY
//
// The answer is on standard output.
func sends(method string) func(ts *testscript.TestScript, neg bool, args []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) != 5 {
			ts.Fatalf("usage: %s STATUS URL KEYFILE IDEMPOTENCY-KEY BODY", strings.ToLower(method))
		}
		want, err := strconv.Atoi(args[0])
		ts.Check(err)
		req, err := http.NewRequest(method, args[1], strings.NewReader(args[4]))
		ts.Check(err)
		key, _, _ := strings.Cut(ts.ReadFile(args[2]), "\n")
		req.Header.Set("Authorization", "Bearer "+key)
		req.Header.Set("Idempotency-Key", args[3])
		req.Header.Set("Content-Type", "application/json")
		client := http.Client{Timeout: patience}
		res, err := client.Do(req)
		ts.Check(err)
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		ts.Check(err)
		if res.StatusCode != want {
			ts.Fatalf("%s %s: %s\n%s", method, args[1], res.Status, body)
		}
		_, err = ts.Stdout().Write(append(body, '\n'))
		ts.Check(err)
	}
}

// cmdEdit changes a folder's database that nobody has open behind Bursar's back:
//
//	edit FOLDER STATEMENT
func cmdEdit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: edit FOLDER STATEMENT")
	}
	file := filepath.ToSlash(ts.MkAbs(filepath.Join(args[0], "bursar.db")))
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: file}).String())
	ts.Check(err)
	result, err := db.Exec(args[1])
	ts.Check(err)
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		ts.Fatalf("it changes %d rows: %v", n, err)
	}
	ts.Check(db.Close())
}

// cmdFlip lets a bit of a file fall over, in the middle of a text that is in it
// once:
//
//	flip FILE TEXT
func cmdFlip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: flip FILE TEXT")
	}
	file := ts.MkAbs(args[0])
	data, err := os.ReadFile(file)
	ts.Check(err)
	if n := bytes.Count(data, []byte(args[1])); n != 1 {
		ts.Fatalf("the text is in the file %d times", n)
	}
	data[bytes.Index(data, []byte(args[1]))+len(args[1])/2] ^= 1
	ts.Check(os.WriteFile(file, data, 0o600))
}
