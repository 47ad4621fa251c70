package stripe

import (
	"errors"
	"net/http"
	"time"

	sdk "github.com/stripe/stripe-go/v85"

	"github.com/bursarhq/bursar/payment"
)

// Config says whose money it is.
type Config struct {
	// SecretKey is Stripe's secret or restricted key: "sk_live_…". Required. It may
	// need to write PaymentIntents, Checkout Sessions, Customer portal and Refunds,
	// and to read Customers, PaymentMethods, SetupIntents and Charges.
	SecretKey string
	// WebhookSecrets are what Stripe signs its messages with: "whsec_…". Each is good,
	// so that one can be replaced by another without losing a message. None means
	// that no message is believed.
	WebhookSecrets []string
	// MethodTypes are what customers can save on pages, by Stripe's names; nil means
	// "card" alone. A type must be one that Stripe charges again as it was saved:
	// "sepa_debit", but not "ideal".
	MethodTypes []string
	// BaseURL is where Stripe is; "" means api.stripe.com.
	BaseURL string
	// HTTPClient makes the requests; nil means one that gives up after a minute and
	// follows no redirects.
	HTTPClient *http.Client
	// Now tells how old a message is; nil means time.Now.
	Now func() time.Time
}

// Provider is Stripe. It is a payment.Provider, safe for concurrent use.
type Provider struct {
	client         *sdk.Client
	secrets        []string // what no error may tell
	webhookSecrets []string
	methodTypes    []string
	now            func() time.Time
}

var _ payment.Provider = (*Provider)(nil)

// patience is how long a request may take where the caller has no shorter one.
const patience = time.Minute

// New returns Stripe. It asks nothing: a key that Stripe does not know is found out
// by the first call.
func New(config Config) (*Provider, error) {
	if config.SecretKey == "" {
		return nil, errors.New("stripe: the secret key is missing")
	}
	for _, secret := range config.WebhookSecrets {
		if secret == "" {
			return nil, errors.New("stripe: a webhook secret is empty")
		}
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.MethodTypes == nil {
		config.MethodTypes = []string{"card"}
	}
	if config.HTTPClient == nil {
		config.HTTPClient = &http.Client{
			Timeout: patience,
			// Whoever redirects is not Stripe, and must not be sent what is for Stripe.
			CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("redirected") },
		}
	}
	backend := &sdk.BackendConfig{
		HTTPClient:        config.HTTPClient,
		LeveledLogger:     &sdk.LeveledLogger{Level: sdk.LevelNull},
		MaxNetworkRetries: sdk.Int64(0),
		EnableTelemetry:   sdk.Bool(false),
	}
	if config.BaseURL != "" {
		backend.URL = &config.BaseURL
	}
	return &Provider{
		client:         sdk.NewClient(config.SecretKey, sdk.WithBackends(sdk.NewBackendsWithConfig(backend))),
		secrets:        append([]string{config.SecretKey}, config.WebhookSecrets...),
		webhookSecrets: config.WebhookSecrets,
		methodTypes:    config.MethodTypes,
		now:            config.Now,
	}, nil
}

// Name returns "stripe".
func (p *Provider) Name() string { return "stripe" }

// What payments and pages bear as metadata.
const (
	metaID       = "bursar_id"       // ours of the charge or page
	metaCustomer = "bursar_customer" // the portal
	metaKind     = "bursar_kind"     // kindCharge, or a payment.PageKind
	metaRefund   = "bursar_refund"   // ours of the refund
)

const kindCharge = "charge"

func metadata(id, customer, kind string) map[string]string {
	return map[string]string{metaID: id, metaCustomer: customer, metaKind: kind}
}

// checkID refuses an id that can't be an idempotency key.
func checkID(id string) error {
	for i := range len(id) {
		if id[i] <= ' ' || id[i] > '~' {
			return refused("the id %q has other characters than Stripe's keys", id)
		}
	}
	return nil
}
