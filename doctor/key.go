package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
)

// ownKey gets the key from where the profile says, and makes a client if the portal
// may be shown it.
func (v *visit) ownKey(ctx context.Context) {
	key, err := v.Keys.Of(ctx, v.profile)
	if err != nil {
		v.note(Key, Failed, err.Error(), "bursar profile list shows where each portal's key is; portals make keys under Settings > Developer Tools > API keys")
		return
	}
	if _, err := docspace.New(docspace.Config{URL: "https://portal.example.com", Key: key}); err != nil {
		v.note(Key, Failed, strings.TrimPrefix(err.Error(), docspace.ErrConfig.Error()+": "), "check that the whole key is there, and nothing else")
		return
	}
	switch {
	case v.base == nil || !v.reached:
		v.note(Key, Skipped, fmt.Sprintf("there is one (%s), which could not be tried", v.profile.Key.Source()), "")
		return
	case !v.answered:
		v.note(Key, Skipped, fmt.Sprintf("there is one (%s), which was not sent to what may be no portal", v.profile.Key.Source()), "")
		return
	}
	config, err := v.trusting()
	if err != nil {
		return // of which certificate has told
	}
	v.key = key
	v.client, err = docspace.New(docspace.Config{
		URL: v.profile.URL, Key: key, Timeout: v.timeout(), MaxAttempts: 2, MaxWait: v.timeout(), UserAgent: v.UserAgent,
		Transport: paced{docspace.NewTransport(config), v.limiter},
	})
	if err != nil {
		v.note(Key, Failed, err.Error(), "check the address and the key")
	}
}

// tariff asks what every user of a portal may, and is told the more the more its user may.
func (v *visit) tariff(ctx context.Context) {
	tariff, err := v.client.Tariff(ctx)
	var failure *docspace.Error
	errors.As(err, &failure)
	switch {
	case errors.Is(err, docspace.ErrUnauthorized):
		v.note(Key, Failed, v.whyRefused(failure), "check the key: it may be mistyped, expired, revoked, or of another portal; portals make keys under Settings > Developer Tools > API keys")
		return
	case errors.Is(err, docspace.ErrForbidden):
		v.note(Key, OK, "the portal takes it", "")
		v.note(Scope, Failed, "the key may not even read what every user may: "+failure.Message, "the key must not be limited to single modules: it needs *:read, or *:write to change something")
		return
	case err != nil:
		v.note(Key, Failed, "it could not be tried: "+err.Error(), advice(err))
		return
	}
	v.note(Key, OK, "the portal takes it", "")
	v.note(Scope, OK, "the key may read", "")
	switch {
	case tariff == nil:
		v.note(Role, Warning, "the portal does not say what its user may", "")
	case tariff.Details != nil:
		v.admin = true
		v.note(Role, OK, "its user is the owner or a DocSpace administrator", "")
	case tariff.Dates != nil:
		v.note(Role, Failed, "its user administers rooms, and not the portal", "use a key of the owner or of a DocSpace administrator")
	default:
		v.note(Role, Failed, "its user is a plain user or a guest", "use a key of the owner or of a DocSpace administrator")
	}
	v.listed(ctx)
}

// whyRefused words why a key was not accepted. A stock portal does not say.
func (v *visit) whyRefused(failure *docspace.Error) string {
	if failure == nil || failure.Message == "" || failure.Message == http.StatusText(http.StatusUnauthorized) {
		return "the portal does not accept it, and does not say why: it is unknown, expired or revoked"
	}
	return "the portal does not accept it: " + failure.Message
}

// listed finds the key in the portal's own list, by its last characters, which says
// what it may and until when. Not all keys may see the list, and tokens are not in it.
func (v *visit) listed(ctx context.Context) {
	keys, err := v.client.Keys(ctx)
	if err != nil || len(v.key) < 20 {
		return
	}
	tail := v.key[len(v.key)-4:]
	keys = slices.DeleteFunc(keys, func(k docspace.APIKey) bool { return !k.IsActive || !strings.HasSuffix(k.KeyPostfix, tail) })
	if len(keys) != 1 {
		return
	}
	key := keys[0]
	if end := key.ExpiresAt; !end.IsZero() && end.Sub(v.Now()) < soon {
		v.note(Key, Warning, "the portal takes it, until it expires on "+moment(end.Time), "make another key in time")
	} else if !end.IsZero() {
		v.note(Key, OK, "the portal takes it, until "+moment(end.Time), "")
	}
	if len(key.Permissions) == 0 || slices.Contains(key.Permissions, "*") || slices.Contains(key.Permissions, "*:write") {
		v.note(Scope, OK, "the key may read, and change what its user may", "")
	} else if slices.Contains(key.Permissions, "*:read") {
		v.note(Scope, OK, "the key may read, and change nothing", "")
	}
}

// billing looks at who pays, and by what.
func (v *visit) billing(ctx context.Context) {
	customer, err := v.client.CustomerInfo(ctx)
	var failure *docspace.Error
	errors.As(err, &failure)
	switch {
	case errors.Is(err, docspace.ErrForbidden):
		v.note(Billing, Failed, "the portal does not show it: "+failure.Message, "the portal may have no billing connected, which stock portals answer like this")
		return
	case err != nil:
		v.note(Billing, Failed, err.Error(), advice(err))
		return
	case customer == nil:
		v.note(Billing, Warning, "nobody pays for the portal, or it can't reach its billing and remembers that for ten minutes", "")
		v.note(Payer, Skipped, "there is no customer", "")
		return
	case customer.PaymentMethodStatus == docspace.PaymentMethodExpired:
		v.note(Billing, Warning, "there is a customer, whose payment method has expired", "the payer puts another in its place, under Payments")
	case customer.PaymentMethodStatus == docspace.PaymentMethodNone:
		v.note(Billing, Warning, "there is a customer, without a payment method", "the payer adds one, under Payments")
	default:
		v.note(Billing, OK, "there is a customer with a payment method", "")
	}
	switch {
	case fleet.Orphaned(customer):
		v.note(Payer, Failed, fmt.Sprintf("no user of the portal has the customer's address %s: nobody may pay or change what is paid", customer.Email),
			"add a user with that address, or have whoever sells the plan change the customer's")
	case customer.Payer == nil:
		v.note(Payer, Warning, "the portal does not say who pays", "")
	default:
		v.note(Payer, OK, customer.Payer.DisplayName+" pays", "")
	}
	v.balance, _ = v.client.Balance(ctx) // if it can't be read, the rule is looked at without
}

// topUp looks at whether the top-up rule can act.
func (v *visit) topUp(ctx context.Context) {
	rule, err := v.client.TopUpSettings(ctx)
	fault := fleet.RuleFault(rule, v.balance)
	switch {
	case err != nil:
		v.note(TopUp, Failed, err.Error(), advice(err))
	case fault != "":
		v.note(TopUp, Failed, "the rule does not refill the wallet: "+fault, "set it right with bursar topup-rule set")
	case rule == nil:
		v.note(TopUp, Skipped, "the portal does not say", "")
	case !rule.Enabled:
		v.note(TopUp, OK, "the wallet is not refilled by itself", "")
	default:
		v.note(TopUp, OK, fmt.Sprintf("the wallet is refilled below %s, up to %s", rule.MinBalance, rule.UpToBalance), "")
	}
}

// advice says what to do about a read that failed.
func advice(err error) string {
	switch {
	case errors.Is(err, docspace.ErrRateLimited):
		return "the portal asks for a pause; look again in a minute"
	case errors.Is(err, docspace.ErrTimeout):
		return "the portal is slow; give it more time with --timeout 2m"
	case errors.Is(err, docspace.ErrUnreachable):
		return "check the network, and that the portal is up"
	case errors.Is(err, docspace.ErrMalformed), errors.Is(err, docspace.ErrNotFound), errors.Is(err, docspace.ErrRedirect):
		return "check the address, and proxies before the portal: something else answers in its place"
	}
	return "the portal's administrators find the reason in its logs"
}
