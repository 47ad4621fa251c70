// Package paymentapi is the door for payment providers, and for the customers whom
// they send: messages come in at /webhooks/, and the sandbox shows its pages below
// /sandbox/.
//
// Nobody needs a key here: messages are signed, and who opens a page has its token.
package paymentapi
