package wallet

import (
	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
)

// Payment is an amount that moves into a wallet or out of it, and what for.
type Payment struct {
	// Amount is more than nought.
	Amount money.Amount
	// Service and Quantity say what is paid for; "" and 0 when nothing is.
	Service  string
	Quantity int64
	// Participant is the user on whose account it happens; "" for nobody.
	Participant string
	Metadata    ledger.Metadata
}

func (p Payment) posting(t ledger.Type, debit, credit ledger.Account) ledger.Post {
	return ledger.Post{{
		Book: ledger.Main, Debit: debit, Credit: credit, Amount: p.Amount, Type: t,
		Service: p.Service, Quantity: p.Quantity, Participant: p.Participant, Metadata: p.Metadata,
	}}
}

// Charge is paid from the wallet for a service.
func Charge(p Payment) ledger.Action {
	return p.posting(ledger.ServicePayment, ledger.Wallet, ledger.Revenue)
}

// Subscribe is paid from the wallet for a period: of a plan proper, or of a service
// beside it.
func Subscribe(p Payment, plan bool) ledger.Action {
	kind := ledger.ServicePayment
	if plan {
		kind = ledger.PackagePayment
	}
	return p.posting(kind, ledger.Wallet, ledger.Revenue)
}

// Unused is what is given back of a period that was paid for and is not used.
func Unused(p Payment) ledger.Action {
	return p.posting(ledger.Refund, ledger.Revenue, ledger.Wallet)
}

// AICredit is moved from the wallet to the AI credit beside it.
func AICredit(p Payment) ledger.Action {
	out := p.posting(ledger.AIDebit, ledger.Wallet, ledger.Transit)
	in := p.posting(ledger.AICredit, ledger.Transit, ledger.Wallet)
	in[0].Book = ledger.AI
	return append(out, in...)
}

// Deposit is paid into the wallet by way of a payment provider.
func Deposit(p Payment, provider string) ledger.Action {
	return p.posting(ledger.Deposit, ledger.Provider(provider), ledger.Wallet)
}

// Goodwill is given away.
func Goodwill(p Payment) ledger.Action {
	return p.posting(ledger.GoodwillCredit, ledger.Goodwill, ledger.Wallet)
}

// Refund is given back.
func Refund(p Payment) ledger.Action {
	return p.posting(ledger.Refund, ledger.Refunds, ledger.Wallet)
}

// Opening sets what was there before the ledger: into the wallet when the amount
// is more than nought, out of it otherwise. The amount must not be nought.
func Opening(p Payment) ledger.Action {
	if p.Amount.Sign() < 0 {
		p.Amount = p.Amount.Neg()
		return p.posting(ledger.BankWithdrawal, ledger.Wallet, ledger.Opening)
	}
	return p.posting(ledger.BankDeposit, ledger.Opening, ledger.Wallet)
}

// Paid is a deposit that came by other ways than a provider, before the ledger.
func Paid(p Payment) ledger.Action { return p.posting(ledger.Deposit, ledger.Opening, ledger.Wallet) }

// Details returns metadata with a text for people, which portals show with the
// operation. Source: contract, "How the portal words a ledger row".
func Details(text string) ledger.Metadata {
	return ledger.NewMetadata(map[string]string{"details": text})
}
