package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// history is what happened in a world, the last of it.
type history struct {
	lines []line
	all   uint64 // a sum over all lines there were: the same run has the same
}

type line struct {
	at     time.Time
	portal string
	depth  int
	text   string
}

// maxLines bounds what is kept.
const maxLines = 20_000

func (h *history) add(at time.Time, portal string, depth int, text string) {
	for _, b := range []byte(text) {
		h.all = (h.all ^ uint64(b)) * 1099511628211 // FNV-1a
	}
	h.all ^= uint64(at.UnixMicro())
	if len(h.lines) == maxLines {
		h.lines = append(h.lines[:0], h.lines[maxLines/2:]...)
	}
	h.lines = append(h.lines, line{at, portal, depth, text})
}

// tell writes the last lines that concern a portal, or all when it is "". What
// happened while a process was in the middle of something stands further in.
func (h *history) tell(out io.Writer, portal string, most int) {
	var mine []line
	for _, l := range h.lines {
		if portal == "" || l.portal == portal || l.portal == "" {
			mine = append(mine, l)
		}
	}
	if more := len(mine) - most; more > 0 {
		fmt.Fprintf(out, "  … %d lines before\n", more)
		mine = mine[more:]
	}
	for _, l := range mine {
		fmt.Fprintf(out, "  %s %s%s\n", l.at.Format("2006-01-02 15:04:05"), strings.Repeat("  ", max(0, l.depth-1)), l.text)
	}
}
