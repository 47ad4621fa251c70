package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/reconcile"
)

// reconcileFlags are the flags of reconcile.
type reconcileFlags struct {
	*selection
	from, stateFile string
	opening         []string
	within          time.Duration
	ai, strict      bool
	output          *string
}

func newReconcile(env Env) *cobra.Command {
	flags := reconcileFlags{}
	cmd := &cobra.Command{
		Use:   "reconcile",
		Short: "Prove wallets by their operations",
		Long: `Rebuild each wallet from its operations, and compare with the balance that the portal
reports, currency by currency. Nothing is changed. A wallet is read until it stands
still from the first balance to the last.

What is found has a code, which stays as it is:

  gap               the wallet does not have what its operations come to
  drift             since the last run it moved by something else
  listed-twice      an operation is listed more often than the wallet has it
  charged-twice     the same was paid again within --within: a suspicion
  late              an operation came with a date that the last run was past: a suspicion
  vanished          an operation that the last run saw is gone, or is another
  missed-renewal    a period was due, and nothing was paid for it
  top-up-twice      it was refilled again, and nothing had made it low
  top-up-over       it was refilled with more than the rule asks for: a suspicion
  negative          there was less than nothing in it: a suspicion
  unknown-currency  an operation is in no currency
  over-refund       more was given back of a service than was paid for it
  malformed         an operation goes both ways, or has no date

drift, late and vanished are told by what an earlier run wrote with --state: eight
bytes of each operation, and what there was. Without it they can't be told. What a run
has printed is remembered, and nothing else; no two runs can use a file at once.

With --from, what was there before is not known, and whether the balance agrees can't
be told, unless --opening gives it. All else is looked at.

Money that is reserved for something that is going on, such as a backup, counts as
gone at many portals, and is no operation: a gap that is below nought may be that.
Portals name no price of a unit in their operations, so that those are not checked.

Exit codes: 0 all wallets agree; 1 one does not; 3 none disagrees, and it can't be
told of all: a part could not be read, or an opening is not known. A suspicion is
printed and is 0, or 1 with --strict. Where only one portal is read and that fails,
the code is the failure's.

JSON is one object; of many portals it is one object a line, in order of arrival.`,
		Example: `bursar reconcile --portal https://portal.example.com --key-file key.txt

# Every night, all portals, and what changed behind one's back
bursar reconcile --all --state reconcile.json

# July alone, from what the last statement ended with
bursar reconcile --from 2026-07-01 --opening USD=148.50`,
		GroupID: GroupRead,
		Args:    cobra.NoArgs,
	}
	flags.selection = selectionFlags(cmd, env, patienceWithMany)
	flags.refresh = true
	f := cmd.Flags()
	f.StringVar(&flags.from, "from", "", "first day or moment, as 2026-07-01 or 2026-07-01T12:00:00Z (default: the beginning)")
	f.StringSliceVar(&flags.opening, "opening", nil, "what was there before --from, as USD=148.50; may be repeated")
	f.StringVar(&flags.stateFile, "state", "", "file of what earlier runs remember; it is written anew")
	f.DurationVar(&flags.within, "within", 10*time.Second, "how close payments are that look like one paid twice")
	f.BoolVar(&flags.ai, "ai", false, "the AI credit beside the wallet, in place of it")
	f.BoolVar(&flags.strict, "strict", false, "a suspicion is a disagreement")
	flags.output = outputFlag(cmd)
	_ = cmd.MarkFlagFilename("state")
	for _, name := range []string{"all", "group"} {
		cmd.MarkFlagsMutuallyExclusive("opening", name)
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return flags.run(cmd.Context(), env) }
	return cmd
}

// reading returns how the wallets are read.
func (f *reconcileFlags) reading(env Env) (reconcile.Reading, error) {
	r := reconcile.Reading{Now: env.Now, AI: f.ai, Pause: time.Second}
	if f.within <= 0 {
		return r, usage("--within: %s is not more than nothing", f.within)
	}
	r.Within = f.within
	var err error
	if r.From, err = parseFirst("--from", f.from); err != nil {
		return r, err
	}
	if r.From.After(env.Now()) {
		return r, usage("--from: %s is in the future", f.from)
	}
	if len(f.opening) > 0 && r.From.IsZero() {
		return r, usage("--opening: goes with --from, before which it was there")
	}
	for _, text := range f.opening {
		amount, err := parseAmount("--opening", text)
		if err != nil {
			return r, err
		}
		r.Opening = append(r.Opening, amount)
	}
	return r, nil
}

// reconciled is a wallet that was read.
type reconciled struct {
	*reconcile.Result
	memory *reconcile.Memory
	wallet string
}

func (f *reconcileFlags) run(ctx context.Context, env Env) (err error) {
	reading, err := f.reading(env)
	if err != nil {
		return err
	}
	profiles, err := f.portals()
	if err != nil {
		return err
	}
	reader, err := f.reader()
	if err != nil {
		return err
	}
	var state *reconcile.State
	if f.stateFile != "" {
		if state, err = reconcile.OpenState(f.stateFile); err != nil {
			return err
		}
		defer func() {
			if closed := state.Close(); err == nil {
				err = closed
			}
		}()
	}
	ask := func(ctx context.Context, portal *fleet.Portal) (reconciled, error) {
		reading, wallet := reading, portal.Client.URL()
		if f.ai {
			wallet += "#ai"
		}
		if state != nil {
			reading.Earlier = state.Of(wallet)
		}
		result, memory, err := reconcile.Read(ctx, portal.Client, reading)
		return reconciled{result, memory, wallet}, err
	}
	outcome := reconcileOutcome{flags: f, env: env}
	bar := newProgress(env, f.quiet, len(profiles), "Reconciling")
	err = fleet.Each(ctx, reader, profiles, ask, func(p fleet.Profile, r reconciled, err error) error {
		bar.step()
		if told := outcome.add(p, r.Result, err); told != nil {
			return told
		}
		if err == nil && state != nil {
			state.Put(r.wallet, r.memory)
		}
		return nil
	})
	bar.stop()
	// What was found is told once: it is remembered when it is told, also of the portals
	// that were read before an interruption.
	if told := outcome.print(); told != nil {
		return errors.Join(err, told)
	}
	if state != nil {
		err = errors.Join(err, state.Save())
	}
	if err != nil {
		return err
	}
	return outcome.err()
}

// reconcileOutcome prints wallets as they come, and says what comes of them all.
type reconcileOutcome struct {
	flags                                *reconcileFlags
	env                                  Env
	out                                  bytes.Buffer // what is printed when the bar is gone
	all, wrong, unproven, failed, doubts int
	first                                error // why a portal was not read
}

func (o *reconcileOutcome) add(p fleet.Profile, r *reconcile.Result, failure error) error {
	o.all++
	var d reconcile.Document
	switch {
	case failure != nil:
		o.failed++
		if o.first == nil {
			o.first = failure
		}
		if !o.flags.many() {
			return nil // the command ends with it
		}
		d = reconcile.Document{Portal: p.Name, Verdict: reconcile.Unproven, Error: cleaned(failure.Error()),
			Pockets: []reconcile.PocketDocument{}, Findings: []reconcile.FindingDocument{}, Unproven: []string{}, Notes: []string{}}
	default:
		d = r.Document(p.Name)
		switch o.doubts += r.Suspicions(); r.Verdict() {
		case reconcile.Disagrees:
			o.wrong++
		case reconcile.Unproven:
			o.unproven++
		}
	}
	if err := o.write(d); err != nil {
		return err
	}
	if isTerminal(o.env.Stderr) && !o.flags.quiet { // the bar would stand in it
		return nil
	}
	return o.print()
}

// write words a wallet.
func (o *reconcileOutcome) write(d reconcile.Document) error {
	switch {
	case *o.flags.output == "json" && o.flags.many():
		return printLine(&o.out, d)
	case *o.flags.output == "json":
		return printJSON(&o.out, d)
	case o.flags.many() && len(d.Findings) == 0:
		fmt.Fprintln(&o.out, reconciledLine(d))
		return nil
	}
	writeTable(&o.out, page{facts: reconciledFacts(d), sections: reconciledSections(d)})
	if o.flags.many() {
		fmt.Fprintln(&o.out)
	}
	return nil
}

func (o *reconcileOutcome) print() error {
	if o.out.Len() == 0 {
		return nil
	}
	text := o.out.String()
	o.out.Reset()
	return printStyled(o.env, text)
}

// err returns how the command ends.
func (o *reconcileOutcome) err() error {
	switch {
	case o.failed > 0 && !o.flags.many():
		return o.first
	case o.wrong > 0 && !o.flags.many():
		return &Error{Err: errors.New("the wallet does not agree with its operations"), Code: ExitFailed, Hint: disagreeHint}
	case o.wrong > 0:
		return &Error{Err: fmt.Errorf("%d of %s %s not agree with the operations", o.wrong, howMany(o.all, "wallet"), doOrDoes(o.wrong)), Code: ExitFailed, Hint: disagreeHint}
	case o.doubts > 0 && o.flags.strict:
		return &Error{Err: fmt.Errorf("%s with --strict", howMany(o.doubts, "suspicion")), Code: ExitFailed,
			Hint: "look at the operations; without --strict a doubt is no failure"}
	case o.failed > 0:
		return &Error{Err: fmt.Errorf("%d of %s could not be read: %w", o.failed, howMany(o.all, "wallet"), o.first), Code: ExitPartly, Hint: hintFor(o.first)}
	case o.unproven > 0 && !o.flags.many():
		return &Error{Err: errors.New("whether the wallet agrees with its operations can't be told"), Code: ExitPartly, Hint: unprovenHint}
	case o.unproven > 0:
		return &Error{Err: fmt.Errorf("of %d of %s it can't be told whether they agree", o.unproven, howMany(o.all, "wallet")), Code: ExitPartly, Hint: unprovenHint}
	}
	return nil
}

// What to do about wallets that don't agree, and about those of which nobody knows.
const (
	disagreeHint = "ask whoever runs the portal about the findings; run again if something is going on in the wallet"
	unprovenHint = "it says what is missing; with --from, --opening gives what was there before"
)
