package cli

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bursarhq/bursar/billing"
)

// New returns the command bursar with everything that needs no server. The
// program adds the commands that do.
func New(env Env) *cobra.Command {
	root := &cobra.Command{
		Use:   "bursar",
		Short: "Billing for ONLYOFFICE DocSpace",
		Long: `Bursar reads the billing of DocSpace portals, changes it, and runs it.

"report" retrieves who pays for a portal, its balance by currency, its plan, the
plans on offer, its top-up rule and its currencies; "operations" what happened in its
wallet. "plan", "service", "deposit" and "topup-rule" change what it has and pays.

"serve" answers the same API for portals of its own, which "portal", "user", "key",
"customer" and "usage" set up, with what "catalog" shows for sale. What their wallets
hold moves over its API, or by "payment", "charge", "hold", "credit" and "correct";
"verify" proves that not a cent is missing, and "audit" says who changed
what. "demo" shows all of it at once.`,
		Example: `# See it work, with nothing to set up
bursar demo

# Read a portal
bursar report --portal https://portal.example.com --key-file key.txt`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },

		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			cmd.SetContext(billing.WithActor(cmd.Context(), env.actor()))
			return refuseEmpty(cmd)
		},
	}
	root.SetIn(env.Stdin)
	root.SetOut(env.Stdout)
	root.SetErr(env.Stderr)
	root.AddGroup(
		&cobra.Group{ID: GroupRead, Title: "Read a portal"},
		&cobra.Group{ID: GroupChange, Title: "Change a portal"},
		&cobra.Group{ID: GroupRun, Title: "Run portals"},
		&cobra.Group{ID: GroupMoney, Title: "Move money"},
		&cobra.Group{ID: GroupKeep, Title: "Keep the books"},
	)
	root.AddCommand(
		newReport(env),
		newWatch(env),
		newExporter(env),
		newCheck(env),
		newDoctor(env),
		newOperations(env),
		newProfile(env),
		newReconcile(env),
		newMCP(env),
		newExport(env),
		newPlan(env),
		newServiceCommand(env),
		newDeposit(env),
		newTopUpRule(env),
		newManifest(env),
		newPortal(env),
		newUser(env),
		newKey(env),
		newCustomer(env),
		newCatalog(env),
		newUsage(env),
		newEvents(env),
		newWebhook(env),
		newPayment(env),
		newCharge(env),
		newHold(env),
		newCredit(env),
		newCorrect(env),
		newStatement(env),
		newVerify(env),
		newAudit(env),
		newJobs(env),
		newClock(env),
		newMigrate(env),
		newBackup(env),
		newRestore(env),
		newVersion(env),
	)
	return root
}

// refuseEmpty refuses flags that are given and empty, as by a variable that is
// not set: leaving one out often means something else, and more.
func refuseEmpty(cmd *cobra.Command) error {
	var err error
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if text := f.Value.String(); text == "" || text == "[]" {
			err = usage("--%s is empty", f.Name)
		}
	})
	return err
}

// The groups of commands in the help.
const (
	GroupRead   = "read"
	GroupChange = "change"
	GroupRun    = "run"
	GroupMoney  = "money"
	GroupKeep   = "keep"
)

func newVersion(env Env) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Args:    cobra.NoArgs,
		Example: "bursar version",
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(env.Stdout, "bursar %s (%s, %s/%s)\n", env.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}

// noSubcommand answers a command that is only a group: with its help when it
// stands alone, with an error when the word after it is none of its commands.
func noSubcommand(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage("unknown command %q for %q", args[0], cmd.CommandPath())
	}
	return cmd.Help()
}
