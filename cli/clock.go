package cli

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/bursarhq/bursar/clock"
)

func newClock(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "clock",
		Short: "See what time it is for a server, and move virtual time",
		Long: `See what time it is for a server, and move it on where it is virtual: that of
"bursar serve --clock virtual" or "bursar demo --clock virtual". It asks the server
itself, with an operator key.`,
		Example: `# What time it is
bursar clock --key bk-demo

# Play a quarter of a year
bursar clock advance 90d --key bk-demo`,
		GroupID: GroupRun,
		Args:    cobra.ArbitraryArgs,
	}
	server := operatorFlags(cmd, env, 30*time.Second)
	output := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return noSubcommand(cmd, args)
		}
		var now clockJSON
		if err := server.ask(cmd.Context(), http.MethodGet, "/v1/clock", nil, &now); err != nil {
			return err
		}
		if *output == "json" {
			return printJSON(env.Stdout, now)
		}
		kind := "real"
		if now.Virtual {
			kind = "virtual"
		}
		_, err := fmt.Fprintf(env.Stdout, "%s UTC, %s time\n", now.Now.UTC().Format(time.DateTime), kind)
		return err
	}
	cmd.AddCommand(newClockAdvance(env))
	return cmd
}

type clockJSON struct {
	Now     time.Time `json:"now"`
	Virtual bool      `json:"virtual"`
}

// movedJSON is what happened while time was moved.
type movedJSON struct {
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
	Jobs   int64     `json:"jobs"`
	Events int64     `json:"events"`
}

func newClockAdvance(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "advance DURATION",
		Short: "Move virtual time on",
		Long: `Move the virtual time of a server on, and wait until all that falls due up to there is
done. DURATION is like 90d (days of 24 hours), 2160h or 1d12h.`,
		Example: "bursar clock advance 90d --key bk-demo",
		Args:    cobra.ExactArgs(1),
	}
	server := operatorFlags(cmd, env, 10*time.Minute)
	output := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if by, err := clock.ParseDuration(args[0]); err != nil || by <= 0 {
			return usage("%q is no duration to move time by, such as 90d or 2160h", args[0])
		}
		var moved movedJSON
		if err := server.ask(cmd.Context(), http.MethodPost, "/v1/clock/advance", map[string]string{"by": args[0]}, &moved); err != nil {
			return err
		}
		if *output == "json" {
			return printJSON(env.Stdout, moved)
		}
		_, err := fmt.Fprintf(env.Stdout, "It was %s, and is %s UTC: %d jobs, %d events.\n",
			moved.From.UTC().Format(time.DateTime), moved.To.UTC().Format(time.DateTime), moved.Jobs, moved.Events)
		return err
	}
	return cmd
}

// ask asks with a timeout.
func (o *operatorConnection) ask(ctx context.Context, method, path string, in, out any) error {
	if o.timeout <= 0 {
		return usage("--timeout: %s is not more than nothing", o.timeout)
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	return o.do(ctx, method, path, in, out)
}
