// Package webpage writes what is known of the billing of one portal, or of many, as one
// HTML file to mail and to print: balances, how long they last, what was spent and on
// what, what is coming, and who pays.
//
// The file stands by itself: it has no script, loads nothing, links to nothing outside,
// and says so to the browser. It fits a phone and a sheet of paper, and follows the
// reader's choice of light or dark. Charts are drawn in it, in whole numbers, from exact
// amounts; the numbers themselves stand beside each.
//
// What portals send is text that somebody typed in: it is put on one line, cut where
// nobody would read on, and escaped, so that it can be nothing but text.
package webpage
