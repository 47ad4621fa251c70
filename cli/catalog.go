package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bursarhq/bursar/catalog"
)

// CatalogFile is where a command reads what is for sale: a file, or the built-in
// catalogue.
type CatalogFile struct {
	env   Env
	flags *pflag.FlagSet
	path  string
}

// CatalogFlag adds --catalog to a command, which stands over $BURSAR_CATALOG.
func CatalogFlag(cmd *cobra.Command, env Env) *CatalogFile {
	c := &CatalogFile{env: env, flags: cmd.Flags()}
	c.flags.StringVar(&c.path, "catalog", "", "file with the plans, services and prices (or $BURSAR_CATALOG; default: DocSpace's)")
	_ = cmd.MarkFlagFilename("catalog", "yaml", "yml") // fails only for a flag that is not there
	return c
}

// file returns the path of the file; "" for none.
func (c *CatalogFile) file() string {
	if c.flags.Changed("catalog") {
		return c.path
	}
	return c.env.get("BURSAR_CATALOG")
}

// Name returns how the catalogue is named to people.
func (c *CatalogFile) Name() string {
	if path := c.file(); path != "" {
		return path
	}
	return "built in"
}

// Load reads the catalogue. It fails with a catalog.ErrCatalog that names the line.
func (c *CatalogFile) Load() (*catalog.Catalog, error) {
	if path := c.file(); path != "" {
		return catalog.Load(path)
	}
	return catalog.Stock(), nil
}

func newCatalog(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "catalog",
		Short: "Show, check and compare what is for sale",
		Long: `The catalogue says which plans and wallet services there are, what each allows and
costs in each currency, and from which day on. The built-in one is DocSpace's. A file
of your own is named with --catalog, or $BURSAR_CATALOG, wherever portals are served
or changed.

What is had is never taken away: a plan that is not sold any more stays in the file
without "visible". A price that changes on a day is written beside the old one:

    price:
      - { USD: 20, EUR: 18.50 }
      - { from: 2027-01-01, USD: 22, EUR: 20 }

What was charged before stays as it was.`,
		Example: `# A catalogue of your own
bursar catalog show -o yaml > catalog.yaml
bursar catalog check catalog.yaml
bursar serve --catalog catalog.yaml`,
		GroupID: GroupRun,
		RunE:    noSubcommand,
	}
	cmd.AddCommand(newCatalogCheck(env), newCatalogShow(env), newCatalogDiff(env))
	return cmd
}

func newCatalogCheck(env Env) *cobra.Command {
	return &cobra.Command{
		Use:   "check FILE",
		Short: "Check a catalogue",
		Long: `Check that a file is a catalogue that portals can be served with. The first thing
that is wrong is said with its line, and the status is 1.`,
		Example: "bursar catalog check catalog.yaml",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			c, err := catalog.Load(args[0])
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(env.Stdout, "%s is in order: %d plans and services, priced in %s.\n",
				cleaned(args[0]), len(c.All()), currencyList(c))
			return err
		},
	}
}

func currencyList(c *catalog.Catalog) string {
	var all []string
	for _, currency := range c.Currencies() {
		all = append(all, string(currency))
	}
	return strings.Join(all, ", ")
}

func newCatalogShow(env Env) *cobra.Command {
	format := choice{value: "table", allowed: []string{"table", "json", "yaml"}}
	cmd := &cobra.Command{
		Use:   "show [FILE]",
		Short: "Show a catalogue, the built-in one or a file's",
		Long: `Show what is for sale: the built-in catalogue, or that of a file. As YAML it is a
file that --catalog takes, and the same catalogue again.`,
		Example: `# The built-in one
bursar catalog show

# What a file comes to
bursar catalog show catalog.yaml

# Prices, for programs
bursar catalog show -o json | jq '.plans[] | {id, prices}'`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			c := catalog.Stock()
			if len(args) > 0 {
				var err error
				if c, err = catalog.Load(args[0]); err != nil {
					return err
				}
			}
			switch format.value {
			case "json":
				return printJSON(env.Stdout, catalogOf(c))
			case "yaml":
				_, err := env.Stdout.Write(c.YAML())
				return err
			}
			return printCatalog(env, c)
		},
	}
	cmd.Flags().VarP(&format, "output", "o", "format: table, json or yaml")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(format.allowed, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// stockName names the built-in catalogue where a file could stand.
const stockName = "stock"

func newCatalogDiff(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "diff OLD [NEW]",
		Short: "Say what changed from one catalogue to another",
		Long: `Say what changed from one catalogue to another: plans that came and went, prices with
the percentage, features, and all else. Without NEW, and where "stock" stands for a
file, it is the built-in one.

The exit status is 0 when they come to the same, 1 when they differ, and 2 when one
of them can't be read.`,
		Example: `# What you made of the built-in one
bursar catalog diff stock catalog.yaml

# What an update would do to prices
bursar catalog diff catalog.yaml next.yaml -o json | jq '.[] | select(.percent)'`,
		Args: cobra.RangeArgs(1, 2),
	}
	output := outputFlag(cmd)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		both := []*catalog.Catalog{nil, catalog.Stock()}
		for i, path := range args {
			if path == stockName {
				both[i] = catalog.Stock()
				continue
			}
			var err error
			if both[i], err = catalog.Load(path); err != nil {
				return &Error{Err: err, Code: ExitUsage, Hint: hintFor(err)}
			}
		}
		changes := catalog.Diff(both[0], both[1])
		if err := printChanges(env, changes, *output); err != nil || len(changes) == 0 {
			return err
		}
		return &Error{Err: errors.New("the catalogues differ"), Code: ExitFailed, Printed: true}
	}
	return cmd
}
