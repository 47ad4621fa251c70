// Package wallet says what happens to a customer's prepaid money in the words of
// the ledger: which accounts a charge, a deposit or a credit moves it between,
// and which rule refills it.
//
// [Decide] says what a top-up [Rule] does with a wallet as it stands: collect so
// much, wait until then, or nothing, and why. A [Breaker] keeps it from a card that
// is declined. A [Runway] says how long a wallet lasts, and a [History] how it would
// have fared under a rule, and which would have done.
//
// Everything is pure: facts and the time come in, what is to be done goes out.
// README.md says the rules in words.
package wallet
