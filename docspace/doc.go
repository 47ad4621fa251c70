// Package docspace is a client of the billing and payment API of ONLYOFFICE
// DocSpace portals, all of it: who pays, what the wallet holds and what happened in
// it, the plan and those on offer, services, prices and usage; and what changes
// them, which costs money.
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
// There is one method an operation, and [Client.Report] does the six reads that say
// how a portal stands all at once.
//
// # Where to look
//
// The wallet: [Client.Balance] and [Client.AIBalance] are what there is,
// [Client.Operations] is a page of what happened and [Client.AllOperations] all of
// it, [Client.Usage] and [Client.MonthlyUsage] what that came to. [Client.Deposit]
// charges the customer's payment method, [Client.TopUpSettings] say when that
// happens by itself, and [Client.SetTopUpSettings] changes them.
//
// The plan: [Client.Quota] is what there is with what is used of it,
// [Client.Tariff] until when, [Client.UpcomingPayments] what is next. On offer are
// [Client.Quotas]; [Client.CheckoutURL] is where a browser buys the first, and
// [Client.UpdatePlan] changes its size.
//
// Services, which the wallet pays for: [Client.WalletServices] are there to choose
// from, [Client.SetServiceState] switches one on. What is bought by the period, like
// storage, [Client.CalculateWallet] says the price of, [Client.BuyFromWallet] buys,
// and [Client.ScheduleWallet] makes larger, smaller or nothing from the next period
// on. [Client.CreditAIBalance] buys AI credit.
//
// Spreadsheets of operations and usage are made by the portal:
//
//	if _, err := client.StartOperationsReport(ctx, docspace.OperationsQuery{}); err != nil {
//		return err
//	}
//	task, err := client.AwaitReport(ctx, client.OperationsReport)
//	if err != nil {
//		return err
//	}
//	_, err = client.DownloadReport(ctx, task, file)
//
// # What a portal says, and what it leaves out
//
// A portal answers "nothing" where it has no customer, or where its accounting
// can't be reached. That is never nought: the pointer is nil, with a nil error.
// Amounts are exact ([money.Amount]), and numbers that no amount can hold are as the
// portal wrote them ([Decimal]); a date with no zone is read as UTC, which is what
// portals mean by it, and a date that stands for "never" is the zero [Time]. Members
// that this package does not know are passed over.
//
// Portals are of many ages. A method says which have its route; one that lacks it
// answers [ErrNotFound]. Where only the name of a route has changed, the client tries
// both.
//
// # What costs money
//
// Whatever changes something is sent once and never repeated: a redirect is not
// followed, nor is a broken connection tried again. After an error,
// [Error.MayHaveHappened] says whether it may have been done all the same: a status
// of 400 to 499 is a refusal, anything else leaves it open. What moves money takes
// a key, the caller's own name for it: under the same key Bursar does it once,
// however often it is asked, so that the same call again tells what came of the
// first. A stock portal does not know keys. [Client.Operations] shows what it did.
//
// # When it goes wrong
//
// Every failure is an [*Error] that names the operation, the status and what
// came back, and wraps one of the package's Err values, so that errors.Is tells
// a refused key from a portal that is down, and [ErrPaymentRequired] from both. The
// key is in no error, ever, nor is one that a portal made.
//
// Reads are repeated where that helps: after 429, 502, 503, 504 and broken
// connections, when the portal says or else with growing pauses. A client never
// waits past its context.
//
// # The wire
//
// The types of this package are the wire itself, in both directions, and
// Bursar's own portal writes its answers with them. Member names and order
// are those of DocSpace 3.7.2, with the additions of 3.8 and 4.x where they carry
// something. An amount that is missing is an error, and never nought.
package docspace
