package cli

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/money"
)

// depositFlags are those of bursar deposit.
type depositFlags struct {
	changer        *changer
	amount         string
	settle         time.Duration
	alone, wait    bool
	status, resume bool
	resolve        choice
	byName         bool
}

func newDeposit(env Env) *cobra.Command {
	d := &depositFlags{resolve: choice{allowed: []string{"done", "not-done"}}}
	cmd := &cobra.Command{
		Use:     "deposit",
		Aliases: []string{"topup"}, // what it was called first
		Short:   "Charge a portal's customer once, and fill the wallet",
		Long: `Have a DocSpace portal charge the customer's stored payment method with an amount, and
put it into the wallet. Portals take whole major units: dollars, and no cents.

It is done over the portal's API, by the payer's key. Whoever runs Bursar collects
money in its own database with bursar payment collect, and records bank transfers with
bursar payment record.` + changeNotes + `

It happens once for an idempotency key, on any portal. What is to happen and what the
wallet shows is written down first, and then sent once. When the answer is lost, the
operations are searched for it. It is sent again only when it is proven that nothing was
charged, or to a portal of Bursar's, which does nothing twice under a key.

The same command with the same --idempotency-key goes on where the last one stopped.
--status says what is known, --resume finds out more, and --resolve notes what only a
person can tell: a portal does not say who asked for an operation. Without
--idempotency-key a key is drawn, and printed. What is written down is kept in
$XDG_STATE_HOME/bursar/deposits.`,
		Example: `# What would be charged, and to whom
bursar deposit --amount USD=100 --dry-run

# Unasked, once for this key, and not before it is known
bursar deposit --amount USD=100 --yes --idempotency-key june --wait

# What came of it, and what a look at the bank has shown
bursar deposit --status
bursar deposit --idempotency-key june --resolve done`,
		GroupID: GroupChange,
		Args:    cobra.NoArgs,
	}
	d.changer = addChanger(cmd, env, true)
	f := cmd.Flags()
	f.StringVar(&d.amount, "amount", "", "what is charged, as USD=100")
	f.BoolVar(&d.wait, "wait", false, "look again until it is known what happened, up to half an hour and longer")
	f.BoolVar(&d.alone, "alone", false, "nobody else deposits by hand on this portal: one operation like it is proof")
	f.DurationVar(&d.settle, "settle", 15*time.Minute, "for how long the portal may still charge after an answer was lost")
	f.BoolVar(&d.status, "status", false, "list deposits, and what is known of them")
	f.BoolVar(&d.resume, "resume", false, "find out what came of those that are not decided")
	f.Var(&d.resolve, "resolve", "note what a person found out: done or not-done")
	_ = cmd.RegisterFlagCompletionFunc("resolve", cobra.FixedCompletions(d.resolve.allowed, cobra.ShellCompDirectiveNoFileComp))
	cmd.MarkFlagsOneRequired("amount", "status", "resume", "resolve")
	for _, pair := range [][2]string{{"amount", "status"}, {"amount", "resume"}, {"amount", "resolve"}, {"resolve", "resume"}, {"resolve", "dry-run"}, {"resume", "dry-run"}} {
		cmd.MarkFlagsMutuallyExclusive(pair[:]...)
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		d.byName = f.Changed("portal")
		switch {
		case d.settle <= 0:
			return usage("--settle: %s is not more than nothing", d.settle)
		case d.resolve.value != "":
			return d.decide(cmd.Context(), d.resolve.value == "done")
		case d.resume:
			return d.goOn(cmd.Context())
		case d.status:
			return d.list(cmd.Context())
		}
		return d.deposit(cmd)
	}
	return cmd
}

// depositFolder is where deposits are written down.
func (e Env) depositFolder() (docspace.IntentFolder, error) {
	dir := e.stateDir("deposits")
	if dir == "" {
		return docspace.IntentFolder{}, &Error{Err: errors.New("there is no place to write down what is deposited"), Code: ExitUsage, Hint: "set $XDG_STATE_HOME or $HOME"}
	}
	return docspace.IntentFolder{Dir: dir}, nil
}

// depositor deposits by a client.
func (d *depositFlags) depositor(client *docspace.Client) (*docspace.Depositor, error) {
	folder, err := d.changer.env.depositFolder()
	return &docspace.Depositor{
		Client: client, Store: folder, Alone: d.alone, Settle: d.settle, Wait: d.wait, Now: d.changer.env.Now,
	}, err
}

// deposit says what it comes to, asks, and does it.
func (d *depositFlags) deposit(cmd *cobra.Command) error {
	amount, err := parseAmount("--amount", d.amount)
	if err != nil {
		return err
	}
	if amount.Units() < money.Scale || amount.Units()%money.Scale != 0 {
		return usage("--amount: %s is not in whole units, at least one", amount)
	}
	if _, err := d.changer.env.depositFolder(); err != nil {
		return err
	}
	c := d.changer
	return c.run(cmd, func(ctx context.Context, client *docspace.Client) (*proposal, error) {
		depositor, err := d.depositor(client)
		if err != nil {
			return nil, err
		}
		before, err := readParts(ctx, client, docspace.PartCustomer, docspace.PartBalance)
		if err != nil {
			return nil, err
		}
		p := &proposal{
			doing: "Charge", did: "Charged", what: amountText(amount),
			cost: []fact{{"Paid from", methodText(before.Customer)}, {"Put into", walletText(before.Balance)}},
			line: changeLine{Change: "deposit", Available: pocketsOf(before.Balance)},
		}
		p.line.costs(amount, byCard)
		var intent *docspace.DepositIntent
		p.send = func(ctx context.Context, key string) (bool, error) {
			intent, err = depositor.Deposit(ctx, key, amount)
			return err == nil, depositError(err, intent, key)
		}
		p.seen = func(ctx context.Context, line *changeLine) []fact {
			line.Deposit = depositOf(*intent)
			return append([]fact{{"Known by", knownBy(*intent)}}, availableAfter(client)(ctx, line)...)
		}
		return p, nil
	})
}

// depositError gives an error of a deposit its advice.
func depositError(err error, intent *docspace.DepositIntent, key string) error {
	switch {
	case err == nil || errors.Is(err, docspace.ErrOtherDeposit) || errors.Is(err, docspace.ErrDepositOpen):
		return err
	case errors.Is(err, docspace.ErrDepositUnknown):
		hint := "it may have happened or not, and nothing is sent again until that is known: repeat with --idempotency-key " + key + ", which looks again; --wait looks until it is known"
		if intent.Doubt.NeedsPerson() {
			hint = "look at bursar operations list and at the bank, and say by bursar deposit --idempotency-key " + key +
				" --resolve done (or not-done); where nobody else deposits by hand, --alone takes one operation like it for proof"
		}
		return &Error{Err: err, Code: ExitFailed, Hint: hint}
	case intent != nil && intent.State == docspace.DepositDone:
		return &Error{Err: err, Code: ExitFailed, Hint: "it was done, under the idempotency key " + key}
	case intent != nil && intent.State == docspace.DepositRefused && intent.Before.Keyed && !isStatus(err):
		return &Error{Err: err, Code: ExitFailed, Hint: "the portal says no more than that; the customer's bank knows why. The same command tries again"}
	}
	return explainRefusal(err)
}

// isStatus reports whether a portal refused by a status of its own.
func isStatus(err error) bool {
	var failure *docspace.Error
	return errors.As(err, &failure) && failure.Status != 0
}

// list shows deposits, and asks no portal.
func (d *depositFlags) list(ctx context.Context) error {
	folder, err := d.changer.env.depositFolder()
	if err != nil {
		return err
	}
	all, err := folder.List(ctx, "")
	if err != nil {
		return err
	}
	if d.byName {
		profile, err := d.changer.connection.named()
		if err != nil {
			return err
		}
		client, err := docspace.New(docspace.Config{URL: profile.URL, Key: "-"}) // which asks for nothing
		if err != nil {
			return err
		}
		portal := (&docspace.Depositor{Client: client}).Portal()
		all = chosen(all, func(i docspace.DepositIntent) bool { return i.Portal == portal })
	}
	if key := d.changer.key; key != "" {
		all = chosen(all, func(i docspace.DepositIntent) bool { return i.Key == key })
		if len(all) == 0 {
			return notThere(key)
		}
	}
	return d.print(all)
}

func notThere(key string) error {
	return &Error{Err: errors.New("there is no deposit under the key " + key), Code: ExitFailed, Hint: "bursar deposit --status lists those there are"}
}

func chosen[T any](all []T, fits func(T) bool) (some []T) {
	for _, one := range all {
		if fits(one) {
			some = append(some, one)
		}
	}
	return some
}

// goOn finds out what came of deposits that are not decided: of one key or all of the
// portal. It fails as the first of which it is still not known.
func (d *depositFlags) goOn(ctx context.Context) error {
	depositor, err := d.open()
	if err != nil {
		return err
	}
	all, err := depositor.Store.List(ctx, depositor.Portal())
	if err != nil {
		return err
	}
	key := d.changer.key
	stop := spin(d.changer.env, d.changer.connection.quiet, "Waiting for "+depositor.Client.URL())
	defer stop()
	var some []docspace.DepositIntent
	var first error
	for _, intent := range all {
		undecided := intent.State == docspace.DepositUnknown || intent.State == docspace.DepositSent
		if key != "" && intent.Key != key || key == "" && !undecided {
			continue
		}
		now, err := depositor.Resume(ctx, intent.Key)
		if now != nil {
			intent = *now
		}
		some = append(some, intent)
		if err != nil && undecided && (intent.State == docspace.DepositUnknown || intent.State == docspace.DepositSent) && first == nil {
			first = depositError(err, &intent, intent.Key)
		}
	}
	stop()
	if key != "" && len(some) == 0 {
		return notThere(key)
	}
	return errors.Join(d.print(some), first)
}

// decide notes what a person found out.
func (d *depositFlags) decide(ctx context.Context, happened bool) error {
	if d.changer.key == "" {
		return usage("--resolve: --idempotency-key does not say of which deposit")
	}
	depositor, err := d.open()
	if err != nil {
		return err
	}
	intent, err := depositor.Resolve(ctx, d.changer.key, happened)
	if err != nil {
		return err
	}
	return d.print([]docspace.DepositIntent{*intent})
}

// open returns a depositor for the portal of the flags.
func (d *depositFlags) open() (*docspace.Depositor, error) {
	if err := checkName(d.changer.key); err != nil {
		return nil, err
	}
	client, err := d.changer.connection.client()
	if err != nil {
		return nil, err
	}
	return d.depositor(client)
}
