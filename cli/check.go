package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bursarhq/bursar/check"
	"github.com/bursarhq/bursar/clock"
	"github.com/bursarhq/bursar/fleet"
)

// The exit codes of bursar check, which are those of Nagios and not of the other
// commands.
const (
	ExitCheckOK       = 0
	ExitCheckWarning  = 1
	ExitCheckCritical = 2
	ExitCheckUnknown  = 3 // something could not be found out, or the command line is wrong
)

// checkFlags are the flags of check.
type checkFlags struct {
	*selection
	minBalance, warnBalance                  []string
	minRunway, warnRunway, dueWithin, maxAge span
	topUp                                    bool
	output                                   choice
}

// span is a flag that is a time, in days too: 7d, 36h, 1d12h.
type span time.Duration

// String returns the time; "" for none.
func (d *span) String() string {
	if *d == 0 {
		return ""
	}
	return time.Duration(*d).String()
}

// Type is what the help calls it.
func (d *span) Type() string { return "duration" }

// Set reads the time.
func (d *span) Set(text string) error {
	long, err := clock.ParseDuration(text)
	if err != nil || long <= 0 {
		return fmt.Errorf("%q is no time such as 7d or 36h", text)
	}
	*d = span(long)
	return nil
}

func newCheck(env Env) *cobra.Command {
	flags := &checkFlags{output: choice{value: "text", allowed: []string{"text", "nagios", "json", "junit"}}}
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Say what is wrong with portals, for cron and monitors",
		Long: `Look at how portals stand, and say what is wrong, a line for each problem. Nothing is
printed where nothing is wrong, but with -o nagios, json and junit.

Always looked at are: that a portal answers; that its plan is paid for, and no more is
used than it allows; that a top-up rule which is on has something to charge, and can
act; and that a user of the portal has the address of the customer, as nobody could pay
otherwise. The rest must be asked for:

  --min-balance   20 for each currency of the wallet, or USD=20; may be repeated. A
                  wallet need not have each currency that is named, but one
  --min-runway    for how long the wallet lasts at worst: as the dearest of the last four
                  weeks goes on, refilled if a top-up rule refills it. It is unknown
                  before 14 days of history
  --due-within    what falls due so soon must be in the wallet, or there must be a payment
                  method; trials that end are told of
  --max-age       how old what is known may be. Portals do not say, and keep answers for
                  up to 10 minutes, failures too; below that they are asked anew
  --require-topup a top-up rule must be on

Less than --min-balance and --min-runway is critical, less than --warn-balance and
--warn-runway a warning. What could not be found out is a problem of its own, worse than
a warning: a portal that does not answer is not one that is well.

Exit status, as of Nagios' plug-ins and unlike those of the other commands: 0 all is
well, 1 there are warnings, 2 something is critical, 3 something is unknown, and nothing
is critical; or the command line is wrong.`,
		Example: `# Of all portals, from cron: a mail comes only when something is wrong
bursar check --all --min-balance 20 --min-runway 7d --due-within 10d --max-age 1h

# As a plug-in of Nagios, Icinga or Naemon
bursar check --portal acme --min-balance USD=10 --warn-balance USD=20 -o nagios

# In a pipeline
bursar check --group production --min-balance 20 -o junit > billing.xml`,
		GroupID: GroupRead,
		Args:    func(cmd *cobra.Command, args []string) error { return unknownState(cobra.NoArgs(cmd, args)) },
	}
	flags.selection = selectionFlags(cmd, env, patienceWithMany)
	flags.add(cmd.Flags())
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(flags.output.allowed, cobra.ShellCompDirectiveNoFileComp))
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return unknownState(err) })
	cmd.PersistentPreRunE = func(cmd *cobra.Command, args []string) error {
		err := cmd.Root().PersistentPreRunE(cmd, args)
		if err == nil {
			err = cmd.ValidateFlagGroups()
		}
		return unknownState(err)
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		err := runCheck(cmd.Context(), env, flags)
		if err != nil && flags.output.value == "nagios" && ExitCode(err) == ExitCheckUnknown && !isState(err) {
			if _, err := fmt.Fprintf(env.Stdout, "BURSAR UNKNOWN - %s\n", nagiosText(err.Error())); err != nil {
				return unknownState(err)
			}
		}
		return err
	}
	return cmd
}

func (c *checkFlags) add(f *pflag.FlagSet) {
	f.StringArrayVar(&c.minBalance, "min-balance", nil, "critical below this: 20, or USD=20; may be repeated")
	f.StringArrayVar(&c.warnBalance, "warn-balance", nil, "a warning below this: 50, or USD=50; may be repeated")
	f.Var(&c.minRunway, "min-runway", "critical if the wallet may not last so long: 7d")
	f.Var(&c.warnRunway, "warn-runway", "a warning if the wallet may not last so long: 14d")
	f.Var(&c.dueWithin, "due-within", "what falls due so soon must be covered: 10d")
	f.Var(&c.maxAge, "max-age", "how old what is known may be: 1h")
	f.BoolVar(&c.topUp, "require-topup", false, "a top-up rule must be on")
	f.VarP(&c.output, "output", "o", "format: "+strings.Join(c.output.allowed, ", "))
}

// policy returns what the flags ask for.
func (c *checkFlags) policy() (check.Policy, error) {
	p := check.Policy{
		MinRunway: time.Duration(c.minRunway), WarnRunway: time.Duration(c.warnRunway),
		DueWithin: time.Duration(c.dueWithin), MaxAge: time.Duration(c.maxAge), TopUp: c.topUp,
	}
	var err error
	if p.MinBalance, err = check.ParseFloors(c.minBalance); err != nil {
		return p, usage("--min-balance: %w", err)
	}
	if p.WarnBalance, err = check.ParseFloors(c.warnBalance); err != nil {
		return p, usage("--warn-balance: %w", err)
	}
	if err := p.Check(); err != nil {
		text := err.Error()
		for field, flag := range map[string]string{"MinBalance": "--min-balance", "WarnBalance": "--warn-balance", "MinRunway": "--min-runway", "WarnRunway": "--warn-runway"} {
			text = strings.ReplaceAll(text, field, flag)
		}
		return p, usage("%s", text)
	}
	return p, nil
}

// checked is what was found of many portals.
type checked struct {
	at       time.Time
	rules    []check.Rule
	portals  []checkedPortal
	problems []check.Problem
	measures []check.Measure
}

type checkedPortal struct {
	Portal string         `json:"portal"`
	URL    string         `json:"url"`
	State  check.Severity `json:"state"`
	// read is what tells how old it is; nil for a portal that could not be read.
	read *check.Facts
}

// runCheck checks portals. Its error is not nil where there is a problem, too.
func runCheck(ctx context.Context, env Env, flags *checkFlags) error {
	policy, err := flags.policy()
	if err != nil {
		return unknownState(err)
	}
	portals, err := flags.portals()
	if err != nil {
		return unknownState(err)
	}
	flags.refresh = policy.Refresh()
	reader, err := flags.reader()
	if err != nil {
		return unknownState(err)
	}
	c := checked{at: env.Now(), rules: policy.Rules()}
	bar := newProgress(env, flags.quiet, len(portals), "Checking portals")
	ask := func(ctx context.Context, portal *fleet.Portal) (check.Facts, error) {
		return check.Read(ctx, portal, policy, env.Now()), nil
	}
	err = fleet.Each(ctx, reader, portals, ask, func(profile fleet.Profile, facts check.Facts, err error) error {
		if err != nil {
			facts = check.Facts{Portal: profile.Name, Err: err}
		}
		c.add(profile, policy, facts)
		bar.step()
		return nil
	})
	bar.stop()
	if err != nil {
		return unknownState(err)
	}
	c.age(policy, env.Now())
	if err := c.write(env, flags.output.value); err != nil {
		return unknownState(err)
	}
	return c.outcome()
}

// add notes what was found of a portal, but for its age.
func (c *checked) add(profile fleet.Profile, policy check.Policy, facts check.Facts) {
	policy.MaxAge = 0
	problems := policy.Problems(facts, c.at)
	p := checkedPortal{Portal: profile.Name, URL: profile.URL, State: check.Worst(problems)}
	if !slices.ContainsFunc(problems, func(p check.Problem) bool { return p.Code == check.ReadPortal }) {
		p.read = &check.Facts{Portal: facts.Portal, ReadAt: facts.ReadAt, Refreshed: facts.Refreshed}
	}
	c.portals = append(c.portals, p)
	c.problems = append(c.problems, problems...)
	c.measures = append(c.measures, policy.Measures(facts)...)
}

// age notes what is too old when all have been read: those that came first have waited
// for the others.
func (c *checked) age(policy check.Policy, now time.Time) {
	for i := range c.portals {
		p := &c.portals[i]
		if p.read == nil {
			continue
		}
		stale := policy.Stale(*p.read, now)
		p.State = max(p.State, check.Worst(stale))
		c.problems = append(c.problems, stale...)
	}
}

// sort brings what arrived in any order into that of the portals' names.
func (c *checked) sort() {
	slices.SortFunc(c.portals, func(a, b checkedPortal) int { return strings.Compare(a.Portal, b.Portal) })
	slices.SortStableFunc(c.measures, func(a, b check.Measure) int { return strings.Compare(a.Portal, b.Portal) })
	check.Sort(c.problems)
}

// state is the error of a check that found problems.
type state struct {
	worst    check.Severity
	problems int
}

func (s *state) Error() string {
	return fmt.Sprintf("%s: %s", s.worst, countText(s.problems, "problem"))
}

// outcome returns nil if all is well.
func (c *checked) outcome() error {
	worst := check.Worst(c.problems)
	codes := map[check.Severity]int{check.Warning: ExitCheckWarning, check.Critical: ExitCheckCritical, check.Unknown: ExitCheckUnknown}
	if worst == check.OK {
		return nil
	}
	return &Error{Err: &state{worst, len(c.problems)}, Code: codes[worst], Printed: true}
}

// isState reports whether an error is that of a check that worked, and found problems.
func isState(err error) bool {
	own, ok := err.(*Error)
	if !ok {
		return false
	}
	_, ok = own.Err.(*state)
	return ok
}

// unknownState gives the error of a check that could not be made its exit code, and the
// advice that it would have had; nil for nil.
func unknownState(err error) error {
	if err == nil {
		return nil
	}
	return &Error{Err: err, Code: ExitCheckUnknown, Hint: hintFor(err)}
}

// countText writes a number of things: "1 problem", "2 problems".
func countText(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
