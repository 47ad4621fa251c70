package event

// BalanceLow is told when what is available in a pocket falls below its floor: once
// for each time that it does.
type BalanceLow struct {
	// Available is what was left when it fell.
	Available Money `json:"available"`
	// Floor is what should always be available: the minimum of the top-up rule.
	Floor Money `json:"floor"`
}

// Type returns "balance.low".
func (BalanceLow) Type() Type { return TypeBalanceLow }

// RunwayLow is told when a wallet is likely to be empty within so many days.
type RunwayLow struct {
	// Balance is what is available.
	Balance Money `json:"balance"`
	// Days is for how many whole days it is likely to last; 0 means less than one.
	Days int64 `json:"days"`
	// LowDays is how long it lasts if much is spent.
	LowDays int64 `json:"lowDays"`
	// HighDays is how long it lasts if little is spent; not there when it would last for
	// longer than can be told.
	HighDays *int64 `json:"highDays,omitempty"`
	// WarnDays is the number of days within which it is told.
	WarnDays int64 `json:"warnDays"`
	// EmptyAt is when it is likely to be empty.
	EmptyAt Time `json:"emptyAt,omitzero"`
}

// Type returns "runway.low".
func (RunwayLow) Type() Type { return TypeRunwayLow }

// DepositSettled is told when collected money has arrived in a wallet, whoever asked
// for it.
type DepositSettled struct {
	// Collection is the id of the collection; not there when an operator recorded the
	// payment.
	Collection string `json:"collection,omitzero"`
	// Transfer is the id of the transfer into the wallet.
	Transfer string `json:"transfer"`
	// Amount is what arrived.
	Amount Money `json:"amount"`
	// Available is what was available after it.
	Available Money `json:"available,omitzero"`
	// Automatic says that nobody asked for it at the time: a top-up or a renewal did.
	Automatic bool `json:"automatic"`
	// Method is what it was collected from, for people: "Visa •••• 4242".
	Method string `json:"method,omitzero"`
}

// Type returns "deposit.settled".
func (DepositSettled) Type() Type { return TypeDepositSettled }

// HoldExpired is told when a hold was neither completed nor voided in time, so that
// what it reserved is available again.
type HoldExpired struct {
	// Hold is the id of the hold.
	Hold string `json:"hold"`
	// Amount is what it reserved.
	Amount Money `json:"amount"`
	// Service is what it was for.
	Service string `json:"service"`
	// ExpiredAt is when it expired, which may be a while before the event.
	ExpiredAt Time `json:"expiredAt"`
}

// Type returns "hold.expired".
func (HoldExpired) Type() Type { return TypeHoldExpired }

// ChargeRefunded is told when collected money was given back.
type ChargeRefunded struct {
	// Collection is the id of the collection that money was given back of.
	Collection string `json:"collection"`
	// Refund is the id of the refund; not there when the provider was told to elsewhere.
	Refund string `json:"refund,omitzero"`
	// Amount is what was given back now.
	Amount Money `json:"amount"`
	// Total is what was given back of the collection in all.
	Total Money `json:"total"`
	// Transfer is the id of the transfer out of the wallet; not there when the money was
	// not in it.
	Transfer string `json:"transfer,omitzero"`
	// Reason is what whoever gave it back said.
	Reason string `json:"reason,omitzero"`
}

// Type returns "charge.refunded".
func (ChargeRefunded) Type() Type { return TypeChargeRefunded }

// WebhookTest is sent to a webhook that somebody tries out. Nothing has happened.
type WebhookTest struct {
	// Webhook is the id of the webhook.
	Webhook string `json:"webhook"`
}

// Type returns "webhook.test".
func (WebhookTest) Type() Type { return TypeWebhookTest }
