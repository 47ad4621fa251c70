package wallet

import "time"

// Breaker keeps a rule from trying a card again and again that is declined. It is
// about one card: a new one starts anew. Only a provider's answer touches it. That
// nobody answered says nothing about a card, and an answer may yet come.
//
// The zero Breaker lets everything through.
type Breaker struct {
	// Declines counts those in a row, of this card.
	Declines int
	// RetryAt is when the card may be tried again; the zero Time: now, or, when it is
	// suspended, not at all.
	RetryAt time.Time
	// SuspendedAt is since when it is not tried any more; the zero Time: it is.
	SuspendedAt time.Time
	// Reason is the provider's, of the last decline: "card_declined".
	Reason string
	// Fingerprint is the card's, the same whoever saves it and however often; "" where
	// the provider gives none. Method is the provider's token of it.
	Fingerprint, Method string
}

// backOff returns how long to wait after so many declines in a row, at least one;
// false: for ever.
func backOff(declines int) (time.Duration, bool) {
	switch declines {
	case 1:
		return time.Hour, true
	case 2:
		return 6 * time.Hour, true
	case 3:
		return 24 * time.Hour, true
	}
	return 0, false
}

// Declined returns the breaker after a card was declined: it is tried again after an
// hour, then after six, then after 24, and then it is suspended. Of a card that is
// not the breaker's it is the first decline. A suspended one stays as it is, but for
// the reason.
func (b Breaker) Declined(now time.Time, reason, fingerprint, method string) Breaker {
	if b.Resumes(fingerprint, method) {
		b = Breaker{}
	}
	b.Reason, b.Fingerprint, b.Method = reason, fingerprint, method
	if !b.SuspendedAt.IsZero() {
		return b
	}
	b.Declines++
	pause, again := backOff(b.Declines)
	if !again {
		b.RetryAt, b.SuspendedAt = time.Time{}, now
		return b
	}
	b.RetryAt = now.Add(pause)
	return b
}

// Settled returns the breaker after money came.
func (b Breaker) Settled() Breaker { return Breaker{} }

// Resumes reports whether a card is another than the one that was declined, so that
// it is to be tried at once: one of another fingerprint or, where either has none,
// of another token. Nothing is resumed that nothing stopped, and having no card, which
// has neither, resumes nothing.
func (b Breaker) Resumes(fingerprint, method string) bool {
	switch {
	case b.Declines == 0 || fingerprint == "" && method == "":
		return false
	case b.Fingerprint != "" && fingerprint != "":
		return fingerprint != b.Fingerprint
	}
	return method != b.Method
}
