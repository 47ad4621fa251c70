package billing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/bursarhq/bursar/catalog"
	"github.com/bursarhq/bursar/mail"
	"github.com/bursarhq/bursar/payment"
	"github.com/bursarhq/bursar/store"
	"github.com/bursarhq/bursar/webhook"
)

// Config says what a Service works with.
type Config struct {
	// Store holds the facts. Required; the service does not close it.
	Store *store.Store
	// Catalog is what is for sale; nil means catalog.Stock.
	Catalog *catalog.Catalog
	// Provider collects deposits; nil means that there are none.
	Provider payment.Provider
	// Mail sends messages; nil means that there are none.
	Mail mail.Sender
	// MailFrom is whom messages come from. Required with Mail.
	MailFrom string
	// SalesEmail is who is written to by customers who ask about prices; "" means
	// nobody.
	SalesEmail string
	// Webhooks sends events to webhooks; nil means a sender of its own.
	Webhooks *webhook.Sender
	// OperatorEmail is who is told of what whoever runs Bursar must know; "" means
	// nobody.
	OperatorEmail string
	// Log is told what fails where nobody waits for it; nil means that nobody is.
	Log *slog.Logger
	// Now tells the time; nil means time.Now.
	Now func() time.Time
	// DefaultPortal is the id, or a host, of the portal that answers for hosts that match
	// none. "" means the only portal, as long as there is only one.
	DefaultPortal string
	// MaxViews bounds how many portals are kept in memory; 0 means 4096.
	MaxViews int
	// StockQuirks turns off what Bursar does better than a stock portal in
	// answers of the hall: the due date of a plan with no add-ons.
	StockQuirks bool
}

// Service is every use case. It is safe for concurrent use.
type Service struct {
	store         *store.Store
	catalog       *catalog.Catalog
	provider      payment.Provider // nil: none
	now           func() time.Time
	defaultPortal string
	stockQuirks   bool

	views  *lru.Cache[store.Where, *viewing]
	misses *lru.Cache[store.Where, store.Known] // where no portal was
	uses   keyUses

	contents *lru.Cache[string, *contents]
	tallies  *lru.Cache[string, *tally]
	firsts   *lru.Cache[placeInTime, int64]
	builders *builders
	log      *slog.Logger
	webhooks *webhook.Sender
	line     *line

	mail                 mail.Sender // nil: none
	mailFrom, salesEmail string
	operatorEmail        string // "": none
	sales                *window
	operators            atomic.Pointer[operators] // nil: not looked for yet

	kinds func(name string) (jobKind, bool) // of jobs
}

// New returns a service.
func New(config Config) (*Service, error) {
	if config.Store == nil {
		return nil, errors.New("billing: no store")
	}
	for name, address := range map[string]string{"MailFrom": config.MailFrom, "SalesEmail": config.SalesEmail, "OperatorEmail": config.OperatorEmail} {
		if _, err := checkEmail(name, address); address != "" && err != nil {
			return nil, fmt.Errorf("billing: %w", err)
		}
	}
	if config.Mail != nil && config.MailFrom == "" {
		return nil, errors.New("billing: mail, and nobody whom it comes from")
	}
	if config.Catalog == nil {
		config.Catalog = catalog.Stock()
	}
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	if config.Webhooks == nil {
		config.Webhooks = webhook.New(webhook.Config{})
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.MaxViews == 0 {
		config.MaxViews = 4096
	}
	views, err := lru.New[store.Where, *viewing](config.MaxViews)
	if err != nil {
		return nil, err
	}
	misses, err := lru.New[store.Where, store.Known](config.MaxViews)
	if err != nil {
		return nil, err
	}
	tables, err := lru.New[string, *contents](maxContents)
	if err != nil {
		return nil, err
	}
	tallies, err := lru.New[string, *tally](maxTallies)
	if err != nil {
		return nil, err
	}
	firsts, err := lru.New[placeInTime, int64](maxFirsts)
	if err != nil {
		return nil, err
	}
	sales, err := newWindow()
	if err != nil {
		return nil, err
	}
	s := &Service{
		mail:          config.Mail,
		mailFrom:      config.MailFrom,
		salesEmail:    config.SalesEmail,
		operatorEmail: config.OperatorEmail,
		sales:         sales,
		contents:      tables,
		tallies:       tallies,
		firsts:        firsts,
		builders:      newBuilders(),
		log:           config.Log,
		webhooks:      config.Webhooks,
		line:          newLine(),
		store:         config.Store,
		catalog:       config.Catalog,
		provider:      config.Provider,
		now:           config.Now,
		defaultPortal: config.DefaultPortal,
		stockQuirks:   config.StockQuirks,
		views:         views,
		misses:        misses,
		uses:          keyUses{pending: map[keyRef]time.Time{}},
	}
	s.kinds = s.jobKind
	return s, nil
}

// MayBuy returns nil for whoever pays for a portal that has a customer. It fails with
// ErrNotFound and ErrAccessDenied.
func (s *Service) MayBuy(c *Caller) error {
	if c.View.customer == nil {
		return missing("Customer could not be found")
	}
	if !c.Pays() {
		return ErrAccessDenied
	}
	return nil
}

// HasCustomer reports whether the caller's portal has a customer.
func (s *Service) HasCustomer(c *Caller) bool { return c.View.customer != nil }

// Now returns what time it is for the service.
func (s *Service) Now() time.Time { return s.now() }

// Ready reports whether requests can be answered: nil when the database can be
// read.
func (s *Service) Ready(ctx context.Context) error {
	return fromStore("read the database", s.store.Read(ctx, func(tx *store.Tx) error {
		_, err := tx.PortalsAfter("", 1)
		return err
	}))
}
