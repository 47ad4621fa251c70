package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/watch"
)

// watchFlags are the flags of watch.
type watchFlags struct {
	*selection
	interval time.Duration
	once     bool
	lines    bool
	output   choice
}

const (
	// watchInterval is how often portals are looked at unless asked otherwise.
	watchInterval = time.Minute
	// leastWatchInterval is the shortest time between looks at a portal without limits
	// of its own.
	leastWatchInterval = 5 * time.Second
	// usualPerMinute is what a profile without a limit allows.
	usualPerMinute = 600
)

func newWatch(env Env) *cobra.Command {
	flags := watchFlags{output: choice{value: "text", allowed: []string{"text", "ndjson"}}}
	cmd := &cobra.Command{
		Use:   "watch",
		Short: "Watch portals: balances, how long they last, and what changed",
		Long: `Watch portals on a live screen: the balances with those of the last two weeks, for how
long they last, when the plan is due, the top-up rule, and what changed since the
look before, with its time. A portal that does not answer shows what it said last,
and how old that is.

Keys: up and down (or k and j) choose a portal, enter shows all of it; / filters by
name, plan, payer, currency or the word failing; s sorts by name, by how long the
money lasts, by due date, by change or by failure; r looks at once; q ends it.

Where standard output is no terminal, or with --lines, it prints lines in place of the
screen: how each portal stands when it first answers, and whatever changed from then
on; what can't be read goes to standard error. It ends with SIGINT or SIGTERM.

-o ndjson is for programs: a JSON object on each line, when a portal is first looked at
and whenever something changed, failures too, with what is known of it then. Balances
that are not known are null.

--interval is at least 5s, and long enough for the requests in a minute that each
portal's profile allows. A look takes up to 10 of them.

--once looks once and prints the lines. Exit status then: 0 all portals answered, 1
none did, 3 some did, 4 no key is accepted.`,
		Example: `# The portals that bursar profile knows, on a screen
bursar watch --all

# What changes, for a log
bursar watch --group paying --interval 5m > changes.log

# The same for a program: what can't be read any more
bursar watch --all -o ndjson | jq -r 'select(.error) | .portal + ": " + .error'`,
		GroupID: GroupRead,
		Args:    cobra.NoArgs,
	}
	flags.selection = selectionFlags(cmd, env, patienceWithMany)
	f := cmd.Flags()
	f.DurationVar(&flags.interval, "interval", watchInterval, "how often each portal is looked at")
	f.BoolVar(&flags.once, "once", false, "look once, print how each portal stands, and end")
	f.BoolVar(&flags.lines, "lines", false, "print lines, on a terminal too")
	f.VarP(&flags.output, "output", "o", "format of lines: "+strings.Join(flags.output.allowed, ", "))
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(flags.output.allowed, cobra.ShellCompDirectiveNoFileComp))
	cmd.MarkFlagsMutuallyExclusive("once", "interval")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return flags.run(cmd.Context(), cmd.Flags().Changed("interval"))
	}
	return cmd
}

func (f *watchFlags) run(ctx context.Context, given bool) error {
	chosen, err := f.portals()
	if err != nil {
		return err
	}
	if err := f.checkInterval(chosen, given); err != nil {
		return err
	}
	reader, err := f.reader()
	if err != nil {
		return err
	}
	for _, p := range chosen {
		if !f.quiet && sentInClear(p.URL) {
			fmt.Fprintf(f.env.Stderr, "warning: the key of %s travels unencrypted; use https:// if the portal has it\n", cleaned(p.Name))
			break
		}
	}
	looker := &watch.Looker{Reader: reader, Portals: chosen, Now: f.env.Now}
	names := make([]string, len(chosen))
	for i, p := range chosen {
		names[i] = p.Name
	}
	board := watch.NewBoard(names)
	if !f.once && !f.lines && f.output.value == "text" && f.hasScreen() {
		return f.screen(ctx, looker, board)
	}
	return f.tell(ctx, looker, board)
}

// hasScreen reports whether there is a terminal to draw on, and how large it is is known.
func (f *watchFlags) hasScreen() bool {
	out, ok := f.env.Stdout.(*os.File)
	if !ok || f.env.get("TERM") == "dumb" {
		return false
	}
	width, height, err := term.GetSize(int(out.Fd()))
	return err == nil && width > 0 && height > 0
}

// checkInterval refuses an interval that a portal's own limit does not allow; one that
// nobody chose is made long enough.
func (f *watchFlags) checkInterval(chosen []fleet.Profile, given bool) error {
	least, whose := leastWatchInterval, ""
	for _, p := range chosen {
		allowed := p.PerMinute
		if allowed == 0 {
			allowed = usualPerMinute
		}
		needs := (watch.RequestsPerLook*time.Minute/time.Duration(allowed) + time.Second - 1).Truncate(time.Second)
		if needs > least {
			least, whose = needs, fmt.Sprintf(": %s allows %d requests in a minute, and a look takes up to %d", p.Name, allowed, watch.RequestsPerLook)
		}
	}
	if f.interval >= least {
		return nil
	}
	if given {
		return usage("--interval: %s is less than %s%s", f.interval, least, whose)
	}
	f.interval = least
	return nil
}

// screen shows the portals until somebody has enough of it.
func (f *watchFlags) screen(ctx context.Context, looker *watch.Looker, board *watch.Board) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	model := &watch.Screen{
		Board: board, Done: ctx.Done(), Interval: f.interval, Now: f.env.Now, Tick: tea.Tick,
		Look: func(done func(watch.Answer) error) error { return looker.Look(ctx, done) },
	}
	options := []tea.ProgramOption{
		tea.WithContext(ctx), tea.WithOutput(f.env.Stdout), tea.WithEnvironment(f.env.Environ), tea.WithoutSignalHandler(),
	}
	if in, ok := f.env.Stdin.(*os.File); ok && term.IsTerminal(int(in.Fd())) {
		options = append(options, tea.WithInput(in))
	} else if in, out, err := tea.OpenTTY(); err == nil { // standard input had the key, say
		defer in.Close()
		defer out.Close()
		options = append(options, tea.WithInput(in))
	} else {
		options = append(options, tea.WithInput(nil)) // there is no keyboard; a signal ends it
	}
	_, err := tea.NewProgram(model, options...).Run()
	if errors.Is(err, tea.ErrProgramKilled) && ctx.Err() != nil {
		return nil // a signal ended it
	}
	if err != nil {
		return fmt.Errorf("show the screen: %w", err)
	}
	return nil
}

// tell prints lines, once or until the context ends.
func (f *watchFlags) tell(ctx context.Context, looker *watch.Looker, board *watch.Board) error {
	take := (&watch.Lines{Board: board, Out: f.env.Stdout, Err: f.env.Stderr}).Take
	if f.output.value == "ndjson" {
		take = func(a watch.Answer) error {
			if event := board.TakeEvent(a); event != nil {
				return printLine(f.env.Stdout, event)
			}
			return nil
		}
	}
	for {
		began := f.env.Now()
		err := looker.Look(ctx, take)
		switch {
		case ctx.Err() != nil:
			return nil // a signal ended it
		case err != nil:
			return err
		case f.once:
			return f.outcome(board)
		}
		timer := time.NewTimer(f.interval - f.env.Now().Sub(began))
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}

// outcome returns the error of one look; nil if all portals answered.
func (f *watchFlags) outcome(board *watch.Board) error {
	code, whole, partly, first := ExitNotAllowed, 0, 0, error(nil)
	for _, s := range board.Portals {
		err := s.Err
		switch {
		case err != nil:
			whole++
			if ExitCode(err) != ExitNotAllowed {
				code = ExitFailed
			}
		case len(s.Failed) > 0:
			partly++
			for _, part := range watch.Parts() {
				if err == nil {
					err = s.Failed[part]
				}
			}
		}
		if first == nil {
			first = err
		}
	}
	if first == nil {
		return nil
	}
	if whole < len(board.Portals) {
		code = ExitPartly
	}
	return &Error{
		Err:  fmt.Errorf("%d of %d portals could not be read, or not wholly", whole+partly, len(board.Portals)),
		Code: code, Hint: hintFor(first),
	}
}
