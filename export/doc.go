// Package export writes what happened in the wallets of portals into a file, whole or
// not at all: as CSV, a spreadsheet, JSON, Parquet, or in the columns of FOCUS.
//
// An export has two halves. The first reads, page by page, and keeps what it read in
// a folder beside the file, so that whoever is interrupted goes on where it was. The
// second writes the file from there, in memory that does not grow with it, and gives
// it its name when it is on the disk.
//
// An export since the last one remembers beside that what was ever in a file of it.
// Portals number no operations, so that what identifies one is what the accounting
// recorded of it, and how many there are alike. The file and what is remembered
// become valid by one write: whatever fails, the next run finds either both or
// neither, and brings to an end what was decided.
package export
