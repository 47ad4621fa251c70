// Package subscription holds the rules of what a customer has bought for a time:
// whether it counts as paid, when its periods end, what the rest of one is worth,
// and so what a change costs.
//
// A [Term] is one paid period by a portal's wall clock, a [Holding] how much of
// something is held for it and at what rate. [StateAt] says whether a portal is
// paid, and [Check] whether what it uses is allowed.
//
// Everything is pure: facts and the time come in, a decision goes out. README.md
// says the rules with worked examples.
package subscription
