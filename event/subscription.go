package event

// Subscribed is what events of subscriptions are about.
type Subscribed struct {
	// Plan is the id of the plan in the catalogue.
	Plan int64 `json:"plan"`
	// Name is the plan's name in the catalogue.
	Name string `json:"name"`
	// Service is the service that the plan pays for; not there when it is the portal's own.
	Service string `json:"service,omitzero"`
	// Quantity is how many of it there are, after what happened.
	Quantity int64 `json:"quantity"`
	// PaidFrom is "wallet" or "card"; not there when it is paid elsewhere.
	PaidFrom string `json:"paidFrom,omitzero"`
}

// SubscriptionRenewed is told when the next period was paid.
type SubscriptionRenewed struct {
	Subscribed
	// Amount is what was paid for the period.
	Amount Money `json:"amount"`
	// PeriodStart is when the period that was paid begins.
	PeriodStart Time `json:"periodStart"`
	// PeriodEnd is when it ends, and the next one is due.
	PeriodEnd Time `json:"periodEnd"`
	// Transfer is the id of the transfer out of the wallet; not there when it cost nothing
	// or was paid elsewhere.
	Transfer string `json:"transfer,omitzero"`
	// Collection is the id of the collection that paid for it; not there when none did.
	Collection string `json:"collection,omitzero"`
	// PastDueSince is since when it should have been paid; not there when it was in time.
	PastDueSince Time `json:"pastDueSince,omitzero"`
	// Attempt counts how often it was tried, this time included.
	Attempt int64 `json:"attempt,omitzero"`
}

// Type returns "subscription.renewed".
func (SubscriptionRenewed) Type() Type { return TypeSubscriptionRenewed }

// SubscriptionDue is told ahead of the end of a period that is to be renewed.
type SubscriptionDue struct {
	Subscribed
	// NextQuantity is how many the next period will have.
	NextQuantity int64 `json:"nextQuantity"`
	// Amount is what the next period costs.
	Amount Money `json:"amount"`
	// DueAt is when the period ends.
	DueAt Time `json:"dueAt"`
	// Shortfall is what is missing in the wallet for it; not there when nothing is.
	Shortfall Money `json:"shortfall,omitzero"`
	// Needed is how many what is in use needs: NextQuantity was raised to it, where the
	// policy says so, or is less; not there when what is in use does not matter.
	Needed int64 `json:"needed,omitzero"`
}

// Type returns "subscription.due".
func (SubscriptionDue) Type() Type { return TypeSubscriptionDue }

// SubscriptionPastDue is told each time that a period which has begun, or is about
// to, could not be paid.
type SubscriptionPastDue struct {
	Subscribed
	// NextQuantity is how many are to be paid for.
	NextQuantity int64 `json:"nextQuantity"`
	// Amount is what should have been paid.
	Amount Money `json:"amount"`
	// DueAt is when the period before it ends.
	DueAt Time `json:"dueAt"`
	// PastDueSince is since when it should have been paid.
	PastDueSince Time `json:"pastDueSince"`
	// GraceEnds is when it is cancelled unless it is paid; not there when it never is.
	GraceEnds Time `json:"graceEnds,omitzero"`
	// Attempt counts how often it was tried, this time included.
	Attempt int64 `json:"attempt"`
	// NextAttemptAt is when it is tried again; not there when it is not.
	NextAttemptAt Time `json:"nextAttemptAt,omitzero"`
	// Shortfall is what is missing in the wallet for it; not there when it is paid by card.
	Shortfall Money `json:"shortfall,omitzero"`
	// Reason is why, machine-readable: "insufficient_funds", or the provider's.
	Reason string `json:"reason,omitzero"`
}

// Type returns "subscription.past_due".
func (SubscriptionPastDue) Type() Type { return TypeSubscriptionPastDue }

// SubscriptionChanged is told when a portal has more or less of something, something
// else, or something for the first time.
type SubscriptionChanged struct {
	Subscribed
	// QuantityBefore is how many there were; 0 for none.
	QuantityBefore int64 `json:"quantityBefore"`
	// NextQuantity is how many the next period will have, 0 for none; not there when as
	// many as now.
	NextQuantity *int64 `json:"nextQuantity,omitempty"`
	// Amount is what was paid for the change now; not there when nothing was.
	Amount Money `json:"amount,omitzero"`
	// PeriodStart is when the period began; not there when it has none.
	PeriodStart Time `json:"periodStart,omitzero"`
	// PeriodEnd is when it ends; not there when it never does.
	PeriodEnd Time `json:"periodEnd,omitzero"`
	// Reason is why: "bought", "set" by an operator, "scheduled" for the new period, or
	// "overuse" where the policy says so. More may come.
	Reason string `json:"reason"`
	// Transfer is the id of the transfer out of the wallet; not there when there is none.
	Transfer string `json:"transfer,omitzero"`
	// Collection is the id of the collection that paid for it; not there when none did.
	Collection string `json:"collection,omitzero"`
}

// Type returns "subscription.changed".
func (SubscriptionChanged) Type() Type { return TypeSubscriptionChanged }

// SubscriptionCancelled is told when a portal has something no longer.
type SubscriptionCancelled struct {
	Subscribed
	// QuantityBefore is how many there were.
	QuantityBefore int64 `json:"quantityBefore"`
	// Reason is why: "unpaid", "cancelled" by somebody, "trial_ended", "scheduled" or
	// "overuse". More may come.
	Reason string `json:"reason"`
	// EndedAt is when it ended.
	EndedAt Time `json:"endedAt"`
	// PastDueSince is since when it should have been paid; not there when it was.
	PastDueSince Time `json:"pastDueSince,omitzero"`
	// Attempt counts how often it was tried to pay for it; not there when it was not.
	Attempt int64 `json:"attempt,omitzero"`
}

// Type returns "subscription.cancelled".
func (SubscriptionCancelled) Type() Type { return TypeSubscriptionCancelled }
