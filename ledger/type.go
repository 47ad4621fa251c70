package ledger

import (
	"fmt"
	"strconv"
	"strings"
)

// Type says what a transfer is, in the words of DocSpace's accounting service.
// Its numbers are kept in databases. Source: contract, "Operation types and
// statuses".
type Type int

const (
	Unknown Type = iota
	ServicePayment
	PackagePayment
	AIServicePayment
	Deposit
	ReceiveProviderInvoice
	ProcessProviderInvoice
	WriteOffServiceProfit
	Profit
	PartnerAccrual
	ProviderPayment
	PartnerPayment
	Refund
	BankDeposit
	BankWithdrawal
	GoodwillCredit
	WriteOffProfit
	WriteOffDifferenceCurrency
	AIDebit
	AICredit
)

// typeNames are the names on the wire, by number.
var typeNames = [...]string{
	"Unknown", "ServicePayment", "PackagePayment", "AiServicePayment", "Deposit",
	"ReceiveProviderInvoice", "ProcessProviderInvoice", "WriteOffServiceProfit", "Profit",
	"PartnerAccrual", "ProviderPayment", "PartnerPayment", "Refund", "BankDeposit",
	"BankWithdrawal", "GoodwillCredit", "WriteOffProfit", "WriteOffDifferenceCurrency",
	"AiDebit", "AiCredit",
}

// Known reports whether t is one of the constants.
func (t Type) Known() bool { return t >= 0 && int(t) < len(typeNames) }

// String returns the name on the wire: "ServicePayment".
func (t Type) String() string {
	if !t.Known() {
		return "Type(" + strconv.Itoa(int(t)) + ")"
	}
	return typeNames[t]
}

// ParseType reads a type by its name, in any case, or its number.
func ParseType(text string) (Type, error) {
	for i, name := range typeNames {
		if strings.EqualFold(name, text) || strconv.Itoa(i) == text {
			return Type(i), nil
		}
	}
	return Unknown, fmt.Errorf("%q is no type of operation", text)
}

// Status says how an operation ended. Everything in a ledger is Completed; what
// is not, never came into it.
type Status int

const (
	Pending Status = iota
	Completed
	Rejected
	Canceled
)

var statusNames = [...]string{"Pending", "Completed", "Rejected", "Canceled"}

// String returns the name on the wire: "Completed".
func (s Status) String() string {
	if s < 0 || int(s) >= len(statusNames) {
		return "Status(" + strconv.Itoa(int(s)) + ")"
	}
	return statusNames[s]
}

// ParseStatus reads a status by its name, in any case, or its number.
func ParseStatus(text string) (Status, error) {
	for i, name := range statusNames {
		if strings.EqualFold(name, text) || strconv.Itoa(i) == text {
			return Status(i), nil
		}
	}
	return Pending, fmt.Errorf("%q is no status of an operation", text)
}
