package exporter

import "github.com/bursarhq/bursar/foreign"

// maxLabel is how many characters of what a portal sends a label has at most.
const maxLabel = 64

// label makes a label's value of what a portal sent; "" for nothing.
func label(text string) string { return foreign.Line(text, maxLabel) }
