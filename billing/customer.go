package billing

import (
	"context"
	"fmt"
	"net/mail"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/store"
)

// CustomerInfo is who pays for a portal, and by what.
type CustomerInfo struct {
	PortalID string
	store.Customer
	// Payer is nil when the customer's address belongs to no user.
	Payer *store.User
}

// CustomerInfo returns the portal's customer; nil when it has none. It fails
// with ErrAccessDenied unless the caller is an administrator.
func (s *Service) CustomerInfo(c *Caller) (*CustomerInfo, error) {
	if err := c.mustAdminister(); err != nil {
		return nil, err
	}
	if c.View.customer == nil {
		return nil, nil
	}
	return &CustomerInfo{PortalID: c.View.Portal.ID, Customer: *c.View.customer, Payer: c.View.payer}, nil
}

// PortalCustomer returns a portal's customer, for its operator. It fails with
// ErrNotFound when it has none, or there is no such portal.
func (s *Service) PortalCustomer(ctx context.Context, portalID string) (info CustomerInfo, err error) {
	err = s.readPortal(ctx, portalID, "read customer", func(tx *store.Tx) error {
		v := &facts{Portal: store.Portal{ID: portalID}}
		if err := v.loadCustomer(tx); err != nil {
			return err
		}
		if v.customer == nil {
			return fmt.Errorf("customer of portal %q: %w", portalID, ErrNotFound)
		}
		info = CustomerInfo{PortalID: portalID, Customer: *v.customer, Payer: v.payer}
		return nil
	})
	return info, err
}

// Balance is what a wallet has available.
type Balance struct {
	AccountNumber int64
	AccountName   string
	// Pockets has one entry a currency, the wallet's own first; at least one.
	Pockets []money.Amount
	// LastCredit is the latest payment in, at LastCreditAt; the zero Amount
	// when there was none.
	LastCredit   money.Amount
	LastCreditAt time.Time
}

// Balance returns what is available in the portal's wallet; nil when it has no
// customer or nothing was ever paid in. It fails with ErrAccessDenied unless the
// caller is an administrator.
func (s *Service) Balance(c *Caller) (*Balance, error) { return c.balance(ledger.Main) }

// AIBalance returns what is available of the portal's AI credit, as Balance does.
func (s *Service) AIBalance(c *Caller) (*Balance, error) { return c.balance(ledger.AI) }

func (c *Caller) balance(book ledger.Book) (*Balance, error) {
	if err := c.mustAdminister(); err != nil {
		return nil, err
	}
	pockets := c.View.wallet[book]
	if c.View.customer == nil || len(pockets) == 0 {
		return nil, nil
	}
	b := &Balance{AccountNumber: c.View.customer.AccountNumber, AccountName: c.View.Portal.ID}
	for _, p := range pockets {
		available, err := p.Available()
		if err != nil {
			return nil, err
		}
		b.Pockets = append(b.Pockets, available)
		if p.CreditedAt.After(b.LastCreditAt) {
			b.LastCredit, b.LastCreditAt = p.Credited, p.CreditedAt
		}
	}
	return b, nil
}

// CustomerChange is what SetCustomer sets.
type CustomerChange struct {
	// Email is the customer's address; "" keeps it. A new customer needs one.
	Email string
	// MethodStatus is none, set or expired; "" keeps it, none for a new one.
	MethodStatus string
	// MethodType is the kind of payment method, such as card; "" keeps it.
	MethodType string
	// Balances are what pockets are to hold, one a currency; others keep theirs.
	// The difference to what they hold is posted to the account "opening".
	Balances []money.Amount
	// LastCredit is posted as a deposit, now, when it is not the zero Amount, and
	// is a part of what the pocket holds then; the wallet must have a pocket in
	// its currency.
	LastCredit money.Amount
	// TopUp replaces the top-up rule; nil keeps it, an empty one takes it away.
	TopUp *TopUp
}

// SetCustomer makes the portal's customer, or changes it. The payer is the user
// with the customer's address, if there is one. It fails with ErrNotFound when
// there is no such portal.
func (s *Service) SetCustomer(ctx context.Context, portalID string, change CustomerChange) error {
	email := ""
	if change.Email != "" {
		var err error
		if email, err = checkEmail("email", change.Email); err != nil {
			return err
		}
	}
	if change.MethodStatus != "" && !slices.Contains([]string{"none", "set", "expired"}, change.MethodStatus) {
		return invalid("method status", "%q is none of none, set and expired", change.MethodStatus)
	}
	if len(change.MethodType) > 50 {
		return invalid("method type", "is longer than 50 bytes")
	}
	for i, balance := range change.Balances {
		if !balance.Currency().Known() {
			return invalid("balance", "%s is in no known currency", balance)
		}
		if balance.Sign() < 0 {
			return invalid("balance", "%s is less than nought", balance)
		}
		for _, other := range change.Balances[:i] {
			if other.Currency() == balance.Currency() {
				return invalid("balance", "names %s twice", balance.Currency())
			}
		}
	}
	if change.TopUp != nil {
		if err := s.checkTopUp(*change.TopUp); err != nil {
			return err
		}
	}
	number, err := s.numberIfNew(ctx, portalID, func() error {
		if email == "" {
			return invalid("email", "is needed for a new customer")
		}
		return nil
	})
	if err != nil {
		return err
	}
	return fromStore("set customer", s.change(ctx, portalID, func(tx *store.Tx, t *trail) error {
		return s.putCustomer(tx, t, portalID, number, email, change)
	}))
}

func (s *Service) putCustomer(tx *store.Tx, t *trail, portalID string, number int64, email string, change CustomerChange) error {
	customer, isNew, err := currentCustomer(tx, portalID)
	if err != nil {
		return err
	}
	var before any
	if !isNew {
		before = notedCustomer(customer)
	}
	if isNew {
		customer = store.Customer{AccountNumber: number, MethodStatus: "none", CreatedAt: s.now()}
	}
	if email != "" {
		customer.Email = email
		customer.PayerID = ""
		if payer, err := optional(tx.UserByEmail(portalID, email)); err != nil {
			return err
		} else if payer != nil {
			customer.PayerID = payer.ID
		}
	}
	if change.MethodStatus != "" {
		customer.MethodStatus = change.MethodStatus
	}
	if change.MethodType != "" {
		customer.MethodType = change.MethodType
	}
	if err := tx.PutCustomer(customer); err != nil {
		return err
	}
	if isNew {
		if err := s.causeRunway(tx, portalID); err != nil {
			return err
		}
	}
	t.note(CustomerChanged, strconv.FormatInt(customer.AccountNumber, 10), before, notedCustomer(customer))
	if err := s.putBalances(tx, t, portalID, change); err != nil {
		return err
	}
	if err := s.hastenRenewals(tx); err != nil {
		return err
	}
	if change.TopUp != nil {
		return s.putTopUp(tx, t, portalID, *change.TopUp)
	}
	return nil
}

// customerNote is how the trail tells of a customer.
type customerNote struct {
	Email  string `json:"email"`
	Payer  string `json:"payer,omitempty"`
	Method string `json:"method"`
	Type   string `json:"type,omitempty"`
}

func notedCustomer(c store.Customer) customerNote {
	return customerNote{Email: c.Email, Payer: c.PayerID, Method: c.MethodStatus, Type: c.MethodType}
}

func currentCustomer(tx *store.Tx, portalID string) (customer store.Customer, isNew bool, err error) {
	found, err := optional(tx.Customer(portalID))
	if found == nil {
		return store.Customer{}, true, err
	}
	return *found, false, err
}

// checkEmail returns an address in lower case, as it is kept.
func checkEmail(field, email string) (string, error) {
	address, err := mail.ParseAddress(email)
	if err != nil || address.Address != email || len(email) > 255 {
		return "", invalid(field, "%q is not an e-mail address", email)
	}
	return strings.ToLower(email), nil
}
