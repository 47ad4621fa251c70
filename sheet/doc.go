// Package sheet writes tables of any length as .xlsx workbooks, row by row, in
// memory that does not grow with them, and without files on the way.
//
// It writes the few parts of the format that a table needs by itself: a library
// would put every number through a binary floating-point one, and lose digits of
// large amounts. Texts are texts in the file, whatever they begin with: nothing
// that stands in a cell is ever a formula.
//
// Source: ECMA-376, parts 1 and 2.
package sheet
