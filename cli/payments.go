package cli

import (
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/payment"
	"github.com/bursarhq/bursar/payment/manual"
	"github.com/bursarhq/bursar/payment/sandbox"
	"github.com/bursarhq/bursar/payment/stripe"
	"github.com/bursarhq/bursar/store"
)

// The payment providers that can be named.
const (
	// PaymentsNone: deposits are refused.
	PaymentsNone = "none"
	// PaymentsSandbox collects nothing from nobody, and says that it did.
	PaymentsSandbox = "sandbox"
	// PaymentsManual is an operator who records what came to a bank account.
	PaymentsManual = "manual"
	// PaymentsStripe is real money.
	PaymentsStripe = "stripe"
)

// Payments says who collects.
type Payments struct {
	env           Env
	name          string
	stripeURL     string
	stripeKey     string // a file
	stripeSecrets string // a file
}

// PaymentsFlags adds --payments to a command, and the flags of what it names. Where
// nothing is named it is what standard says.
func PaymentsFlags(cmd *cobra.Command, env Env, standard string) *Payments {
	p := &Payments{env: env, name: standard}
	name := choice{value: standard, allowed: []string{PaymentsNone, PaymentsSandbox, PaymentsManual, PaymentsStripe}}
	f := cmd.Flags()
	f.Var(&named{&name, &p.name}, "payments", "who collects: none, sandbox (collects no real money), manual (an operator records what came in) or stripe")
	_ = cmd.RegisterFlagCompletionFunc("payments", cobra.FixedCompletions(name.allowed, cobra.ShellCompDirectiveNoFileComp))
	f.StringVar(&p.stripeKey, "stripe-key-file", "", "file with Stripe's secret key, sk_… or rk_… (default: $STRIPE_SECRET_KEY)")
	f.StringVar(&p.stripeSecrets, "stripe-webhook-secret-file", "", "file with what Stripe signs its messages with, whsec_…, one a line (default: $STRIPE_WEBHOOK_SECRET)")
	f.StringVar(&p.stripeURL, "stripe-url", "", "where Stripe is, for tests against a stand-in (default: Stripe's own)")
	for _, file := range []string{"stripe-key-file", "stripe-webhook-secret-file"} {
		_ = cmd.MarkFlagFilename(file)
	}
	return p
}

// named is a choice that is kept somewhere else, too.
type named struct {
	*choice
	name *string
}

// Set takes a value that is allowed.
func (n *named) Set(value string) error {
	err := n.choice.Set(value)
	if err == nil {
		*n.name = value
	}
	return err
}

// Name returns who was named.
func (p *Payments) Name() string {
	if p == nil {
		return PaymentsNone
	}
	return p.name
}

// Provider returns who collects, at the time that now tells; nil for nobody. Secrets
// come from files or from the environment, and are in no error.
func (p *Payments) Provider(db *store.Store, now func() time.Time) (payment.Provider, error) {
	switch p.Name() {
	case PaymentsSandbox:
		// Several processes on one database must know the same.
		return billing.NewSandbox(db, sandbox.Config{Now: now, WebhookSecret: p.env.get("BURSAR_SANDBOX_SECRET")}), nil
	case PaymentsManual:
		return manual.Provider{}, nil
	case PaymentsStripe:
		return p.stripe(now)
	}
	return nil, nil
}

func (p *Payments) stripe(now func() time.Time) (payment.Provider, error) {
	key, err := p.secret("--stripe-key-file", p.stripeKey, "STRIPE_SECRET_KEY")
	if err != nil {
		return nil, err
	}
	if len(key) != 1 || !strings.HasPrefix(key[0], "sk_") && !strings.HasPrefix(key[0], "rk_") {
		return nil, &Error{Code: ExitUsage, Err: fmt.Errorf("--payments stripe: there is no secret key sk_… or rk_…"),
			Hint: "put it into a file for --stripe-key-file, or into $STRIPE_SECRET_KEY"}
	}
	secrets, err := p.secret("--stripe-webhook-secret-file", p.stripeSecrets, "STRIPE_WEBHOOK_SECRET")
	if err != nil {
		return nil, err
	}
	if p.stripeURL != "" {
		if at, err := url.Parse(p.stripeURL); err != nil || at.Host == "" || at.Scheme != "http" && at.Scheme != "https" {
			return nil, usage("--stripe-url: %q is no address such as http://127.0.0.1:12111", p.stripeURL)
		}
	}
	return stripe.New(stripe.Config{SecretKey: key[0], WebhookSecrets: secrets, BaseURL: p.stripeURL, Now: now})
}

// secret returns the words of a file or, without one, of a variable; none when there
// is neither.
func (p *Payments) secret(flag, file, variable string) ([]string, error) {
	if file == "" {
		return strings.FieldsFunc(p.env.get(variable), func(r rune) bool { return r == ',' || r == ' ' || r == '\n' }), nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, &Error{Code: ExitUsage, Err: fmt.Errorf("%s: %w", flag, err)}
	}
	return strings.Fields(string(text)), nil
}
