package export

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"iter"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
	"github.com/xuri/excelize/v2"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/testenv"
)

var update = flag.Bool("update", false, "rewrite the goldens in testdata")

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (go test ./export -update writes it)", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("not as in %s (-golden +now):\n%s", file, diff)
	}
}

func inUnits(t *testing.T, text string, c money.Currency) money.Amount {
	t.Helper()
	a, err := money.Parse(text, c)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// sampleRows are one operation of each kind, and what portals and their users can think
// of to say.
func sampleRows(t *testing.T) []Row {
	t.Helper()
	at := func(text string) docspace.Time {
		date, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			t.Fatal(err)
		}
		return docspace.Time{Time: date}
	}
	usd := func(text string) money.Amount { return inUnits(t, text, "USD") }
	const olivia = "66faa6e4-f133-11ea-b126-00ffeec8b4ef"
	return []Row{
		{"acme", "https://acme.example.com", &docspace.Operation{Date: at("2026-06-21T11:15:30+03:00"), Description: "Balance top-up", Details: docspace.AutomaticTopUp,
			Credit: usd("80"), Debit: usd("0"), Type: docspace.DepositPayment}},
		{"acme", "https://acme.example.com", &docspace.Operation{Date: at("2026-06-30T23:59:59.1234567+03:00"), Service: "backup", Description: "Backup", Details: "Automatic backup",
			ServiceUnit: "Backup", Quantity: 1, Credit: usd("0"), Debit: usd("10"), ParticipantName: olivia, ParticipantDisplayName: "Olivia O'Owner", Type: docspace.ServicePayment}},
		{"acme", "https://acme.example.com", &docspace.Operation{Date: at("2026-07-01T00:00:00+03:00"), Service: "disk-storage", Description: "Disk space", ServiceUnit: "GB",
			Quantity: 100, Credit: usd("0"), Debit: usd("92233720368.54775807"), Type: docspace.ServicePayment}},
		{"acme", "https://acme.example.com", &docspace.Operation{Date: at("2026-07-02T10:00:00+03:00"), Service: "disk-storage", Description: "Disk space", ServiceUnit: "GB",
			Quantity: 20, Credit: usd("0.00000001"), Debit: usd("0"), Type: docspace.Refund}},
		{"acme", "https://acme.example.com", &docspace.Operation{Date: at("2026-07-03T10:00:00+03:00"), Description: "AI features", ServiceUnit: "AI Credits", Service: "ai-tools",
			Quantity: 25, Credit: usd("0"), Debit: usd("25"), Type: docspace.AIDebit}},
		{"acme", "https://acme.example.com", &docspace.Operation{Date: at("2026-07-03T11:00:00+03:00"), Credit: usd("5"), Debit: usd("0"), Type: docspace.GoodwillCredit}},
		{"acme", "https://acme.example.com", &docspace.Operation{Date: at("2026-07-04T11:00:00+03:00"), Credit: usd("0"), Debit: usd("7"), Type: docspace.Refund}},
		{"new-york", "https://ny.example.com/docs", &docspace.Operation{Date: at("2026-07-01T20:30:00-04:00"), Service: "ai-tools", Description: "Chat", Details: "=HYPERLINK(\"http://evil\")",
			ServiceUnit: "Tokens", Quantity: 1234, Credit: inUnits(t, "0", "JPY"), Debit: inUnits(t, "3", "JPY"), ParticipantName: "@cmd", ParticipantDisplayName: "line\nbreak, \"quoted\"",
			AgentID: "7", AgentTitle: " +1 agent\x1b[31m", Type: docspace.AIServicePayment}},
		{"new-york", "https://ny.example.com/docs", &docspace.Operation{Description: "when?", Credit: inUnits(t, "0", "KWD"), Debit: inUnits(t, "1.250", "KWD"), Quantity: 0, Type: "Profit"}},
		{"new-york", "https://ny.example.com/docs", &docspace.Operation{Date: at("2026-07-02T00:00:00Z"), Service: "admin", Description: "Business plan 漢字", ServiceUnit: "Admins",
			Quantity: 3, Credit: inUnits(t, "0", "JPY"), Debit: inUnits(t, "6000", "JPY"), ParticipantName: "-2", Type: docspace.PackagePayment}},
	}
}

func seq(rows []Row) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func written(t *testing.T, format string, rows []Row) []byte {
	t.Helper()
	var b bytes.Buffer
	n, left, err := Write(&b, format, Options{}, seq(rows))
	if err != nil || n+left != int64(len(rows)) || format != "focus" && left != 0 {
		t.Fatalf("%s: %d and %d: %v", format, n, left, err)
	}
	return b.Bytes()
}

func TestFormatsLookAsTheyShould(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"csv", "json", "ndjson", "focus"} {
		golden(t, "operations."+format, string(written(t, format, sampleRows(t))))
		golden(t, "empty."+format, string(written(t, format, nil)))
	}
	golden(t, "operations.xlsx.txt", cellsOf(t, written(t, "xlsx", sampleRows(t))))
	golden(t, "empty.xlsx.txt", cellsOf(t, written(t, "xlsx", nil)))
	golden(t, "operations.parquet.txt", recordsOf(t, written(t, "parquet", sampleRows(t))))
	golden(t, "empty.parquet.txt", recordsOf(t, written(t, "parquet", nil)))
}

// cellsOf is a spreadsheet as another library reads it: every value as it stands.
func cellsOf(t *testing.T, data []byte) string {
	t.Helper()
	book, err := excelize.OpenReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	rows, err := book.GetRows("Operations", excelize.Options{RawCellValue: true})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for r, row := range rows {
		fmt.Fprintf(&b, "%q\n", row)
		for c := range row {
			name, _ := excelize.CoordinatesToCellName(c+1, r+1)
			if formula, err := book.GetCellFormula("Operations", name); err != nil || formula != "" {
				t.Errorf("%s is the formula %q: %v", name, formula, err)
			}
		}
	}
	return b.String()
}

// recordsOf is a Parquet file as its own schema says it, read without our types.
func recordsOf(t *testing.T, data []byte) string {
	t.Helper()
	file, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	fmt.Fprintln(&b, file.Schema())
	for _, group := range file.RowGroups() {
		rows := group.Rows()
		buffer := make([]parquet.Row, 100)
		n, _ := rows.ReadRows(buffer)
		for _, row := range buffer[:n] {
			for i, v := range row {
				column := file.Schema().Fields()[i]
				text := v.String()
				if strings.HasPrefix(fmt.Sprint(column.Type().LogicalType()), "DECIMAL") {
					text = unscaled(v.ByteArray()).String()
				}
				fmt.Fprintf(&b, "%s=%s ", column.Name(), text)
			}
			fmt.Fprintln(&b)
		}
		if err := rows.Close(); err != nil {
			t.Error(err)
		}
	}
	return b.String()
}

// unscaled is a number of so many bytes, the highest first, below nought by complement.
func unscaled(b []byte) *big.Int {
	n := new(big.Int).SetBytes(b)
	if b[0]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	return n
}

// No format loses a digit, a row or a column: what is read back is what was written.
func TestFormatsAreExact(t *testing.T) {
	t.Parallel()
	rows := sampleRows(t)
	records, err := csv.NewReader(bytes.NewReader(written(t, "csv", rows))).ReadAll()
	if err != nil || len(records) != len(rows)+1 {
		t.Fatal(err, len(records))
	}
	var array []map[string]any
	if err := json.Unmarshal(written(t, "json", rows), &array); err != nil || len(array) != len(rows) {
		t.Fatal(err, len(array))
	}
	back, err := parquet.Read[parquetRow](bytes.NewReader(written(t, "parquet", rows)), int64(len(written(t, "parquet", rows))))
	if err != nil || len(back) != len(rows) {
		t.Fatal(err, len(back))
	}
	for i, row := range rows {
		credit, debit, amount := amounts(row.Operation)
		for c, want := range map[int]string{10: credit, 11: debit, 12: amount} {
			if got := records[i+1][c]; got != want {
				t.Errorf("row %d: %s, not %s", i, got, want)
			}
		}
		if array[i]["amount"] != amount {
			t.Errorf("row %d: JSON has %v", i, array[i]["amount"])
		}
		got := back[i]
		if units := unscaled(got.Debit[:]); !units.IsInt64() || units.Int64() != row.Operation.Debit.Units() {
			t.Errorf("row %d: Parquet has %s", i, units)
		}
		switch at := row.Operation.Date.Time; {
		case at.IsZero() != (got.DateUTC == nil):
			t.Errorf("row %d: %v", i, got.DateUTC)
		case !at.IsZero() && (!got.DateUTC.Equal(at.Truncate(time.Microsecond)) || got.Date != dateText(at)):
			t.Errorf("row %d: %v, %s", i, got.DateUTC, got.Date)
		}
		if got.AgentTitle != row.Operation.AgentTitle {
			t.Errorf("row %d: Parquet changes %q", i, got.AgentTitle)
		}
	}
}

// What a portal or its users say is obeyed by no spreadsheet and no terminal.
func TestHostileTexts(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"csv", "focus"} {
		records, err := csv.NewReader(bytes.NewReader(written(t, format, sampleRows(t)))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for i, record := range records {
			for c, text := range record {
				trimmed := strings.TrimLeft(text, " ")
				if strings.ContainsAny(text, "\n\t\r\x1b") || trimmed != "" && strings.ContainsRune("=+@", rune(trimmed[0])) && records[0][c] != "utc_offset" {
					t.Errorf("%s, row %d, %s: %q", format, i, records[0][c], text)
				}
			}
		}
	}
}

func TestFailuresEndWriting(t *testing.T) {
	t.Parallel()
	failing := func(yield func(Row, error) bool) {
		if yield(sampleRows(t)[0], nil) {
			yield(Row{}, errCrash)
		}
	}
	for _, format := range Formats() {
		if _, _, err := Write(&bytes.Buffer{}, format, Options{}, failing); !errors.Is(err, errCrash) {
			t.Errorf("%s: %v", format, err)
		}
		if _, _, err := Write(full{}, format, Options{}, seq(sampleRows(t))); !errors.Is(err, errCrash) {
			t.Errorf("%s into what is full: %v", format, err)
		}
	}
}

// full is a disk that is.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errCrash }

// Python's csv reads the same as Go's.
func TestPythonReadsTheCSV(t *testing.T) {
	t.Parallel()
	python := testenv.Program(t, "Python 3", "python3")
	for _, format := range []string{"csv", "focus"} {
		data := written(t, format, sampleRows(t))
		command := exec.CommandContext(t.Context(), python, "-c", `import csv, io, json, sys
print(json.dumps(list(csv.reader(io.StringIO(sys.stdin.buffer.read().decode("utf-8"), newline=""), strict=True))))`)
		command.Stdin = bytes.NewReader(data)
		out, err := command.Output()
		if err != nil {
			t.Fatal(err)
		}
		var got [][]string
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatal(err)
		}
		want, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-Go +Python):\n%s", format, diff)
		}
	}
}

// LibreOffice opens the spreadsheet, and takes nothing in it for a formula.
func TestLibreOfficeOpensTheSheet(t *testing.T) {
	t.Parallel()
	office := testenv.Program(t, "Debian's libreoffice-calc", "soffice")
	dir := t.TempDir()
	file := filepath.Join(dir, "operations.xlsx")
	if err := os.WriteFile(file, written(t, "xlsx", sampleRows(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, office, "-env:UserInstallation=file://"+filepath.Join(dir, "profile"), "--headless",
		"--convert-to", "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,false", "--outdir", dir, file)
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	text, err := os.ReadFile(filepath.Join(dir, "operations.csv"))
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "operations.libreoffice.csv", string(text))
}
