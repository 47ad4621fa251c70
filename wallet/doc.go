// Package wallet says what happens to a customer's prepaid money in the words of
// the ledger: which accounts a charge, a deposit or a credit moves it between,
// and which rule refills it.
//
// Everything is pure: facts come in, what the ledger is asked to do goes out.
package wallet
