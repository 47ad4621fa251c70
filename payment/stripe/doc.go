// Package stripe is the payment provider that collects real money, by Stripe: cards
// that customers save on Stripe's own pages, charged later without them.
//
// Stripe forgets an idempotency key after a day. What must never happen twice is
// therefore looked for under our id before it is asked for: every payment and every
// page bears it as metadata, and the lists of a customer's payments are read, which
// show what was made a moment ago. Stripe's search does not, and is not used. The
// key guards what is left: two who ask at once.
//
// The library that speaks to Stripe is not let repeat a request by itself: whether one
// may be repeated is what [payment.Provider] says. Go's own HTTP client repeats one
// that met a connection closed by the other side, under the same key.
package stripe
