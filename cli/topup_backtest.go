package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/wallet"
)

// Most of what a back-test takes, so that a slip of a digit asks no portal for
// everything it has.
const (
	maxBacktestDays       = 3650
	maxBacktestOperations = 20_000
	maxSettlement         = 30 * 24 * time.Hour
)

// backtestFlags are the flags of topup-rule test.
type backtestFlags struct {
	floor, target, code string
	charge, day, month  string
	count, days, often  int
	settlement          time.Duration
}

func newTopUpRuleTest(env Env) *cobra.Command {
	var flags backtestFlags
	cmd := &cobra.Command{
		Use:   "test",
		Short: "Say what a top-up rule would have done",
		Long: `Replay what really happened in the wallet of a DocSpace portal under a top-up rule, and
say how often and how much would have been charged, which caps would have held that
back, and for how long the wallet would have been low or empty. It suggests the
smallest rule under which everything could have been paid. Nothing is changed.

Deposits that the portal made by itself in that time are left out; those by hand stay.
The rule acts at once, money arrives after --settlement, and no card is declined. What
plans cost counts as foretold: the rule is asked a day ahead.

The smallest rule is the one with the lowest --up-to, and of those with the lowest
--min, in whole units, that charges no more than --often times in 30 days; where there
is none, one that charges more often. Caps that are not given are as Bursar has them:
--up-to in one charge, 3 times that in 24 hours, 20 times in 30 days, 5 charges in 24
hours.`,
		Example: `bursar topup-rule test --min 20 --up-to 100 --currency USD --days 90

# Money that takes three days to arrive, and no more than 300 USD a month
bursar topup-rule test --min 50 --up-to 200 --currency USD --settlement 72h --cap-month 300`,
		Args: cobra.NoArgs,
	}
	r := addReader(cmd, env)
	f := cmd.Flags()
	f.StringVar(&flags.floor, "min", "", "refill when less than this is left (required)")
	f.StringVar(&flags.target, "up-to", "", "refill up to this (required)")
	f.StringVar(&flags.code, "currency", "", "the currency of all amounts, such as USD (required)")
	f.IntVar(&flags.days, "days", 90, "of how many days, up to now")
	f.StringVar(&flags.charge, "cap-charge", "", "the most in one charge")
	f.StringVar(&flags.day, "cap-day", "", "the most in 24 hours")
	f.StringVar(&flags.month, "cap-month", "", "the most in 30 days")
	f.IntVar(&flags.count, "cap-count", 0, "the most charges in 24 hours")
	f.IntVar(&flags.often, "often", 8, "how often in 30 days the suggested rule may charge; 0: as often as it likes")
	f.DurationVar(&flags.settlement, "settlement", time.Minute, "how long money takes to arrive")
	for _, name := range []string{"min", "up-to", "currency"} {
		_ = cmd.MarkFlagRequired(name)
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		rule, err := flags.rule(cmd.Flags().Changed("cap-count"))
		if err != nil {
			return err
		}
		ask := func(client *docspace.Client, ctx context.Context) (*backtest, error) {
			return flags.test(ctx, client, env.Now(), rule)
		}
		return read(r, cmd, ask, func(b *backtest) error {
			if r.json() {
				return printJSON(env.Stdout, b)
			}
			return r.sections(b.sections()...)
		})
	}
	return cmd
}

// rule returns the rule that the flags give.
func (f *backtestFlags) rule(counted bool) (wallet.Rule, error) {
	settings, err := parseRule(f.floor, f.target, f.code, true)
	if err != nil {
		return wallet.Rule{}, err
	}
	rule := wallet.Rule{Enabled: true, Floor: settings.MinBalance, Target: settings.UpToBalance, Caps: wallet.Caps{Count: f.count}}
	for _, row := range []struct {
		flag, text string
		to         *money.Amount
	}{{"--cap-charge", f.charge, &rule.Caps.Charge}, {"--cap-day", f.day, &rule.Caps.Day}, {"--cap-month", f.month, &rule.Caps.Month}} {
		if row.text == "" {
			continue
		}
		if *row.to, err = money.Parse(row.text, rule.Target.Currency()); err != nil {
			return wallet.Rule{}, usage("%s: %w", row.flag, err)
		}
		if row.to.Sign() <= 0 {
			return wallet.Rule{}, usage("%s: %s is not more than nought", row.flag, row.text)
		}
	}
	switch {
	case counted && f.count < 1:
		return wallet.Rule{}, usage("--cap-count: %d is not at least 1", f.count)
	case f.days < 1 || f.days > maxBacktestDays:
		return wallet.Rule{}, usage("--days: %d is not between 1 and %d", f.days, maxBacktestDays)
	case f.often < 0:
		return wallet.Rule{}, usage("--often: %d is less than nought", f.often)
	case f.settlement <= 0 || f.settlement > maxSettlement:
		return wallet.Rule{}, usage("--settlement: %s is not between a moment and %s", f.settlement, maxSettlement)
	}
	if err := rule.Check(); err != nil {
		return wallet.Rule{}, usage("%s", strings.Replace(err.Error(), "caps.", "--cap-", 1))
	}
	return rule, nil
}

// test reads what happened, and replays it.
func (f *backtestFlags) test(ctx context.Context, client *docspace.Client, now time.Time, rule wallet.Rule) (*backtest, error) {
	balance, err := client.Balance(ctx)
	if err != nil {
		return nil, err
	}
	available, err := fleet.Pocket(balance, rule.Target.Currency())
	if err != nil {
		return nil, err
	}
	operations, err := fleet.ReadHistory(ctx, client, now, time.Duration(f.days)*24*time.Hour, maxBacktestOperations)
	if err != nil {
		return nil, err
	}
	history, err := operations.Wallet(available)
	if err != nil {
		return nil, err
	}
	history.Settlement = f.settlement
	b := &backtest{
		Portal: client.URL(), Currency: available.Currency(), From: history.From, To: history.To,
		Operations: len(history.Movements), Cut: operations.Cut, Settlement: seconds(history.Settlement), often: f.often,
	}
	for _, m := range history.Movements {
		if m.Automatic {
			b.LeftOut++
		}
	}
	if b.Tested, err = replayed(history, rule); err != nil {
		return nil, err
	}
	smallest, found, err := history.Suggest(rule.Caps, f.often)
	if err == nil && !found && f.often > 0 {
		b.oftener = true
		smallest, found, err = history.Suggest(rule.Caps, 0)
	}
	if err == nil && found {
		b.Suggested, err = replayed(history, smallest)
	}
	return b, err
}

// backtest is what a back-test came to. Its JSON is what is printed.
type backtest struct {
	Portal   string         `json:"portal"`
	Currency money.Currency `json:"currency"`
	From     time.Time      `json:"from"`
	To       time.Time      `json:"to"`
	// Operations is how many were replayed, and LeftOut how many of them were
	// automatic deposits. Cut says that there were more before From.
	Operations int     `json:"operations"`
	LeftOut    int     `json:"leftOut"`
	Cut        bool    `json:"cut"`
	Settlement seconds `json:"settlementSeconds"`
	Tested     *replay `json:"tested"`
	// Suggested is null when no rule within the portals' bounds would have done.
	Suggested *replay `json:"suggested"`
	often     int
	oftener   bool // it charges more often than that: nothing else would have done
}

// replay is what a rule would have done.
type replay struct {
	Min        string     `json:"minBalance"`
	UpTo       string     `json:"upToBalance"`
	Caps       capsJSON   `json:"caps"`
	Charges    int        `json:"charges"`
	Charged    string     `json:"charged"`
	Capped     cappedJSON `json:"capped"`
	BelowFloor seconds    `json:"belowMinSeconds"`
	Empty      seconds    `json:"emptySeconds"`
	Unpaid     int        `json:"unpaid"`
	Lowest     string     `json:"lowest"`
	LowestAt   time.Time  `json:"lowestAt"`
	Available  string     `json:"available"`

	rule wallet.Rule
	got  wallet.Replay
}

// capsJSON are the caps that held, those by default too.
type capsJSON struct {
	Charge string `json:"charge"`
	Day    string `json:"day"`
	Month  string `json:"month"`
	Count  int    `json:"count"`
}

// cappedJSON counts how often each cap held back.
type cappedJSON struct {
	Charge int `json:"charge"`
	Day    int `json:"day"`
	Month  int `json:"month"`
	Count  int `json:"count"`
}

// seconds is a time in whole seconds.
type seconds time.Duration

func (s seconds) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, "%d", time.Duration(s)/time.Second), nil
}

func replayed(h wallet.History, rule wallet.Rule) (*replay, error) {
	got, err := h.Replay(rule)
	if err != nil {
		return nil, err
	}
	limits := rule.Limits()
	return &replay{
		Min: rule.Floor.Decimal(), UpTo: rule.Target.Decimal(),
		Caps:    capsJSON{limits.Charge.Decimal(), limits.Day.Decimal(), limits.Month.Decimal(), limits.Count},
		Charges: got.Charges, Charged: got.Charged.Decimal(), Capped: cappedJSON(got.Capped),
		BelowFloor: seconds(got.BelowFloor), Empty: seconds(got.Empty), Unpaid: got.Unpaid,
		Lowest: got.Lowest.Decimal(), LowestAt: got.LowestAt, Available: got.Available.Decimal(),
		rule: rule, got: got,
	}, nil
}

// sections words a back-test for people.
func (b *backtest) sections() []section {
	happened := fmt.Sprintf("%d operations; %d automatic deposits among them are left out", b.Operations, b.LeftOut)
	if b.Cut {
		happened += "; there are older ones"
	}
	read := section{title: "Back-test", facts: []fact{
		{"Portal", b.Portal}, {"From", minute(b.From) + " UTC"}, {"To", minute(b.To) + " UTC"}, {"Replayed", happened},
	}}
	tested := b.Tested.section("This rule")
	if b.Suggested == nil {
		return []section{read, tested, {title: "Smallest rule that would have done", texts: []string{
			"None that portals take: some payments were too large for it, or came faster than money does, or its caps are too low.",
		}}}
	}
	suggested := b.Suggested.section("Smallest rule that would have done")
	if b.oftener {
		suggested.texts = []string{fmt.Sprintf("It charges more often than %d times in 30 days: no other would have done.", b.often)}
	}
	return []section{read, tested, suggested}
}

func (r *replay) section(title string) section {
	charged := "never"
	if r.Charges > 0 {
		charged = times(r.Charges) + ", " + amountText(r.got.Charged) + " in all"
	}
	unpaid := "none"
	if r.Unpaid > 0 {
		unpaid = fmt.Sprint(r.Unpaid)
	}
	return section{title: title, facts: []fact{
		{"Rule", "below " + amountText(r.rule.Floor) + " up to " + amountText(r.rule.Target)},
		{"Charged", charged},
		{"Held back by caps", r.Capped.text()},
		{"Below the minimum", longText(time.Duration(r.BelowFloor))},
		{"Empty", longText(time.Duration(r.Empty))},
		{"Payments it could not have made", unpaid},
		{"Lowest", amountText(r.got.Lowest) + " at " + minute(r.LowestAt) + " UTC"},
		{"At the end", amountText(r.got.Available)},
	}}
}

func (c cappedJSON) text() string {
	var texts []string
	for _, row := range []struct {
		name  string
		count int
	}{{"of a charge", c.Charge}, {"of 24 hours", c.Day}, {"of 30 days", c.Month}, {"of how many in 24 hours", c.Count}} {
		if row.count > 0 {
			texts = append(texts, row.name+", "+times(row.count))
		}
	}
	if texts == nil {
		return "never"
	}
	return strings.Join(texts, "; ")
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// longText words a time by its two largest units: "3 days 4 h", "5 min 10 s".
func longText(d time.Duration) string {
	d = d.Round(time.Second)
	days, d := d/(24*time.Hour), d%(24*time.Hour)
	hours, d := d/time.Hour, d%time.Hour
	minutes, left := d/time.Minute, d%time.Minute/time.Second
	var parts []string
	for _, row := range []struct {
		n    time.Duration
		unit string
	}{{days, "days"}, {hours, "h"}, {minutes, "min"}, {left, "s"}} {
		if row.n > 0 && len(parts) < 2 {
			parts = append(parts, strings.Replace(fmt.Sprintf("%d %s", row.n, row.unit), "1 days", "1 day", 1))
		}
	}
	if parts == nil {
		return "never"
	}
	return strings.Join(parts, " ")
}
