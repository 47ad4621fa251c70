package sheet

import (
	"archive/zip"
	"bufio"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
)

// Table is what a workbook holds, but for its rows.
type Table struct {
	// Name is that of the sheet, and of the ones after it with a number: what the
	// format does not allow in it is replaced, "" means "Sheet".
	Name    string
	Columns []Column
}

// Column is one column of a table.
type Column struct {
	// Title stands in the first row of every sheet.
	Title string
	// Width is in characters; 0 means 12.
	Width int
}

// MaxRows is how many rows a sheet holds, besides its titles. What comes after
// them goes on in a further sheet.
const MaxRows = 1_048_575

// maxColumns is how many columns a sheet may have.
const maxColumns = 16_384

// Write writes a workbook of all rows. A row may be overwritten by who made it
// when the next one is asked for; one that is shorter than the columns is filled
// with empty cells. The first error of rows ends it, as does the context; what was
// written until then is no workbook.
func (t Table) Write(ctx context.Context, w io.Writer, rows iter.Seq2[[]Cell, error]) error {
	if len(t.Columns) == 0 || len(t.Columns) > maxColumns {
		return fmt.Errorf("write table: %d columns", len(t.Columns))
	}
	book := &workbook{Table: t, zip: zip.NewWriter(w), maxRows: MaxRows}
	return book.write(ctx, rows)
}

// workbook is one that is being written.
type workbook struct {
	Table
	zip     *zip.Writer
	maxRows int
	sheets  int
	letters []string // the names of the columns
}

func (b *workbook) write(ctx context.Context, rows iter.Seq2[[]Cell, error]) error {
	// Most of the time goes into compressing, and a higher level gains little.
	b.zip.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestSpeed) })
	for i := range b.Columns {
		b.letters = append(b.letters, letters(i))
	}
	out := bufio.NewWriterSize(nil, 64<<10)
	if err := b.begin(out); err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	line, used := []byte(nil), 0
	for row, err := range rows {
		if err == nil && used%256 == 0 {
			err = ctx.Err()
		}
		if err == nil && used == b.maxRows {
			err = errors.Join(end(out), b.begin(out))
			used = 0
		}
		if err == nil {
			used++
			line, err = b.appendRow(line[:0], row, used+1)
		}
		if err == nil {
			_, err = out.Write(line)
		}
		if err != nil {
			return fmt.Errorf("write table: %w", err)
		}
	}
	if err := errors.Join(ctx.Err(), end(out)); err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	for _, part := range b.parts() {
		if err := b.add(part.name, part.text); err != nil {
			return fmt.Errorf("write table: %w", err)
		}
	}
	if err := b.zip.Close(); err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	return nil
}

// begin begins a sheet: titles that stay where they are, and the widths.
func (b *workbook) begin(out *bufio.Writer) error {
	b.sheets++
	part, err := b.zip.Create(fmt.Sprintf("xl/worksheets/sheet%d.xml", b.sheets))
	if err != nil {
		return err
	}
	out.Reset(part)
	head := []byte(declaration + `<worksheet xmlns="` + spreadsheet + `"><sheetViews><sheetView workbookViewId="0">` +
		`<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><cols>`)
	for i, c := range b.Columns {
		width := c.Width
		if width <= 0 {
			width = 12
		}
		head = fmt.Appendf(head, `<col min="%d" max="%[1]d" width="%d" customWidth="1"/>`, i+1, min(width, 255))
	}
	head = append(head, `</cols><sheetData><row r="1">`...)
	for i, c := range b.Columns {
		head = appendText(head, b.letters[i], 1, styleHeader, c.Title)
	}
	_, err = out.Write(append(head, `</row>`...))
	return err
}

func end(out *bufio.Writer) error {
	_, err := out.WriteString(`</sheetData></worksheet>`)
	return errors.Join(err, out.Flush())
}

func (b *workbook) appendRow(line []byte, row []Cell, place int) ([]byte, error) {
	if len(row) > len(b.Columns) {
		return line, fmt.Errorf("row %d has %d cells, the table %d columns", place, len(row), len(b.Columns))
	}
	line = append(strconv.AppendInt(append(line, `<row r="`...), int64(place), 10), `">`...)
	for i, cell := range row {
		var err error
		if line, err = cell.append(line, b.letters[i], place); err != nil {
			return line, err
		}
	}
	return append(line, `</row>`...), nil
}

func (b *workbook) add(name, text string) error {
	part, err := b.zip.Create(name)
	if err == nil {
		_, err = io.WriteString(part, text)
	}
	return err
}

// letters returns the name of a column: A, …, Z, AA, ….
func letters(i int) string {
	name := ""
	for i++; i > 0; i = (i - 1) / 26 {
		name = string(rune('A'+(i-1)%26)) + name
	}
	return name
}

// maxName is how long the name of a sheet may be.
const maxName = 31

// sheetName returns the name of a sheet by its number, from 1.
func (b *workbook) sheetName(number int) string {
	name := strings.Map(func(r rune) rune {
		if strings.ContainsRune(`[]:*?/\`, r) || r < ' ' || r > 0xffff {
			return '-'
		}
		return r
	}, strings.ToValidUTF8(b.Name, "-"))
	name = strings.Trim(name, "' ")
	if name == "" {
		name = "Sheet"
	}
	suffix := ""
	if number > 1 {
		suffix = fmt.Sprintf(" (%d)", number)
	}
	if runes := []rune(name); len(runes) > maxName-len(suffix) {
		name = strings.Trim(string(runes[:maxName-len(suffix)]), "' ")
	}
	return name + suffix
}
