package billing

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/bursarhq/bursar/payment"
	"github.com/bursarhq/bursar/store"
)

// receiveMethod writes down which method the customer has saved, or has no more.
func (s *Service) receiveMethod(ctx context.Context, e payment.Event) error {
	if e.Method == nil {
		return nil
	}
	portalID := e.Customer
	if portalID == "" {
		err := s.store.Read(ctx, func(tx *store.Tx) (err error) {
			portalID, err = tx.PortalOfAccount(s.provider.Name(), e.Method.Account)
			return err
		})
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return fromStore("look for the customer", err)
		}
	}
	if !portalIDForm.MatchString(portalID) {
		return nil // none of ours
	}
	number := int64(0)
	if e.Kind == payment.MethodSaved {
		var err error
		if number, err = s.numberIfNew(ctx, portalID, nil); errors.Is(err, ErrNotFound) {
			return nil // a portal that is not ours
		} else if err != nil {
			return err
		}
	}
	err := s.change(ctx, portalID, func(tx *store.Tx, t *trail) error {
		if e.Kind == payment.MethodSaved {
			userID, _, _ := strings.Cut(strings.TrimPrefix(e.ChargeID, "s"), ".")
			if err := s.ensureCustomer(tx, t, portalID, userID, number); err != nil {
				return err
			}
			return s.saveMethod(tx, t, portalID, s.provider.Name(), *e.Method, e.At)
		}
		customer, err := tx.Customer(portalID)
		if err != nil || customer.Provider != s.provider.Name() || customer.Method != e.Method.Token {
			return err // of one that is not in use, nothing need be known
		}
		if e.Kind == payment.MethodChanged {
			return s.saveMethod(tx, t, portalID, s.provider.Name(), *e.Method, e.At)
		}
		before := notedMethod(customer)
		customer.MethodStatus, customer.Method, customer.MethodLabel, customer.Fingerprint = "none", "", "", ""
		customer.MethodAt = later(customer.MethodAt, e.At)
		t.note(MethodChanged, customer.Provider, before, notedMethod(customer))
		return tx.PutCustomer(customer)
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return fromStore("save the payment method", err)
}

// later returns the later of two moments.
func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// numberIfNew draws an account number for a portal that has no customer; 0 where
// there is one. Numbers are given out in transactions of their own, so one is lost
// when another caller makes the customer meanwhile. It fails with ErrNotFound when
// there is no such portal, and with what refuse returns where a number is needed; nil
// refuses nobody.
func (s *Service) numberIfNew(ctx context.Context, portalID string, refuse func() error) (int64, error) {
	var old *store.Customer
	err := s.store.Read(ctx, func(tx *store.Tx) (err error) {
		if _, err := tx.Portal(portalID); err != nil {
			return err
		}
		old, err = optional(tx.Customer(portalID))
		return err
	})
	if err != nil || old != nil {
		return 0, fromStore("look for the customer", err)
	}
	if refuse != nil {
		if err := refuse(); err != nil {
			return 0, err
		}
	}
	number, err := s.store.NewAccountNumber(ctx)
	return number, fromStore("draw an account number", err)
}

// ensureCustomer makes the customer of a portal that somebody begins to pay for,
// under an account number: the user who does or, when that is nobody, the owner. One
// that is there stays as it is; where there is nobody at all, there is none.
func (s *Service) ensureCustomer(tx *store.Tx, t *trail, portalID, userID string, number int64) error {
	old, err := optional(tx.Customer(portalID))
	if old != nil || err != nil {
		return err
	}
	payer, err := optional(tx.UserByID(portalID, userID))
	if payer == nil && err == nil {
		payer, err = optional(tx.Owner(portalID))
	}
	if payer == nil || err != nil {
		return err
	}
	customer := store.Customer{AccountNumber: number, Email: payer.Email, PayerID: payer.ID, MethodStatus: "none", CreatedAt: s.now()}
	t.note(CustomerChanged, strconv.FormatInt(number, 10), nil, notedCustomer(customer))
	if err := tx.PutCustomer(customer); err != nil {
		return err
	}
	return s.causeRunway(tx, portalID)
}

// saveMethod makes a method the one that the customer is charged by, as it was at a
// moment by the provider's clock, or now. What comes late does not undo what happened
// after it.
func (s *Service) saveMethod(tx *store.Tx, t *trail, portalID, provider string, m payment.Method, at time.Time) error {
	customer, err := tx.Customer(portalID)
	if errors.Is(err, store.ErrNotFound) {
		return nil // nobody to charge
	}
	if err != nil {
		return err
	}
	if at.IsZero() {
		at = s.now()
	}
	if customer.Provider == provider && at.Before(customer.MethodAt) {
		return nil
	}
	customer.MethodAt = at
	before, card := notedMethod(customer), customer.Fingerprint+customer.Method
	customer.MethodStatus = "set"
	if m.ExpiresYear > 0 && !s.now().Before(time.Date(m.ExpiresYear, time.Month(m.ExpiresMonth)+1, 1, 0, 0, 0, 0, time.UTC)) {
		customer.MethodStatus = "expired"
	}
	customer.Provider, customer.Method, customer.MethodType, customer.MethodLabel = provider, m.Token, m.Kind, m.Label
	customer.Fingerprint, customer.Delayed = m.Fingerprint, m.Delayed
	if m.Account != "" {
		customer.Account = m.Account
	}
	if after := notedMethod(customer); after != before || card != customer.Fingerprint+customer.Method {
		t.note(MethodChanged, provider, before, after)
		if err := s.hastenRenewals(tx); err != nil {
			return err
		}
	}
	if err := tx.PutCustomer(customer); err != nil {
		return err
	}
	return s.methodChanged(tx, t, portalID, customer)
}

// noteMethod is how the trail tells of a payment method.
type noteMethod struct {
	Status string `json:"status"`
	Label  string `json:"label,omitempty"`
	Type   string `json:"type,omitempty"`
}

func notedMethod(c store.Customer) noteMethod {
	return noteMethod{Status: c.MethodStatus, Label: c.MethodLabel, Type: c.MethodType}
}
