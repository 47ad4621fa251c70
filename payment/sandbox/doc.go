// Package sandbox is a payment provider that moves no money, for demos and tests:
// it does what a real one may do, well or badly, as it is told.
//
// A [Behaviour] says how one charge goes. It comes from a script
// ([Config.Script]) or, without one, from the charge's payment method: "card"
// settles, "card_declined" does not, "card_timeout_after" is collected and
// nobody hears of it ([Methods]). Nothing is left to chance, and nothing hangs on
// the amount.
//
// It has pages, on which customers choose the card; a door shows them, and asks here
// what comes of it ([Provider.Visit], [Provider.Answer]).
//
// What was asked and how it ends stands in a [Journal], as in a real provider's
// own books, so that a charge can be found after a restart.
package sandbox
