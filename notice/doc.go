// Package notice writes the mails that tell payers and operators what they must know:
// that a card was declined, that something is due, that money runs out.
//
// [Readers] says who is told of what happened, [Notice.Render] writes the mail, once as
// text and once as HTML, with the same words. It knows no database and no mail server;
// what it is given is what stands in it.
//
// What others typed in (names of portals, labels of cards, reasons of providers) is put
// on one line, cut where nobody would read on, and escaped, so that it can be nothing
// but text. The HTML stands by itself: it loads nothing, has no links but the reader's
// own program's, fits a phone, and follows the reader's choice of light or dark.
package notice
