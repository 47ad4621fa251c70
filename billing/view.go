package billing

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/store"
)

// View is one consistent picture of one portal. Nothing in it changes; a portal
// that changed has another view.
type View struct {
	*facts

	// wallet is what the portal's books hold, as of the commit that money counts.
	wallet map[ledger.Book][]ledger.Pocket
	money  int64
	// until is when time alone makes the view wrong: something ends, or a price
	// changes; the zero Time: never.
	until time.Time
	made  derived
}

// facts is what a view shares with the ones after it, as long as only money
// moves.
type facts struct {
	Portal store.Portal
	// Hosts are those that the portal answers for, in lower case, sorted.
	Hosts []string

	customer   *store.Customer  // nil: none
	payer      *store.User      // nil: the customer's address is nobody's
	bought     []bought         // the plan first, then the add-ons that count
	overdue    []bought         // add-ons whose time is over
	topUp      *store.TopUpRule // nil: never set
	usage      map[string]int64
	services   []int
	restricted []string                       // AI models that may not be used
	zone       func() (*time.Location, error) // looked up once

	until    time.Time // as View's, as far as these facts go
	keys     sync.Map  // [32]byte → *knownKey, as they were looked up
	keyCount atomic.Int32
}

// viewing is a view and where its portal was last located.
type viewing struct {
	view  *View
	known store.Known
}

// View returns the portal that answers for the first of some hosts (lower case,
// without ports) that any answers for, or else the default one, as it is now. It
// fails with ErrNoPortal.
func (s *Service) View(ctx context.Context, hosts ...string) (*View, error) {
	for _, host := range hosts {
		if host == "" { // a request without one
			continue
		}
		if v, err := s.viewAt(ctx, store.Where{Host: host}); !errors.Is(err, ErrNoPortal) {
			return v, err
		}
	}
	if s.defaultPortal == "" {
		return s.viewAt(ctx, store.Where{}) // the only one
	}
	v, err := s.viewAt(ctx, store.Where{PortalID: s.defaultPortal})
	if errors.Is(err, ErrNoPortal) {
		v, err = s.viewAt(ctx, store.Where{Host: strings.ToLower(s.defaultPortal)})
	}
	return v, err
}

// viewAt returns the view of the portal that stands somewhere: the one that is
// known, if that still holds, or else a new one. It is at least as new as the call.
func (s *Service) viewAt(ctx context.Context, where store.Where) (*View, error) {
	var before store.Known
	kept, ok := s.views.Get(where)
	if ok {
		before = kept.known
	} else if missed, ok := s.misses.Get(where); ok {
		before = missed
	}
	known, err := s.store.Locate(ctx, where, before)
	if errors.Is(err, store.ErrNotFound) {
		if known != before {
			s.misses.Add(where, known)
			s.views.Remove(where)
		}
		return nil, ErrNoPortal
	}
	if err != nil {
		return nil, fromStore("look for changes", err)
	}
	if ok && kept.view.isAt(known.Address) && kept.view.money == known.Money && kept.view.holds(s.now) {
		if known != before {
			s.views.Add(where, &viewing{view: kept.view, known: known})
		}
		return kept.view, nil
	}
	fresh := &View{money: known.Money}
	err = s.store.Read(ctx, func(tx *store.Tx) (err error) {
		if ok && kept.view.isAt(known.Address) && kept.view.facts.hold(s.now) {
			fresh.facts = kept.view.facts // only money moved
		} else if fresh.facts, err = s.load(tx, known.PortalID); err != nil {
			return err
		}
		return s.loadWallet(tx, fresh)
	})
	if err != nil {
		return nil, fromStore("read portal", err)
	}
	s.views.Add(where, &viewing{view: fresh, known: known})
	return fresh, nil
}

func (v *facts) isAt(a store.Address) bool {
	return v.Portal.ID == a.PortalID && v.Portal.Version == a.Version
}

// holds reports whether nothing in the view has come due.
func (v *View) holds(now func() time.Time) bool { return v.until.IsZero() || now().Before(v.until) }

func (v *facts) hold(now func() time.Time) bool { return v.until.IsZero() || now().Before(v.until) }

// loadWallet reads what the portal's books hold. A hold whose time is over holds
// nothing from that moment on.
func (s *Service) loadWallet(tx *store.Tx, v *View) error {
	v.wallet, v.until = map[ledger.Book][]ledger.Pocket{}, v.facts.until
	now := s.now()
	for _, book := range ledger.Books() {
		pockets, until, err := tx.PocketsAt(v.Portal.ID, book, now)
		if err != nil {
			return err
		}
		v.wallet[book] = pockets
		if !until.IsZero() && (v.until.IsZero() || until.Before(v.until)) {
			v.until = until
		}
	}
	return nil
}

// load reads everything about a portal but its money.
func (s *Service) load(tx *store.Tx, portalID string) (*facts, error) {
	v := &facts{}
	var err error
	if v.Portal, err = tx.Portal(portalID); err != nil {
		return nil, err
	}
	if v.Hosts, err = tx.Hosts(portalID); err != nil {
		return nil, err
	}
	zone := v.Portal.TimeZone
	v.zone = sync.OnceValues(func() (*time.Location, error) { return loadZone(zone) })
	if err := v.loadCustomer(tx); err != nil {
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
	if v.restricted, err = tx.RestrictedModels(portalID); err != nil {
		return nil, err
	}
	return v, s.loadBought(tx, v)
}

// loadCustomer reads the customer and who pays for it: the user it names or, as
// DocSpace finds it, the one with its address.
func (v *facts) loadCustomer(tx *store.Tx) error {
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
