package billing

import (
	"errors"
	"fmt"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/store"
)

// What a use case may fail with. Every door has an answer to each; whatever is
// none of them is ours to mend.
var (
	// ErrNoPortal: no portal answers for the host.
	ErrNoPortal = errors.New("no portal answers for this host")
	// ErrNoKey: the request carries no key.
	ErrNoKey = errors.New("no API key was sent")
	// ErrUnknownKey: the portal has no such key.
	ErrUnknownKey = errors.New("the API key is not known to this portal")
	// ErrKeyExpired: the key's last day has passed.
	ErrKeyExpired = errors.New("the API key has expired")
	// ErrKeyRevoked: somebody ended the key.
	ErrKeyRevoked = errors.New("the API key was revoked")
	// ErrScope: the key is not made for this.
	ErrScope = errors.New("the API key lacks the scope for this")
	// ErrAccessDenied: the key's user may not do this.
	ErrAccessDenied = errors.New("Access denied") // DocSpace's own text
	// ErrInvalid: a field of the input can't be used; always a FieldError.
	ErrInvalid = errors.New("invalid input")
	// ErrNotFound: what the call names is not there.
	ErrNotFound = errors.New("not found")
	// ErrExists: what the call would make is there already.
	ErrExists = errors.New("exists already")
	// ErrInUse: what the call would take away is needed by something else.
	ErrInUse = errors.New("is in use")
	// ErrTryAgain: the database was busy or the call was given up. Unless the call
	// says otherwise nothing happened, and the same again may succeed.
	ErrTryAgain = errors.New("busy, try again")

	// ErrInsufficient: the wallet has less available than is needed; a
	// *ledger.InsufficientError is beneath it.
	ErrInsufficient = errors.New("insufficient funds")
	// ErrMismatch: the idempotency key was used before, with other input.
	ErrMismatch = errors.New("the idempotency key was used before with other input")
	// ErrHoldClosed: the hold was completed, voided, or has expired; a
	// *ledger.HoldClosedError is beneath it.
	ErrHoldClosed = errors.New("the hold is not open")
	// ErrOverHold: more than what the hold reserves.
	ErrOverHold = errors.New("more than the hold reserves")
	// ErrOverCorrection: more than what is left of the transfer, or it is itself
	// a correction.
	ErrOverCorrection = errors.New("nothing like that is left to correct")
	// ErrNoProvider: no payment provider is configured.
	ErrNoProvider = errors.New("no payment provider is configured")
	// ErrNoMethod: the customer has no payment method that can be charged.
	//lint:ignore ST1005 DocSpace's own text
	ErrNoMethod = errors.New("Customer payment method is not set")
	// ErrDeclined: the provider declined; always a DeclinedError.
	ErrDeclined = errors.New("the payment was declined")
	// ErrUnsettled: the provider's answer is not known yet. Nothing may be
	// charged anew: the same again, under the same key, tells.
	ErrUnsettled = errors.New("the outcome of the payment is not known yet")
	// ErrNotPaid: the portal's plan is not paid.
	ErrNotPaid = errors.New("Tariff is not paid")
	// ErrLimit: more is used than would be allowed; a *subscription.LimitError is
	// beneath it.
	ErrLimit = errors.New("more is used than would be allowed")
	// ErrBusyWallet: another deposit into the wallet is under way.
	ErrBusyWallet = errors.New("another deposit into the wallet is under way")
	// ErrTooMany: there were too many calls; always a TooManyError.
	ErrTooMany = errors.New("too many calls")
	// ErrNoMail: nobody said how mail is sent, or to whom.
	ErrNoMail = errors.New("no mail can be sent: it is not configured")
)

// FieldError is input that can't be used. It wraps ErrInvalid.
type FieldError struct {
	// Field is the name of the input: "email".
	Field string
	// Text says what is wrong with it: "is not an e-mail address".
	Text string
	// Sentence says that Text is a whole sentence of DocSpace's own, to be told as
	// it stands.
	Sentence bool
}

// Error returns the field and what is wrong with it.
func (e *FieldError) Error() string {
	if e.Sentence {
		return e.Text
	}
	return e.Field + " " + e.Text
}

// Unwrap returns ErrInvalid.
func (e *FieldError) Unwrap() error { return ErrInvalid }

// ArgumentError is input that can't be used, in DocSpace's own words. It wraps
// ErrInvalid.
type ArgumentError struct {
	// Field is the name of the input.
	Field string
	// Text is what DocSpace says of it: "Invalid quantity".
	Text string
}

// Error returns DocSpace's words.
func (e *ArgumentError) Error() string { return e.Text }

// Unwrap returns ErrInvalid.
func (e *ArgumentError) Unwrap() error { return ErrInvalid }

func argument(field, text string) error { return &ArgumentError{Field: field, Text: text} }

// limitError is a limit that would be exceeded, with its name in this package.
type limitError struct{ err error }

func (e *limitError) Error() string   { return e.err.Error() }
func (e *limitError) Unwrap() []error { return []error{ErrLimit, e.err} }

func invalid(field, format string, args ...any) error {
	return &FieldError{Field: field, Text: fmt.Sprintf(format, args...)}
}

// missingError is what is not there, in DocSpace's own words. It wraps
// ErrNotFound.
type missingError struct{ text string }

func (e *missingError) Error() string { return e.text }
func (e *missingError) Unwrap() error { return ErrNotFound }

func missing(text string) error { return &missingError{text} }

// storeErrors are the store's errors that are a caller's business.
var storeErrors = map[error]error{
	store.ErrNotFound: ErrNotFound,
	store.ErrExists:   ErrExists,
	store.ErrInUse:    ErrInUse,
	store.ErrBusy:     ErrTryAgain,
}

// storeError is an error of the store with its name in this package.
type storeError struct {
	doing string
	kind  error
	err   error
}

func (e *storeError) Error() string   { return e.doing + ": " + e.err.Error() }
func (e *storeError) Unwrap() []error { return []error{e.kind, e.err} }

// fromStore gives what came out of a transaction its name in this package. What
// has one already stays as it is.
func fromStore(doing string, err error) error {
	if err == nil || isOurs(err) {
		return err
	}
	for theirs, ours := range storeErrors {
		if errors.Is(err, theirs) {
			return &storeError{doing, ours, err}
		}
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// isOurs reports whether an error has its name already.
func isOurs(err error) bool {
	for _, ours := range []error{
		ErrInvalid, ErrNoPortal, ErrNotFound, ErrInUse, ErrInsufficient, ErrMismatch, ErrHoldClosed, ErrOverHold, ErrOverCorrection,
		ErrNoProvider, ErrNoMethod, ErrDeclined, ErrUnsettled, ErrBusyWallet, ErrNotPaid, ErrLimit, ErrAccessDenied, ErrTooMany, ErrNoMail,
	} {
		if errors.Is(err, ours) {
			return true
		}
	}
	return false
}

// ledgerErrors are the ledger's refusals that are a caller's business.
var ledgerErrors = map[error]error{
	ledger.ErrNoPortal:        ErrNotFound,
	ledger.ErrInsufficient:    ErrInsufficient,
	ledger.ErrMismatch:        ErrMismatch,
	ledger.ErrNoHold:          ErrNotFound,
	ledger.ErrHoldClosed:      ErrHoldClosed,
	ledger.ErrOverHold:        ErrOverHold,
	ledger.ErrNoTransfer:      ErrNotFound,
	ledger.ErrCorrection:      ErrOverCorrection,
	ledger.ErrPaired:          ErrOverCorrection,
	ledger.ErrOverCorrection:  ErrOverCorrection,
	money.ErrRange:            ErrInvalid,
	money.ErrCurrencyMismatch: ErrInvalid,
}

// ledgerError is a refusal of the ledger with its name in this package.
type ledgerError struct{ kind, err error }

func (e *ledgerError) Error() string   { return e.err.Error() }
func (e *ledgerError) Unwrap() []error { return []error{e.kind, e.err} }

// fromLedger gives a refusal of the ledger its name in this package.
func fromLedger(err error) error {
	if err == nil || isOurs(err) {
		return err
	}
	for theirs, ours := range ledgerErrors {
		if !errors.Is(err, theirs) {
			continue
		}
		switch theirs {
		case money.ErrCurrencyMismatch:
			return invalid("currency", "is not the one of the hold or the transfer")
		case money.ErrRange:
			return invalid("amount", "is more than a wallet can hold")
		}
		return &ledgerError{ours, err}
	}
	return err
}
