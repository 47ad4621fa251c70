package portalapi

// Quirks are the ways of a stock portal that Bursar leaves behind. The zero
// Quirks have none of them; StockQuirks has all.
//
// Some more have no switch. A stock portal answers an empty balance, an empty list
// of operations, or that a deposit was declined, when its accounting fails; here,
// what is not known is an error. It knows no Idempotency-Key and charges a deposit
// once for each request; here, once for each key, and without keys never twice at
// a time. It takes the last of several members of one name; here, a body that
// says two things is refused. It keys what is wrong with a value of another type by
// where it stands, "$.amount"; here, by its field, "Amount", like all else, and only
// what is no JSON by where it stands. Its lists of operations have no highest limit,
// and pass on any order; here, 1000, and by date. It sends people back to any address
// after a payment; here, to the portal or where the operator allows. And it sends the
// stack trace of each error; here, stack is always null.
type Quirks struct {
	// BearerKeysOnly: an API key is accepted only as "Authorization: Bearer
	// sk-…". Without it, also as "Authorization: sk-…", as the published
	// samples send it, and as "ApiKeyBearer: sk-…", as the generated SDKs do.
	BearerKeysOnly bool
	// NoSettingsTwin: the top-up settings stand only under response. Without
	// it, once more under settings, where the published Python sample looks.
	NoSettingsTwin bool
	// SignAsISOCode: isoCurrencySymbol of a currency is its sign. Without it,
	// it is the ISO 4217 code, as documented, and the sign is in currencySymbol.
	SignAsISOCode bool
	// NoPlanDueDate: the due date of a quota is only that of add-ons. Without
	// it, a plan without add-ons has its own due date. (Package billing.)
	NoPlanDueDate bool
	// CurrenciesCountOne: count is 1 for the list of currencies. Without it,
	// count is the number of elements of every list.
	CurrenciesCountOne bool
	// QuietLimits: X-RateLimit-* headers come only with a 429. Without it, with
	// every answer, as documented.
	QuietLimits bool
	// QuietKeys: nothing says that idempotency keys are kept, though they are. Without
	// it, every answer to a known key says so: "Idempotency-Keys: kept".
	QuietKeys bool
}

// StockQuirks returns the ways of a stock portal.
func StockQuirks() Quirks {
	return Quirks{
		BearerKeysOnly:     true,
		NoSettingsTwin:     true,
		SignAsISOCode:      true,
		NoPlanDueDate:      true,
		CurrenciesCountOne: true,
		QuietLimits:        true,
		QuietKeys:          true,
	}
}
