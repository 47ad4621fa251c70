// Package ledger holds the laws of Bursar's double-entry ledger, and what follows
// from them: what a request does to a wallet, or why it is refused.
//
// A Batch is what is known of some wallets. Requests run on it one after the
// other; each gets its own Result, and the Effects say what must be written down.
// An Audit re-adds a whole ledger and names the first thing that is wrong.
//
// Nothing here knows a database, a clock or a customer. README.md says what each
// account means, lists the laws and works examples.
package ledger
