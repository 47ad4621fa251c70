// Package docspace reads the billing and payment information of an ONLYOFFICE
// DocSpace portal: who pays, the balance by currency, the current plan, the
// plans on offer, the automatic top-up settings, the currencies, and what
// happened in the wallet. It pays into the wallet, too.
//
// # A first look
//
// A [Client] needs the address of a portal and an API key (or personal access
// token) of one of its administrators:
//
//	client, err := docspace.New(docspace.Config{
//		URL: "https://portal.example.com",
//		Key: os.Getenv("DOCSPACE_API_KEY"),
//	})
//
// There is one method an operation ([Client.CustomerInfo], [Client.Balance],
// [Client.Quota], [Client.Quotas], [Client.TopUpSettings], [Client.Currencies]),
// and [Client.Report] does all six at once. [Client.AIBalance] is the balance of
// AI credit; [Client.Operations] is a page of what happened in the wallet, and
// [Client.AllOperations] all of it. [Client.Deposit] charges the customer's
// payment method: it is the one thing here that costs money.
//
// # What a portal says, and what it leaves out
//
// A portal answers "nothing" where it has no customer, or where its accounting
// can't be reached. That is never nought: the pointer is nil, with a nil error.
// Amounts are exact ([money.Amount]); a date with no zone is read as UTC, which
// is what portals mean by it, and a date that stands for "never" is the zero
// [Time]. Members that this package does not know are passed over.
//
// # When it goes wrong
//
// Every failure is an [*Error] that names the operation, the status and what
// came back, and wraps one of the package's Err values, so that errors.Is tells
// a refused key from a portal that is down. The key is in no error, ever.
//
// Reads are repeated where that helps: after 429, 502, 503, 504 and broken
// connections, when the portal says or else with growing pauses. A deposit is
// never repeated. A client never waits past its context.
//
// # The wire
//
// The types of this package are the wire itself, in both directions, and
// Bursar's own portal writes its answers with them. Member names and order
// are those of DocSpace 3.7.2, with the additions of 4.x where they carry
// something.
package docspace
