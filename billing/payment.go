package billing

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/payment"
	"github.com/bursarhq/bursar/payment/manual"
	"github.com/bursarhq/bursar/store"
	"github.com/bursarhq/bursar/wallet"
)

// Payment is money that came into the operator's own account, by bank transfer.
type Payment struct {
	// Amount is in whole minor units of a currency that the catalogue has prices in.
	Amount money.Amount
	// Reference is what the bank calls it, 1 to 255 bytes: one reference stands for
	// one payment of the portal, for ever.
	Reference string
	// Method is how it came, in small letters, digits and "_"; "" means
	// BankTransfer.
	Method string
	// ReceivedAt is when the money arrived, and not in the future; the zero Time means
	// now.
	ReceivedAt time.Time
	// Participant is the user on whose account it happens; "" for nobody.
	Participant string
}

// BankTransfer is the method of a payment that says no other.
const BankTransfer = "bank_transfer"

const maxReference = 255

var methodForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)

// RecordPayment puts a payment into the wallet that has come in already. It is there,
// durably, when RecordPayment returns. The same payment under the same key is recorded
// once, and answered alike; the reference under another key is refused, whatever else
// is the same.
//
// It fails with ErrInvalid (a FieldError), ErrNotFound, ErrMismatch and ErrTryAgain.
func (s *Service) RecordPayment(ctx context.Context, portalID, key string, in Payment) (Receipt, error) {
	return s.recordPayment(ctx, portalID, key, in, false)
}

// RehearsePayment does all that RecordPayment does, and undoes it.
func (s *Service) RehearsePayment(ctx context.Context, portalID, key string, in Payment) (Receipt, error) {
	return s.recordPayment(ctx, portalID, key, in, true)
}

func (s *Service) recordPayment(ctx context.Context, portalID, key string, in Payment, rehearse bool) (Receipt, error) {
	if err := checkKey(key); err != nil {
		return Receipt{}, err
	}
	now := s.now()
	// What is left out is so in the hash, too: the same again is the same later.
	input := ledger.InputOf("payment", in.Amount.Currency(), in.Amount.Units(), in.Reference, in.Method, received(in.ReceivedAt), in.Participant)
	if in.Method == "" {
		in.Method = BankTransfer
	}
	if in.ReceivedAt.IsZero() {
		in.ReceivedAt = now
	}
	if err := s.checkPayment(in, now); err != nil {
		return Receipt{}, err
	}
	if !portalIDForm.MatchString(portalID) {
		return Receipt{}, fmt.Errorf("portal %q: %w", portalID, ErrNotFound)
	}
	row := store.RecordedPayment{
		PortalID: portalID, Method: in.Method, Reference: in.Reference, Key: key, ReceivedAt: in.ReceivedAt, RecordedAt: now,
	}
	var o Outcome
	err := s.change(ctx, portalID, func(tx *store.Tx, t *trail) error {
		results, err := t.carryOut(tx, now, []ledger.Request{{Portal: portalID, Key: key, Input: input, Do: wallet.Deposit(in.wallet(), manual.Name)}})
		if err != nil {
			return err
		}
		if o = outcome(portalID, results[0]); o.Err != nil {
			return o.Err
		}
		if !o.Receipt.Replay {
			t.note(PaymentRecorded, in.Reference, nil, paymentNote{in.Amount.String(), in.Method, asKept(in.ReceivedAt), in.Participant, o.Receipt.Transfer})
		}
		if err := takeReference(tx, row); err != nil {
			return err
		}
		if err := s.hastenRenewals(tx); err != nil {
			return err
		}
		if rehearse {
			return errRehearsed
		}
		return nil
	})
	switch {
	case errors.Is(err, errRehearsed):
		err = nil
	case errors.Is(err, store.ErrExists): // somebody else recorded it at the same time
		err = errReferenceTaken(row)
	}
	if err != nil {
		return Receipt{}, fromStore("record payment", err)
	}
	return o.Receipt, nil
}

// errRehearsed undoes what was only to be tried.
var errRehearsed = errors.New("rehearsed")

// paymentNote is how the trail tells of a payment.
type paymentNote struct {
	Amount      string    `json:"amount"`
	Method      string    `json:"method"`
	Received    time.Time `json:"received"`
	Participant string    `json:"participant,omitempty"`
	Transfer    string    `json:"transfer"`
}

// received is a moment for a hash: "" for none.
func received(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(time.RFC3339Nano)
}

// takeReference writes down that a payment's reference is used, together with the
// payment.
func takeReference(tx *store.Tx, row store.RecordedPayment) error {
	first, err := tx.RecordedPayment(row.PortalID, row.Method, row.Reference)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return tx.InsertRecordedPayment(row)
	case err == nil && first.Key != row.Key:
		return errReferenceTaken(row)
	}
	return err
}

func errReferenceTaken(row store.RecordedPayment) error {
	return invalid("reference", "%q was recorded before, under another key", row.Reference)
}

// wallet returns the payment as the ledger is told it.
func (p Payment) wallet() wallet.Payment {
	return wallet.Payment{Amount: p.Amount, Participant: p.Participant, Metadata: ledger.NewMetadata(map[string]string{
		"details":     p.Reference,
		"method":      p.Method,
		"reference":   p.Reference,
		"received_at": p.ReceivedAt.UTC().Format(time.RFC3339),
	})}
}

func (s *Service) checkPayment(in Payment, now time.Time) error {
	if err := checkAmount("amount", in.Amount); err != nil {
		return err
	}
	if !slices.Contains(s.catalog.Currencies(), in.Amount.Currency()) {
		return invalid("currency", "%q is none of %v", in.Amount.Currency(), s.catalog.Currencies())
	}
	if whole, err := payment.Collectable(in.Amount); err != nil || whole != in.Amount {
		return invalid("amount", "%s is not in whole minor units", in.Amount)
	}
	if strings.TrimSpace(in.Reference) == "" {
		return invalid("reference", "is missing")
	}
	if in.Reference != strings.TrimSpace(in.Reference) {
		return invalid("reference", "begins or ends with a blank")
	}
	if err := checkText("reference", in.Reference, maxReference); err != nil {
		return err
	}
	if !methodForm.MatchString(in.Method) {
		return invalid("method", "%q is not of small letters, digits and _", in.Method)
	}
	if in.ReceivedAt.After(now) {
		return invalid("receivedAt", "is in the future")
	}
	if in.ReceivedAt.Year() < 1970 {
		return invalid("receivedAt", "is before 1970")
	}
	return checkText("participant", in.Participant, 255)
}
