package ledger

import "strings"

// Book is one of a portal's two series of transfers.
type Book string

const (
	Main Book = "main" // the wallet
	AI   Book = "ai"   // AI credit
)

// Books returns both.
func Books() []Book { return []Book{Main, AI} }

// Account is one side of a transfer.
type Account string

const (
	// Wallet is the customer's account in each book, the only one whose balance
	// is kept.
	Wallet Account = "wallet"
	// Revenue is what customers paid for services.
	Revenue Account = "revenue"
	// Goodwill is what was given away.
	Goodwill Account = "goodwill"
	// Refunds is what was given back.
	Refunds Account = "refund"
	// Opening is what was there before the ledger, or was set by hand.
	Opening Account = "opening"
	// Transit is on the way from one book to the other.
	Transit Account = "transit"
)

const providerPrefix = "provider."

// Provider returns the account of what a payment provider collected.
func Provider(name string) Account { return Account(providerPrefix + name) }

// Known reports whether the account is one of those that README.md lists.
func (a Account) Known() bool {
	switch a {
	case Wallet, Revenue, Goodwill, Refunds, Opening, Transit:
		return true
	}
	name, ok := strings.CutPrefix(string(a), providerPrefix)
	return ok && name != ""
}
