package payment

// Method is a payment method that a customer has saved with the provider.
type Method struct {
	// Account is the provider's own id of the customer; "" if it has none.
	Account string
	// Token names the method in Charge.Method.
	Token string
	// Kind is what it is: "card". A provider's own names are kept.
	Kind string
	// Label is for people: "Visa •••• 4242". It has nothing in it that must be kept
	// secret.
	Label string
	// Fingerprint is the same for the same card, whoever saves it and however
	// often; "" if the provider gives none.
	Fingerprint string
	// ExpiresYear and ExpiresMonth are the last month of a card, 2028 and 1 to 12;
	// 0 where nothing expires.
	ExpiresYear, ExpiresMonth int
	// Delayed says that a charge by it is Pending for days.
	Delayed bool
}
