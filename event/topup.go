package event

// TopUpPlanned is told when an automatic top-up was decided on, before anything is
// collected. What came of it is told by an event that names the same top-up.
type TopUpPlanned struct {
	// TopUp is the id of the top-up.
	TopUp string `json:"topUp"`
	// Cause is why: "balance" when less than the floor was available, "renewal" when a
	// renewal was not covered. More may come.
	Cause string `json:"cause"`
	// Amount is what is to be collected.
	Amount Money `json:"amount"`
	// Available is what was available when it was decided.
	Available Money `json:"available"`
	// Floor is what should always be available.
	Floor Money `json:"floor,omitzero"`
	// Target is what the wallet is filled up to.
	Target Money `json:"target,omitzero"`
	// LimitedBy is the limit for which the amount is less than what is missing:
	// "cap_charge", "cap_day" or "cap_month"; not there when none is.
	LimitedBy string `json:"limitedBy,omitzero"`
	// Method is what it is to be collected from, for people: "Visa •••• 4242".
	Method string `json:"method,omitzero"`
}

// Type returns "topup.planned".
func (TopUpPlanned) Type() Type { return TypeTopUpPlanned }

// TopUpSucceeded is told when the money of an automatic top-up is in the wallet.
type TopUpSucceeded struct {
	// TopUp is the id of the top-up.
	TopUp string `json:"topUp"`
	// Collection is the id of the collection.
	Collection string `json:"collection"`
	// Transfer is the id of the transfer into the wallet.
	Transfer string `json:"transfer"`
	// Amount is what was collected.
	Amount Money `json:"amount"`
	// Available is what was available after it.
	Available Money `json:"available,omitzero"`
	// Method is what it was collected from, for people.
	Method string `json:"method,omitzero"`
}

// Type returns "topup.succeeded".
func (TopUpSucceeded) Type() Type { return TypeTopUpSucceeded }

// TopUpDeclined is told when the provider has refused to collect for an automatic
// top-up. Nothing was collected.
type TopUpDeclined struct {
	// TopUp is the id of the top-up.
	TopUp string `json:"topUp"`
	// Collection is the id of the collection.
	Collection string `json:"collection"`
	// Amount is what was not collected.
	Amount Money `json:"amount"`
	// Reason is the provider's, machine-readable: "insufficient_funds", "expired_card", ….
	Reason string `json:"reason"`
	// Declines counts how often in a row it was refused, this time included.
	Declines int64 `json:"declines"`
	// RetryAt is when it is tried again; not there when it is not, because the top-ups
	// were suspended.
	RetryAt Time `json:"retryAt,omitzero"`
	// Method is what it was to be collected from, for people.
	Method string `json:"method,omitzero"`
}

// Type returns "topup.declined".
func (TopUpDeclined) Type() Type { return TypeTopUpDeclined }

// TopUpUnknown is told when nobody knows whether money was collected for an automatic
// top-up. The provider is asked what came of it, and nothing more is collected until
// that is known.
type TopUpUnknown struct {
	// TopUp is the id of the top-up.
	TopUp string `json:"topUp"`
	// Collection is the id of the collection.
	Collection string `json:"collection"`
	// Amount is what may have been collected.
	Amount Money `json:"amount"`
	// Reason is what went wrong, as far as it is known.
	Reason string `json:"reason,omitzero"`
	// Method is what it was to be collected from, for people.
	Method string `json:"method,omitzero"`
}

// Type returns "topup.unknown".
func (TopUpUnknown) Type() Type { return TypeTopUpUnknown }

// TopUpSuspended is told when nothing is collected automatically any more, until the
// payment method is another or somebody resumes it.
type TopUpSuspended struct {
	// TopUp is the id of the last top-up.
	TopUp string `json:"topUp,omitzero"`
	// Reason is that of the last refusal, the provider's.
	Reason string `json:"reason"`
	// Declines counts how often in a row it was refused.
	Declines int64 `json:"declines"`
	// Available is what was available.
	Available Money `json:"available,omitzero"`
	// Method is what could not be collected from, for people.
	Method string `json:"method,omitzero"`
}

// Type returns "topup.suspended".
func (TopUpSuspended) Type() Type { return TypeTopUpSuspended }

// TopUpResumed is told when automatic top-ups that were suspended go on.
type TopUpResumed struct {
	// Reason is why: "new_method" when the payment method is another, "collected" when it
	// paid for something else, "asked" when an operator did. More may come.
	Reason string `json:"reason"`
	// Method is what is collected from now, for people.
	Method string `json:"method,omitzero"`
}

// Type returns "topup.resumed".
func (TopUpResumed) Type() Type { return TypeTopUpResumed }

// TopUpSkipped is told when a top-up would have been due, and nothing was collected.
type TopUpSkipped struct {
	// TopUp is the id of the top-up that would have been.
	TopUp string `json:"topUp,omitzero"`
	// Reason is why nothing was collected, machine-readable: the limit that was reached,
	// "cap_day", "cap_month" or "cap_count", or "suspended", "backing_off", "no_method",
	// "target_too_low" or "invalid". More may come.
	Reason string `json:"reason"`
	// Limit is how much the limit allows; not there when it is not of money.
	Limit Money `json:"limit,omitzero"`
	// Amount is what would have been collected.
	Amount Money `json:"amount,omitzero"`
	// Available is what was available.
	Available Money `json:"available"`
	// Floor is what should always be available.
	Floor Money `json:"floor,omitzero"`
	// Target is what the wallet would have been filled up to.
	Target Money `json:"target,omitzero"`
	// RetryAt is when it is looked at again; not there when nobody knows.
	RetryAt Time `json:"retryAt,omitzero"`
}

// Type returns "topup.skipped".
func (TopUpSkipped) Type() Type { return TypeTopUpSkipped }
