package billing

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bursarhq/bursar/catalog"
	"github.com/bursarhq/bursar/store"
)

// View is one consistent picture of one portal. Nothing in it changes; a portal
// that changed has another view.
type View struct {
	Portal store.Portal

	customer      *store.Customer // nil: none
	payer         *store.User     // nil: the customer's address is nobody's
	pockets       []store.Pocket
	subscriptions []subscription
	topUp         *store.TopUpRule // nil: never set
	usage         map[string]int64
	services      []int

	// until is when time alone makes the view wrong; the zero Time: never.
	until    time.Time
	keys     sync.Map // [32]byte → *knownKey, as they were looked up
	keyCount atomic.Int32
	made     derived
}

// subscription is a store.Subscription with its plan.
type subscription struct {
	catalog.Line
	dueAt time.Time
}

// viewing is a view and the generation of the database it was last right in.
type viewing struct {
	view       *View
	generation atomic.Int64
}

// View returns the portal that answers for the first of some hosts (lower case,
// without ports) that any answers for, or else the default one, as it is now. It
// fails with ErrNoPortal.
func (s *Service) View(ctx context.Context, hosts ...string) (*View, error) {
	generation, err := s.store.Generation()
	if err != nil {
		return nil, fromStore("look for changes", err)
	}
	for _, host := range hosts {
		if host == anyHost { // a request without one
			continue
		}
		if v, err := s.viewOf(ctx, host, generation); !errors.Is(err, ErrNoPortal) {
			return v, err
		}
	}
	return s.viewOf(ctx, anyHost, generation)
}

// anyHost stands for the hosts that no portal answers for by name.
const anyHost = ""

// viewOf returns the view of a host by what is known, if that still holds, or
// else reads it. It is at least as new as the generation.
func (s *Service) viewOf(ctx context.Context, host string, generation int64) (*View, error) {
	known, ok := s.views.Get(host)
	if ok && known.generation.Load() == generation && known.view.holds(s.now) {
		return known.view, nil
	}
	if missed, ok := s.misses.Get(host); ok && missed == generation {
		return nil, ErrNoPortal
	}
	var fresh *View
	err := s.store.Read(ctx, func(tx *store.Tx) error {
		address, err := s.address(tx, host)
		if err != nil {
			return err
		}
		if ok && known.view.isAt(address) && known.view.holds(s.now) {
			fresh = known.view
			return nil
		}
		fresh, err = s.load(tx, address.PortalID)
		return err
	})
	if errors.Is(err, ErrNoPortal) {
		s.misses.Add(host, generation)
		return nil, err
	}
	if err != nil {
		return nil, fromStore("read portal", err)
	}
	if ok && fresh == known.view {
		known.generation.Store(generation)
		return fresh, nil
	}
	entry := &viewing{view: fresh}
	entry.generation.Store(generation)
	s.views.Add(host, entry)
	return fresh, nil
}

// address returns the portal of a host, or of anyHost, or ErrNoPortal.
func (s *Service) address(tx *store.Tx, host string) (address store.Address, err error) {
	switch {
	case host != anyHost:
		address, err = tx.Address(host)
	case s.defaultPortal != "":
		address, err = tx.AddressByID(s.defaultPortal)
		if errors.Is(err, store.ErrNotFound) {
			address, err = tx.Address(strings.ToLower(s.defaultPortal))
		}
	default:
		address, err = tx.OnlyAddress()
	}
	if errors.Is(err, store.ErrNotFound) {
		err = ErrNoPortal
	}
	return address, err
}

func (v *View) isAt(a store.Address) bool {
	return v.Portal.ID == a.PortalID && v.Portal.Version == a.Version
}

// holds reports whether nothing in the view has come due.
func (v *View) holds(now func() time.Time) bool { return v.until.IsZero() || now().Before(v.until) }

// load reads everything about a portal.
func (s *Service) load(tx *store.Tx, portalID string) (*View, error) {
	v := &View{}
	var err error
	if v.Portal, err = tx.Portal(portalID); err != nil {
		return nil, err
	}
	if err := v.loadCustomer(tx); err != nil {
		return nil, err
	}
	if v.pockets, err = tx.Pockets(portalID); err != nil {
		return nil, err
	}
	if v.topUp, err = tx.TopUpRule(portalID); err != nil {
		return nil, err
	}
	if v.usage, err = tx.Usage(portalID); err != nil {
		return nil, err
	}
	if v.services, err = tx.Services(portalID); err != nil {
		return nil, err
	}
	return v, s.loadSubscriptions(tx, v)
}

// loadCustomer reads the customer and who pays for it: the user it names or, as
// DocSpace finds it, the one with its address.
func (v *View) loadCustomer(tx *store.Tx) error {
	customer, err := tx.Customer(v.Portal.ID)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	v.customer = &customer
	var payer store.User
	if customer.PayerID != "" {
		payer, err = tx.UserByID(v.Portal.ID, customer.PayerID)
	} else {
		payer, err = tx.UserByEmail(v.Portal.ID, customer.Email)
	}
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	v.payer = &payer
	return err
}

// loadSubscriptions reads what the portal has bought, less the add-ons whose
// time is over, which count no more from the second on.
func (s *Service) loadSubscriptions(tx *store.Tx, v *View) error {
	rows, err := tx.Subscriptions(v.Portal.ID)
	if err != nil {
		return err
	}
	now := s.now()
	for _, row := range rows {
		plan, ok := s.catalog.Plan(row.PlanID)
		if !ok {
			return errors.New("the portal has a plan that the catalogue lacks")
		}
		if plan.Wallet && !row.DueAt.IsZero() {
			if !now.Before(row.DueAt) {
				continue
			}
			if v.until.IsZero() || row.DueAt.Before(v.until) {
				v.until = row.DueAt
			}
		}
		v.subscriptions = append(v.subscriptions, subscription{
			Line:  catalog.Line{Plan: plan, Quantity: row.Quantity},
			dueAt: row.DueAt,
		})
	}
	if len(v.subscriptions) == 0 || v.subscriptions[0].Plan.Wallet {
		free := subscription{Line: catalog.Line{Plan: s.catalog.DefaultPlan(), Quantity: 1}}
		v.subscriptions = append([]subscription{free}, v.subscriptions...)
	}
	return nil
}

// derived keeps what doors made of a view, for as long as the view lives.
type derived struct {
	values sync.Map
	count  atomic.Int32
}

// maxDerived bounds what is kept with one view.
const maxDerived = 64

// Derived returns what build made of the view under this key, building it when
// it is new. The result is shared: nobody may change it. Errors are not kept.
func Derived[K comparable, T any](v *View, key K, build func() (T, error)) (T, error) {
	if value, ok := v.made.values.Load(key); ok {
		return value.(T), nil
	}
	value, err := build()
	if err == nil && v.made.count.Load() < maxDerived && v.made.count.Add(1) <= maxDerived {
		v.made.values.Store(key, value)
	}
	return value, err
}
