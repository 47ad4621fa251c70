package sheet

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"
	"pgregory.net/rapid"
)

func of(rows ...[]Cell) iter.Seq2[[]Cell, error] {
	return func(yield func([]Cell, error) bool) {
		for _, row := range rows {
			if !yield(row, nil) {
				return
			}
		}
	}
}

func columns(titles ...string) (all []Column) {
	for _, title := range titles {
		all = append(all, Column{Title: title})
	}
	return all
}

// written returns a workbook as a reader that is not ours opens it.
func written(t testing.TB, table Table, rows iter.Seq2[[]Cell, error]) (*excelize.File, []byte) {
	t.Helper()
	var b bytes.Buffer
	if err := table.Write(t.Context(), &b, rows); err != nil {
		t.Fatal(err)
	}
	return opened(t, b.Bytes()), b.Bytes()
}

func opened(t testing.TB, file []byte) *excelize.File {
	t.Helper()
	book, err := excelize.OpenReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = book.Close() })
	return book
}

// raw returns a part of a workbook, which must be XML.
func raw(t testing.TB, file []byte, name string) string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	f, err := z.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	for d := xml.NewDecoder(bytes.NewReader(all)); ; {
		if _, err := d.Token(); err == io.EOF {
			return string(all)
		} else if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
}

const first = "xl/worksheets/sheet1.xml"

func TestCellsAreWhatTheyAre(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 6, 30, 8, 15, 30, 999_999_000, time.UTC).In(berlin)
	book, file := written(t, Table{Name: "Operations", Columns: columns("Date", "Text", "Sum", "Count", "None")}, of(
		[]Cell{Moment(at), Text("Backup & <more>"), Number("-92233720368.54775807"), Integer(-1 << 63), {}},
		[]Cell{Moment(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)), Text(""), Number("0.1"), Integer(3), Text("x")},
		[]Cell{Moment(time.Time{}), Text("short row")},
		[]Cell{Moment(time.Date(1815, 12, 10, 1, 2, 3, 0, time.UTC))},
	))
	rows, err := book.GetRows("Operations")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([][]string{
		{"Date", "Text", "Sum", "Count", "None"},
		{"2026-06-30 10:15:30", "Backup & <more>", "-92,233,720,368.5478", "-9223372036854780000"}, // it shows fifteen digits
		{"2026-01-01 00:00:00", "", "0.10", "3", "x"},
		{"", "short row"},
		{"1815-12-10 01:02:03"},
	}, rows); d != "" {
		t.Errorf("rows (-want +got):\n%s", d)
	}
	for cell, want := range map[string]string{"C2": "-92233720368.54775807", "D2": "-9223372036854775808", "C3": "0.1"} {
		if got, err := book.GetCellValue("Operations", cell, excelize.Options{RawCellValue: true}); got != want || err != nil {
			t.Errorf("%s is %s, %v", cell, got, err)
		}
	}
	for _, digits := range []string{"<v>-92233720368.54775807</v>", "<v>-9223372036854775808</v>", "<v>0.1</v>", "<v>46203.427430555556</v>"} {
		if !strings.Contains(raw(t, file, first), digits) {
			t.Errorf("there is no %s in\n%s", digits, raw(t, file, first))
		}
	}
}

func TestTitlesAreBoldAndStay(t *testing.T) {
	book, _ := written(t, Table{Name: "T", Columns: []Column{{Title: "A", Width: 33}, {Title: "B"}}}, of([]Cell{Text("a"), Text("b")}))
	panes, err := book.GetPanes("T")
	if err != nil || !panes.Freeze || panes.YSplit != 1 {
		t.Errorf("panes: %+v, %v", panes, err)
	}
	for cell, bold := range map[string]bool{"A1": true, "B1": true, "A2": false} {
		id, err := book.GetCellStyle("T", cell)
		if err != nil {
			t.Fatal(err)
		}
		style, err := book.GetStyle(id)
		if err != nil || style.Font.Bold != bold || style.NumFmt != 49 {
			t.Errorf("%s: %+v, %v", cell, style, err)
		}
	}
	for column, want := range map[string]string{"A": "33", "B": "12"} {
		if width, err := book.GetColWidth("T", column); err != nil || fmt.Sprint(width) != want {
			t.Errorf("width of %s: %v, %v", column, width, err)
		}
	}
}

// Whoever can write the details of an operation writes into somebody's workbook.
func TestTextsAreNeverFormulas(t *testing.T) {
	for _, s := range []string{"=1+1", "+1", "-1", "@SUM(A1)", "=cmd|' /C calc'!A0", "\t=1", "</t></is></c><c><f>1+1</f></c>", "<![CDATA[=1]]>", "2026-01-01", "007", "TRUE"} {
		book, file := written(t, Table{Name: "T", Columns: columns(s)}, of([]Cell{Text(s)}))
		for _, cell := range []string{"A1", "A2"} {
			if got, err := book.GetCellValue("T", cell); got != s || err != nil {
				t.Errorf("%s: %q, %v", cell, got, err)
			}
			if formula, err := book.GetCellFormula("T", cell); formula != "" || err != nil {
				t.Errorf("%s has the formula %q, %v", cell, formula, err)
			}
			if kind, err := book.GetCellType("T", cell); kind != excelize.CellTypeInlineString || err != nil {
				t.Errorf("%q is of type %v, %v", s, kind, err)
			}
		}
		if strings.Contains(raw(t, file, first), "<f") {
			t.Errorf("%q made a formula", s)
		}
	}
}

// TestTextsComeBack is for all texts there are.
func TestTextsComeBack(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		s := rapid.OneOf(rapid.String(), rapid.StringMatching(`(_x00[0-9A-F]{2}_|[\r\n\t\x00-\x1f]|a|_|<)*`)).Draw(r, "text")
		book, _ := written(t, Table{Name: "T", Columns: columns("A")}, of([]Cell{Text(s)}))
		got, err := book.GetCellValue("T", "A2")
		if want := plain(s); got != want || err != nil {
			r.Errorf("%q comes back as %q, %v", want, got, err)
		}
	})
}

// plain is what a text is in a cell.
func plain(s string) string {
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\t' && r != '\n' || r == 0xfffe || r == 0xffff {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
}

func TestLongTextsAreCut(t *testing.T) {
	for _, unit := range []string{"a", "é", "😀"} {
		per := len(utf16.Encode([]rune(unit)))
		full := strings.Repeat(unit, MaxText/per)
		book, _ := written(t, Table{Name: "T", Columns: columns("A")}, of([]Cell{Text(full)}, []Cell{Text(full + unit)}, []Cell{Text(strings.Repeat(full, 3))}))
		for cell, whole := range map[string]bool{"A2": true, "A3": false, "A4": false} {
			got, err := book.GetCellValue("T", cell)
			if err != nil {
				t.Fatal(err)
			}
			start, cut := strings.CutSuffix(got, "…")
			if n := len(utf16.Encode([]rune(got))); n > MaxText || n < MaxText-2 || cut == whole || !strings.HasPrefix(full, start) {
				t.Errorf("%s of %q: %d units, cut: %t", cell, unit, n, cut)
			}
		}
	}
}

func TestALongTableGoesOnInTheNextSheet(t *testing.T) {
	var b bytes.Buffer
	book := &workbook{Table: Table{Name: strings.Repeat("long ", 10), Columns: columns("N")}, zip: zip.NewWriter(&b), maxRows: 3}
	var rows [][]Cell
	for n := range int64(7) {
		rows = append(rows, []Cell{Integer(n)})
	}
	if err := book.write(t.Context(), of(rows...)); err != nil {
		t.Fatal(err)
	}
	read := opened(t, b.Bytes())
	names := read.GetSheetList()
	if d := cmp.Diff([]string{"long long long long long long l", "long long long long long lo (2)", "long long long long long lo (3)"}, names); d != "" {
		t.Fatalf("sheets (-want +got):\n%s", d)
	}
	var all []string
	for _, name := range names {
		rows, err := read.GetRows(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			all = append(all, row...)
		}
	}
	if d := cmp.Diff([]string{"N", "0", "1", "2", "N", "3", "4", "5", "N", "6"}, all); d != "" {
		t.Errorf("rows (-want +got):\n%s", d)
	}
	// A sheet that is just full has no empty one after it.
	b.Reset()
	book = &workbook{Table: Table{Columns: columns("N")}, zip: zip.NewWriter(&b), maxRows: 7}
	if err := book.write(t.Context(), of(rows...)); err != nil {
		t.Fatal(err)
	}
	if names := opened(t, b.Bytes()).GetSheetList(); !slices.Equal(names, []string{"Sheet"}) {
		t.Errorf("sheets: %q", names)
	}
}

func TestNamesOfSheetsAndColumns(t *testing.T) {
	for given, want := range map[string]string{"": "Sheet", "a/b": "a-b", "'quoted'": "quoted", "[1]*?:\\": "-1-----", "R & <D>": "R & <D>", "\x01\xff": "--", " ' ": "Sheet"} {
		book, _ := written(t, Table{Name: given, Columns: columns("A")}, of())
		if names := book.GetSheetList(); !slices.Equal(names, []string{want}) {
			t.Errorf("%q is called %q, want %q", given, names, want)
		}
	}
	for i, want := range map[int]string{0: "A", 25: "Z", 26: "AA", 51: "AZ", 52: "BA", 701: "ZZ", 702: "AAA", 16_383: "XFD"} {
		if got := letters(i); got != want {
			t.Errorf("column %d is %s, want %s", i, got, want)
		}
	}
}

// fails fails from the n-th byte on.
type fails struct{ n int }

var errDisk = errors.New("no room")

func (f *fails) Write(b []byte) (int, error) {
	if f.n -= len(b); f.n < 0 {
		return 0, errDisk
	}
	return len(b), nil
}

func TestWhatCanNotBeWritten(t *testing.T) {
	stopped, stop := context.WithCancel(t.Context())
	stop()
	broken := errors.New("no more rows")
	one := Table{Columns: columns("A")}
	for _, c := range []struct {
		name  string
		ctx   context.Context
		table Table
		w     io.Writer
		rows  iter.Seq2[[]Cell, error]
		want  string
	}{
		{"no columns", t.Context(), Table{}, io.Discard, of(), "0 columns"},
		{"a row that is too long", t.Context(), one, io.Discard, of([]Cell{{}, {}}), "row 2 has 2 cells, the table 1 columns"},
		{"rows that fail", t.Context(), one, io.Discard, func(yield func([]Cell, error) bool) { yield(nil, broken) }, "no more rows"},
		{"a context that ended", stopped, one, io.Discard, of([]Cell{{}}), "canceled"},
		{"a context that ended, with no rows", stopped, one, io.Discard, of(), "canceled"},
		{"a full disk", t.Context(), one, &fails{0}, of([]Cell{{}}), "no room"},
		{"a disk that is full at the end", t.Context(), one, &fails{900}, of([]Cell{{}}), "no room"},
	} {
		if err := c.table.Write(c.ctx, c.w, c.rows); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	for _, bad := range []string{"", "-", ".5", "5.", "1e3", "NaN", "0x1", "1,5", " 1", "--1", "1.2.3", "</v>", strings.Repeat("1", 65)} {
		if err := one.Write(t.Context(), io.Discard, of([]Cell{Number(bad)})); err == nil || !strings.Contains(err.Error(), "A2:") {
			t.Errorf("the number %q: %v", bad, err)
		}
	}
}
