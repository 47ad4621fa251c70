package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/manifest"
	"github.com/bursarhq/bursar/money"
)

// applier changes portals as a manifest says.
type applier struct {
	*many
	yes, free, allowUnknown bool
	maxCost                 []string
}

func newManifestApply(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "apply FILE",
		Short: "Change portals so that they are as a manifest says",
		Long: `Compare portals with a manifest, say what would change and what that costs, ask, and
change it: rules first, then what is switched, then what is scheduled, and what is paid
for last. FILE is a manifest, or what "diff --save" wrote: then that is changed and
nothing else.

Before anything is sent to a portal it is read again; one that is not as it was, or asks
for more, is left as it is. Each change is sent once, and what comes after one that was
not done is not sent. When an answer is lost, the portal is asked whether it happened.
In the end each portal is read again. Apply the same again to go on with what was not
done: what is done is not done twice.

--max-cost refuses all of it where what is paid at once comes to more, in any currency;
what nobody knows the price of is refused then, too, but for --allow-unknown-cost. --free
makes only the changes that cost nothing, now or later.

Only the customer's payer may do it, with a key that is not limited to reading.

The exit status is 0 when all was done or there was nothing to do, 3 when some of it was
not done, or may not be, and 1 when nothing was.`,
		Example: `bursar manifest apply bursar.yaml
bursar manifest apply bursar.yaml --yes --max-cost USD=100 --max-cost EUR=50
bursar manifest apply bursar.yaml --group production

# What was found yesterday, and nothing else
bursar manifest apply changes.json --yes`,
		Args: cobra.ExactArgs(1),
	}
	a := &applier{many: addMany(cmd, env).formats(cmd)}
	f := cmd.Flags()
	f.BoolVarP(&a.yes, "yes", "y", false, "go on unasked")
	f.BoolVar(&a.free, "free", false, "only what costs nothing, now or later")
	f.StringSliceVar(&a.maxCost, "max-cost", nil, "refuse when more than this is paid at once, as USD=100; may be repeated")
	f.BoolVar(&a.allowUnknown, "allow-unknown-cost", false, "with --max-cost: change what nobody knows the price of, too")
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return a.run(cmd, args[0]) }
	return cmd
}

func (a *applier) run(cmd *cobra.Command, file string) error {
	limits, err := parseLimits(a.maxCost)
	if err != nil {
		return err
	}
	e, err := a.engine(true)
	if err != nil {
		return err
	}
	if !a.yes && !a.env.canAsk() {
		return &Error{Err: errors.New("nobody is there to confirm it; nothing was sent"), Code: ExitUsage,
			Hint: "--yes goes on unasked, bursar manifest diff says what it would come to"}
	}
	diffs, profiles, err := a.agreed(cmd, file)
	if err != nil {
		return err
	}
	report, err := reportOf(diffs)
	if err != nil {
		return err
	}
	if report.changes == 0 {
		if err := report.print(a.env, *a.output); err != nil {
			return err
		}
		return report.exit()
	}
	if err := report.within(limits, a.allowUnknown); err != nil {
		return err
	}
	if !a.yes {
		if err := a.confirm(cmd.Context(), report); err != nil {
			return err
		}
	}
	result := &applyReport{outcomes: a.apply(cmd.Context(), e, diffs, profiles), left: report.left()}
	if err := result.print(a.env, *a.output); err != nil {
		return &Error{Err: err, Hint: "changes were made: see by bursar manifest diff what is left"}
	}
	return result.exit()
}

// agreed returns what is to be changed, and on which portals: what a plan says, or what
// differs from a manifest.
func (a *applier) agreed(cmd *cobra.Command, file string) ([]manifest.Diff, []fleet.Profile, error) {
	isPlan, err := manifest.IsPlan(file)
	if err != nil {
		return nil, nil, err
	}
	if !isPlan {
		diffs, err := a.diff(cmd, file, a.free)
		if err != nil {
			return nil, nil, err
		}
		return a.withProfiles(diffs)
	}
	if a.free {
		return nil, nil, usage("--free: %s is a plan: say it where that is made", file)
	}
	if len(a.groups) > 0 {
		return nil, nil, usage("--group: %s is a plan, which knows no groups: say --portal, or say it where the plan is made", file)
	}
	diffs, err := manifest.LoadPlan(file)
	if err != nil {
		return nil, nil, err
	}
	if len(a.portals) > 0 {
		for _, name := range a.portals {
			if !slices.ContainsFunc(diffs, func(d manifest.Diff) bool { return d.Portal == name }) {
				return nil, nil, usage("--portal: %s does not speak of portal %q", file, name)
			}
		}
		diffs = slices.DeleteFunc(diffs, func(d manifest.Diff) bool { return !slices.Contains(a.portals, d.Portal) })
	}
	return a.withProfiles(diffs)
}

// withProfiles finds the profiles of portals that something is to be changed of.
func (a *applier) withProfiles(diffs []manifest.Diff) ([]manifest.Diff, []fleet.Profile, error) {
	profiles, err := a.env.profiles()
	if err != nil {
		return nil, nil, err
	}
	var chosen []fleet.Profile
	for i := range diffs {
		d := &diffs[i]
		if len(d.Changes) == 0 || len(d.Problems) > 0 || d.Err != nil {
			continue
		}
		profile, err := profiles.Find(d.Portal)
		switch {
		case err != nil:
			return nil, nil, err
		case profile.URL != d.URL:
			return nil, nil, fmt.Errorf("%w: portal %q is at another address than when its changes were found", manifest.ErrChanged, d.Portal)
		}
		chosen = append(chosen, profile)
	}
	return diffs, chosen, nil
}

// parseLimits reads the most that may be paid, in each currency.
func parseLimits(texts []string) (map[money.Currency]money.Amount, error) {
	limits := map[money.Currency]money.Amount{}
	for _, text := range texts {
		amount, err := parseAmount("--max-cost", text)
		if err != nil {
			return nil, err
		}
		if _, twice := limits[amount.Currency()]; twice || amount.Sign() < 0 {
			return nil, usage("--max-cost: %q is below nought, or the second in %s", text, amount.Currency())
		}
		limits[amount.Currency()] = amount
	}
	return limits, nil
}

// within refuses what costs more at once than the limits, where there are any.
func (r *diffReport) within(limits map[money.Currency]money.Amount, allowUnknown bool) error {
	if len(limits) == 0 {
		return nil
	}
	refuse := func(format string, args ...any) error {
		return &Error{Err: fmt.Errorf(format+"; nothing was sent", args...), Code: ExitFailed,
			Hint: "bursar manifest diff says what costs how much; --portal, --group and --free choose some of it, --max-cost allows more"}
	}
	for _, amount := range r.total.Now {
		limit, ok := limits[amount.Currency()]
		if !ok {
			return refuse("it costs %s now, and there is no --max-cost in %s", amount, amount.Currency())
		}
		if order, err := amount.Compare(limit); err != nil || order > 0 {
			return refuse("it costs %s now, which is more than --max-cost %s", amount, limit)
		}
	}
	if r.total.Unknown > 0 && !allowUnknown {
		return refuse("nobody knows what %d of the changes cost", r.total.Unknown)
	}
	return nil
}

// confirm shows what would change, and returns nil when a person says yes to it.
func (a *applier) confirm(ctx context.Context, report *diffReport) error {
	if err := writeStyled(a.env, a.env.Stderr, report.text()+"\n"); err != nil {
		return err
	}
	return confirm(ctx, a.env, []fact{
		{"Change", fmt.Sprintf("%d at %s", report.changes, portalsText(report.changed))},
	})
}

// left are the portals that nothing is changed of, as they can't have what is wanted or
// were not read.
func (r *diffReport) left() (all []manifest.Diff) {
	for _, d := range r.diffs {
		if d.Err != nil || len(d.Problems) > 0 {
			all = append(all, d)
		}
	}
	return all
}

// apply makes the changes, and returns what came of them, by name.
func (a *applier) apply(ctx context.Context, e *manifest.Engine, diffs []manifest.Diff, profiles []fleet.Profile) (all []manifest.Outcome) {
	bar := newProgress(a.env, a.quiet, len(profiles), "Changing portals")
	e.Apply(ctx, diffs, profiles, func(o manifest.Outcome) {
		bar.step()
		all = append(all, o)
	})
	bar.stop()
	slices.SortFunc(all, func(a, b manifest.Outcome) int { return strings.Compare(a.Portal, b.Portal) })
	return all
}

// applyReport is what came of changes.
type applyReport struct {
	outcomes []manifest.Outcome // by name
	left     []manifest.Diff    // that nothing was tried of
}

func (r *applyReport) counts() (all, done, unknown int) {
	for _, o := range r.outcomes {
		all += len(o.Results)
		for _, result := range o.Results {
			switch result.Status {
			case manifest.Done:
				done++
			case manifest.Unknown:
				unknown++
			}
		}
	}
	return all, done, unknown
}

func (r *applyReport) print(env Env, format string) error {
	if format == "json" {
		return printJSON(env.Stdout, r.document())
	}
	return printStyled(env, r.text())
}

func (r *applyReport) text() string {
	var b strings.Builder
	for _, o := range r.outcomes {
		fmt.Fprintf(&b, "%s (%s)\n", printable(o.Portal), printable(o.URL))
		if o.Err != nil {
			fmt.Fprintf(&b, "  nothing was sent: %s\n", printable(o.Err.Error()))
		}
		for _, result := range o.Results {
			c := result.Change
			fmt.Fprintf(&b, "  %s: %s → %s: %s\n", c.Member, printable(c.Is), printable(c.Should), result.Status)
			if result.Text != "" {
				fmt.Fprintf(&b, "    %s\n", printable(result.Text))
			}
		}
		b.WriteString("\n")
	}
	for _, d := range r.left {
		fmt.Fprintf(&b, "%s: left as it is: ", printable(d.Portal))
		if d.Err != nil {
			fmt.Fprintln(&b, printable(d.Err.Error()))
			continue
		}
		fmt.Fprintf(&b, "%s: %s\n", printable(d.Problems[0].Member), printable(d.Problems[0].Text))
	}
	all, done, unknown := r.counts()
	fmt.Fprintf(&b, "%d of %d changes are done", done, all)
	if unknown > 0 {
		fmt.Fprintf(&b, "; of %d it is not known", unknown)
	}
	b.WriteString(".\n")
	return b.String()
}

// applyDocument is what came of changes, as JSON.
type applyDocument struct {
	Done    int                  `json:"done"`
	Unknown int                  `json:"unknown"`
	All     int                  `json:"all"`
	Portals []applyPortalElement `json:"portals"`
	Left    []diffPortalElement  `json:"left,omitempty"`
}

type applyPortalElement struct {
	Portal  string          `json:"portal"`
	URL     string          `json:"url"`
	Error   string          `json:"error,omitempty"`
	Changes []changeElement `json:"changes"`
}

func (r *applyReport) document() applyDocument {
	d := applyDocument{Portals: []applyPortalElement{}, Left: (&diffReport{diffs: r.left}).document().Portals}
	d.All, d.Done, d.Unknown = r.counts()
	for _, o := range r.outcomes {
		e := applyPortalElement{Portal: o.Portal, URL: o.URL, Changes: []changeElement{}}
		if o.Err != nil {
			e.Error = o.Err.Error()
		}
		for _, result := range o.Results {
			c := changeOf(result.Change, true)
			c.Status, c.Text, c.Key = result.Status, result.Text, result.Key
			e.Changes = append(e.Changes, c)
		}
		d.Portals = append(d.Portals, e)
	}
	return d
}

// exit returns the exit status as an error; nil when all was done.
func (r *applyReport) exit() error {
	all, done, unknown := r.counts()
	if done == all && len(r.left) == 0 {
		return nil
	}
	e := &Error{Code: ExitPartly, Err: fmt.Errorf("%d of %d changes are not done", all-done, all),
		Hint: "apply the same manifest again to go on; a plan is good for one time: what is left of it takes a new one"}
	if done == all {
		e.Err = fmt.Errorf("%s could not be changed", portalsText(len(r.left)))
		e.Hint = "put right what the result says of them, and apply the same again"
	}
	if unknown > 0 {
		e.Hint = "look at what is unknown first, by bursar operations list; then apply the manifest again"
	}
	if done+unknown == 0 {
		e.Code = ExitFailed
	}
	return e
}
