package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// rowTable lays rows out for people as they come, however many. Its columns are as
// wide as the rows so far needed.
type rowTable struct {
	out    io.Writer
	right  int // so many of the last columns are set to the right
	widths []int
	held   [][]string // rows that wait for the widths of the first ones
	begun  bool
}

// heldRows is how many rows are looked at before the first is written.
const heldRows = 200

// add takes a row; the first one are the headings.
func (r *rowTable) add(row []string) error {
	if r.begun {
		return r.write(row)
	}
	if r.held = append(r.held, row); len(r.held) <= heldRows {
		return nil
	}
	return r.begin()
}

// begin writes what was held.
func (r *rowTable) begin() error {
	r.begun = true
	for _, row := range r.held {
		r.widen(row)
	}
	for _, row := range r.held {
		if err := r.write(row); err != nil {
			return err
		}
	}
	r.held = nil
	return nil
}

func (r *rowTable) widen(row []string) {
	r.widths = append(r.widths, make([]int, len(row)-len(r.widths))...)
	for i, cell := range row {
		r.widths[i] = max(r.widths[i], ansi.StringWidth(cell))
	}
}

func (r *rowTable) write(row []string) error {
	r.widen(row)
	var line strings.Builder
	for i, cell := range row {
		if cell == "" {
			cell = "-"
		}
		if i > 0 {
			line.WriteString("  ")
		}
		line.WriteString(padded(cell, r.widths[i], i >= len(row)-r.right))
	}
	_, err := fmt.Fprintln(r.out, strings.TrimRight(line.String(), " "))
	return err
}

// close writes what is still held.
func (r *rowTable) close() error {
	if r.begun {
		return nil
	}
	return r.begin()
}
