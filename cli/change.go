package cli

import (
	"context"
	"errors"
	"strings"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/money"
)

// changer is what the commands have in common that change something on a portal.
type changer struct {
	env         Env
	connection  *connection
	output      *string
	keyed       bool // it bears an idempotency key
	key         string
	yes, dryRun bool
}

// changeNotes is what the help of all of them says.
const changeNotes = `

Before anything is sent it says what it comes to, and asks. --yes goes on unasked;
where there is no terminal to ask on, nothing is done without it. --dry-run says the
same and changes nothing.

Only the customer's payer may do it, with a key that is not limited to reading.`

// paidNotes is what the help of those says that move money.
const paidNotes = changeNotes + `

It is sent once, under an idempotency key, and never repeated by itself. When the
answer is lost, the same command with the same --idempotency-key finds out what came
of it from a portal of Bursar's, and does nothing twice. Other portals know no such
keys: look at bursar operations list first. Without --idempotency-key a key is drawn,
and printed.`

// addChanger adds to a command what it needs to change something; keyed says that
// it moves money.
func addChanger(cmd *cobra.Command, env Env, keyed bool) *changer {
	c := &changer{env: env, keyed: keyed, connection: connectionFlags(cmd, env, patience(keyed)), output: outputFlag(cmd)}
	f := cmd.Flags()
	f.BoolVar(&c.dryRun, "dry-run", false, "say what it would come to, and change nothing")
	f.BoolVarP(&c.yes, "yes", "y", false, "go on unasked")
	if keyed {
		f.StringVar(&c.key, "idempotency-key", "", "do this once for this key, for ever (default: drawn)")
	}
	cmd.MarkFlagsMutuallyExclusive("dry-run", "yes")
	return c
}

// patience is what --timeout bounds.
func patience(movesMoney bool) string {
	if movesMoney {
		return "how long the portal may take for an answer, and four times as long to move money"
	}
	return "how long the portal may take for an answer"
}

// proposal is a change before it is made.
type proposal struct {
	// doing and did are what it is called before and after: "Buy", "Bought".
	doing, did string
	what       string
	// cost is what that costs, and from what it is paid.
	cost []fact
	line changeLine
	// send makes the change; false says that the portal did not, and not why.
	send func(ctx context.Context, key string) (bool, error)
	// seen returns what is to be seen of it afterwards, and notes it in the line;
	// nil when there is nothing to look at.
	seen func(ctx context.Context, line *changeLine) []fact
}

// changeLine is what a change came to as JSON.
type changeLine struct {
	Portal  string `json:"portal"`
	Change  string `json:"change"` // "service buy"
	Product string `json:"product,omitempty"`
	// Quantity is what was asked for; null for none.
	Quantity *int64 `json:"quantity,omitempty"`
	// Amount is what is moved or paid; left out where the portal does not say
	// beforehand.
	Amount string `json:"amount,omitempty"`
	// PeriodPrice is what each whole period costs from now on.
	PeriodPrice string         `json:"periodPrice,omitempty"`
	Currency    money.Currency `json:"currency,omitempty"`
	PaidFrom    string         `json:"paidFrom,omitempty"` // card or wallet
	// Available is what the wallet has: after the change or, of a dry run, before.
	Available []money.Amount `json:"available,omitempty"`
	Operation int64          `json:"operation,omitempty"`
	// Enabled are the services that are switched on after it.
	Enabled *[]string      `json:"enabled,omitempty"`
	TopUp   *topUpDocument `json:"topup,omitempty"`
	// Deposit is what is known of one.
	Deposit        *depositDocument `json:"deposit,omitempty"`
	IdempotencyKey string           `json:"idempotencyKey,omitempty"`
	Done           bool             `json:"done"`
	DryRun         bool             `json:"dryRun"`
}

// costs notes what is paid, and from what.
func (l *changeLine) costs(amount money.Amount, from string) {
	l.Amount, l.Currency, l.PaidFrom = amount.Decimal(), amount.Currency(), from
}

// The two that something is paid from.
const (
	byCard   = "card"
	byWallet = "wallet"
)

func paidFrom(wallet bool) string {
	if wallet {
		return byWallet
	}
	return byCard
}

// run reads what a change would come to, asks, and makes it.
func (c *changer) run(cmd *cobra.Command, propose func(context.Context, *docspace.Client) (*proposal, error)) error {
	ctx := cmd.Context()
	if err := checkName(c.key); err != nil {
		return err
	}
	if !c.yes && !c.dryRun && !c.env.canAsk() {
		return errNobody()
	}
	client, err := c.connection.client()
	if err != nil {
		return err
	}
	stop := spin(c.env, c.connection.quiet, "Reading "+client.URL())
	p, err := propose(ctx, client)
	stop()
	if err != nil {
		return explainRefusal(err)
	}
	p.line.Portal, p.line.DryRun = client.URL(), c.dryRun
	if c.dryRun {
		return c.print(p, p.doing, fact{"Dry run", "nothing was changed"})
	}
	var keyFact []fact
	key := c.key
	if c.keyed {
		if key == "" {
			key = uuid.NewString()
		}
		keyFact = []fact{{"Idempotency key", key}}
	}
	if !c.yes {
		if err := confirm(ctx, c.env, p.facts(p.doing, keyFact...)); err != nil {
			return err
		}
	}
	return c.carry(ctx, client, p, key, keyFact)
}

// carry makes a change that was agreed to, under a key; "" is none.
func (c *changer) carry(ctx context.Context, client *docspace.Client, p *proposal, key string, keyFact []fact) error {
	stop := spin(c.env, c.connection.quiet, "Waiting for "+client.URL())
	done, err := p.send(ctx, key)
	var seen []fact
	if done && err == nil && p.seen != nil {
		seen = p.seen(ctx, &p.line)
	}
	stop()
	switch {
	case err != nil:
		return c.explain(err, key)
	case !done:
		return &Error{
			Err: errors.New("the portal did not do it: the bank or its billing refused, or did not answer it"), Code: ExitFailed,
			Hint: "portals say no more than that; see by bursar operations list whether it happened all the same before you try again",
		}
	}
	p.line.Done, p.line.IdempotencyKey = true, key
	if err := c.print(p, p.did, append(seen, keyFact...)...); err != nil {
		hint := "it was done"
		if key != "" {
			hint += ", under the idempotency key " + key
		}
		return &Error{Err: err, Hint: hint}
	}
	return nil
}

// facts are what a person is told of a change.
func (p *proposal) facts(verb string, more ...fact) []fact {
	facts := append([]fact{{"Portal", p.line.Portal}, {verb, p.what}}, p.cost...)
	return append(facts, more...)
}

func (c *changer) print(p *proposal, verb string, more ...fact) error {
	if *c.output == "json" {
		return printJSON(c.env.Stdout, p.line)
	}
	return printFacts(c.env, p.facts(verb, more...))
}

// explain tells how to find out what happened, where that is not certain.
func (c *changer) explain(err error, key string) error {
	if own := (*Error)(nil); errors.As(err, &own) { // which has advice of its own
		return err
	}
	var failure *docspace.Error
	if !errors.As(err, &failure) || !failure.MayHaveHappened() {
		return explainRefusal(err)
	}
	if key == "" {
		return &Error{Err: err, Hint: "it may have happened or not: repeat the command, which does no harm"}
	}
	return &Error{Err: err, Hint: "it may have happened or not: repeat with --idempotency-key " + key +
		", which does nothing twice on a portal of Bursar's; of another one see bursar operations list first"}
}

// explainRefusal gives what is not allowed, or not there, the advice that fits it.
func explainRefusal(err error) error {
	switch {
	case errors.Is(err, docspace.ErrForbidden):
		return &Error{Err: err, Hint: "only the payer may do it (bursar report --only customer says who that is and whether a payment method " +
			"is stored), with a key that is not limited to reading"}
	case errors.Is(err, docspace.ErrNotFound):
		return &Error{Err: err, Hint: "the portal has no customer, or not what was asked for: see bursar report --only customer and " +
			"bursar service list; older portals can't do all of it"}
	}
	return err
}

// messageOf returns the portal's own words for a failure.
func messageOf(err error) string {
	var failure *docspace.Error
	if errors.As(err, &failure) {
		return failure.Message
	}
	return err.Error()
}

// maxKey is how long an idempotency key may be.
const maxKey = 255

// checkName refuses what can't be an idempotency key; "" is none.
func checkName(key string) error {
	if len(key) > maxKey {
		return usage("--idempotency-key: %d characters are more than %d", len(key), maxKey)
	}
	if strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' }) {
		return usage("--idempotency-key: %q has other characters than printable ASCII", key)
	}
	return nil
}

// readParts reads parts of what a portal says of itself, all of them.
func readParts(ctx context.Context, client *docspace.Client, parts ...docspace.Part) (*docspace.Report, error) {
	report := client.Report(ctx, parts...)
	if all := commonFailure(report); all != nil {
		return nil, all
	}
	return report, report.Err()
}

// methodText says by what a customer pays.
func methodText(c *docspace.CustomerInfo) string {
	switch {
	case c == nil:
		return "nothing: the portal has no customer"
	case c.PaymentMethodStatus == docspace.PaymentMethodNone:
		return "nothing: no payment method is stored"
	}
	text := "the stored payment method"
	if c.PaymentMethodType != "" {
		text += " (" + c.PaymentMethodType + ")"
	}
	if c.Email != "" {
		text += " of " + c.Email
	}
	if c.PaymentMethodStatus == docspace.PaymentMethodExpired {
		text += ", which has expired"
	}
	return text
}

// pocketsText says what a wallet has.
func pocketsText(pockets []money.Amount) string {
	var texts []string
	for _, amount := range pockets {
		texts = append(texts, amountText(amount))
	}
	if texts == nil {
		return "not known"
	}
	return strings.Join(texts, ", ")
}

// pocketsOf returns what a wallet has; nil when that is not known.
func pocketsOf(b *docspace.Balance) (pockets []money.Amount) {
	if b != nil {
		for _, sub := range b.SubAccounts {
			pockets = append(pockets, sub.Amount)
		}
	}
	return pockets
}

// walletText says from which wallet something is paid.
func walletText(b *docspace.Balance) string {
	pockets := pocketsOf(b)
	if pockets == nil {
		return "the wallet, whose balance is not known"
	}
	return "the wallet (" + pocketsText(pockets) + " before)"
}

// availableAfter reads what the wallet has after a change that is made: that it
// can't be read is no failure of the change.
func availableAfter(client *docspace.Client) func(context.Context, *changeLine) []fact {
	return func(ctx context.Context, line *changeLine) []fact {
		line.Available = nil
		balance, err := client.Balance(ctx)
		if err != nil {
			return []fact{{"Available", "not known: " + messageOf(err)}}
		}
		line.Available = pocketsOf(balance)
		return []fact{{"Available", pocketsText(line.Available)}}
	}
}

// quantityFlag adds --quantity to a command, and returns how to read it.
func quantityFlag(cmd *cobra.Command, help string) func() (int64, error) {
	n := cmd.Flags().Int64("quantity", 0, help)
	return func() (int64, error) {
		if *n < 1 {
			return 0, usage("--quantity: %d is not more than nought", *n)
		}
		return *n, nil
	}
}
