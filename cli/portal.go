package cli

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bursarhq/bursar/billing"
)

func newPortal(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "portal",
		Short:   "Create, list and change portals",
		Long:    "Portals are the tenants that bursar serve answers for, each under its own host names.",
		Example: "bursar portal create --host portal.example.com --owner-email owner@example.com\nbursar portal list",
		GroupID: GroupRun,
		RunE:    noSubcommand,
	}
	cmd.AddCommand(newPortalCreate(env), newPortalList(env), newPortalSet(env))
	return cmd
}

func newPortalCreate(env Env) *cobra.Command {
	var (
		in       billing.NewPortal
		plan     string
		quantity int64
		due      string
		paidFrom string
	)
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Create a portal with its owner",
		Long: `Create a portal, its owner, and the plan it has. Nothing is charged: the plan is
recorded as a fact that was agreed elsewhere. With --paid-from it is renewed by Bursar
when it is due, from the customer's card or the wallet.

The portal answers for its hosts, in any case and on any port. One without hosts
can only be the default portal. A running server sees it at once.`,
		Example: `# A portal on the free plan
bursar portal create --host portal.example.com --owner-email owner@example.com

# One with a plan for ten admins, due at the end of the year
bursar portal create --id docspace.io123 --host a.example.com --owner-email owner@example.com \
  --plan business --quantity 10 --due 2026-12-31`,
		Args: cobra.NoArgs,
	}
	data := serviceFlags(cmd, env)
	output := outputFlag(cmd)
	f := cmd.Flags()
	f.StringVar(&in.ID, "id", "", "the portal's name on the wire (default: drawn)")
	f.StringVar(&in.Name, "name", "", "name for people (default: the first host)")
	f.StringSliceVar(&in.Hosts, "host", nil, "host name that it answers for; may be given again")
	f.StringVar(&in.Country, "country", "", "ISO 3166-1 code of its country, for the currency of prices")
	f.StringVar(&in.TimeZone, "time-zone", "", "IANA name of its time zone, such as Europe/Berlin (default: UTC)")
	f.StringVar(&in.Owner.Email, "owner-email", "", "the owner's e-mail address (required)")
	f.StringVar(&in.Owner.Name, "owner-name", "", "the owner's name")
	f.StringVar(&plan, "plan", "", "title, name or id of the plan (default: the free one)")
	f.Int64Var(&quantity, "quantity", 1, "how many of the plan")
	f.StringVar(&due, "due", "", "when the plan ends or renews, as 2026-12-31 or with a time (default: never)")
	f.StringVar(&paidFrom, "paid-from", "", "what Bursar renews the plan from: card or wallet (default: that is agreed elsewhere)")
	_ = cmd.RegisterFlagCompletionFunc("paid-from", cobra.FixedCompletions([]string{"card", "wallet"}, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.MarkFlagRequired("owner-email")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		purchase, err := data.parsePurchase(plan, quantity, due)
		if err != nil {
			return err
		}
		if purchase != nil {
			purchase.PaidFrom = paidFrom
			in.Bought = []billing.Purchase{*purchase}
		} else if cmd.Flags().Changed("quantity") || due != "" || paidFrom != "" {
			return usage("--quantity, --due and --paid-from go with --plan")
		}
		return withService(cmd.Context(), data, false, env, func(s *billing.Service) error {
			id, err := s.CreatePortal(cmd.Context(), in)
			if err != nil {
				return err
			}
			if *output == "json" {
				made, err := s.Portal(cmd.Context(), id)
				if err != nil {
					return err
				}
				return printJSON(env.Stdout, portalLine(made))
			}
			if _, err := fmt.Fprintf(env.Stdout, "Portal %s is there.\n", id); err != nil {
				return err
			}
			fmt.Fprintf(env.Stderr, "next: bursar key create --portal %s makes an API key of its owner\n", id)
			return nil
		})
	}
	return cmd
}

// parsePurchase reads the flags that say which plan a portal has; nil when none
// is named.
func (d *Database) parsePurchase(plan string, quantity int64, due string) (*billing.Purchase, error) {
	if plan == "" {
		return nil, nil
	}
	p := billing.Purchase{Quantity: quantity}
	offers, err := d.catalog()
	if err != nil {
		return nil, err
	}
	if id, err := strconv.Atoi(plan); err == nil {
		p.Plan = id
	} else if named, ok := offers.PlanNamed(plan); ok {
		p.Plan = named.ID
	} else {
		return nil, usage("--plan: there is no plan %q", plan)
	}
	p.DueAt, err = parseMoment("--due", due)
	return &p, err
}

// parseMoment reads a day (its end, in UTC) or a moment; "" is the zero Time.
func parseMoment(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day.AddDate(0, 0, 1).Add(-time.Second), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, usage("%s: %q is neither a day like 2026-12-31 nor a moment like 2026-12-31T12:00:00Z", flag, text)
	}
	return at, nil
}

func newPortalList(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the portals",
		Long:    "List the portals in the order of their ids. JSON output is one object a line.",
		Example: "bursar portal list\nbursar portal list -o json | jq .id",
		Args:    cobra.NoArgs,
	}
	data := serviceFlags(cmd, env)
	output := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return withService(cmd.Context(), data, true, env, func(s *billing.Service) error {
			if *output == "json" {
				lines := json.NewEncoder(env.Stdout)
				return s.Portals(cmd.Context(), func(p billing.PortalSummary) error {
					return lines.Encode(portalLine(p))
				})
			}
			return columns(env.Stdout, "ID\tNAME\tHOSTS\tOWNER\tCREATED", func(line func(...string)) error {
				return s.Portals(cmd.Context(), func(p billing.PortalSummary) error {
					l := portalLine(p)
					line(l.ID, l.Name, strings.Join(l.Hosts, " "), l.Owner, p.CreatedAt.Format(time.DateOnly))
					return nil
				})
			})
		})
	}
	return cmd
}

type portalJSON struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Hosts     []string  `json:"hosts"`
	Country   string    `json:"country,omitempty"`
	TimeZone  string    `json:"timeZone,omitempty"`
	Owner     string    `json:"owner,omitempty"`
	CreatedAt time.Time `json:"createdAt"`
}

func portalLine(p billing.PortalSummary) portalJSON {
	l := portalJSON{ID: p.ID, Name: p.Name, Hosts: append([]string{}, p.Hosts...), Country: p.Country, TimeZone: p.TimeZone, CreatedAt: p.CreatedAt}
	if p.Owner != nil {
		l.Owner = p.Owner.Email
	}
	return l
}

func newPortalSet(env Env) *cobra.Command {
	var (
		change        billing.PortalChange
		country, zone string
		noCountry     bool
	)
	cmd := &cobra.Command{
		Use:   "set",
		Short: "Change a portal",
		Long: `Change a portal: all that is asked for, or nothing. What is not given stays as it is.
A running server sees it at once.`,
		Example: `# Another name, and another address
bursar portal set --portal portal.example.com --name 'Example Ltd' --add-host new.example.com --remove-host portal.example.com

bursar portal set --portal docspace.io123 --country DE --time-zone Europe/Berlin`,
		Args: cobra.NoArgs,
	}
	data, portal, output := DatabaseFlags(cmd, env), portalFlag(cmd), outputFlag(cmd)
	f := cmd.Flags()
	f.StringVar(&change.Name, "name", "", "name for people")
	f.StringVar(&country, "country", "", "ISO 3166-1 code of its country, for the currency of prices")
	f.BoolVar(&noCountry, "no-country", false, "its country is unknown")
	f.StringVar(&zone, "time-zone", "", "IANA name of its time zone, such as Europe/Berlin or UTC")
	f.StringSliceVar(&change.AddHosts, "add-host", nil, "host name that it answers for from now on; may be given again")
	f.StringSliceVar(&change.RemoveHosts, "remove-host", nil, "host name that it answers for no more; may be given again")
	cmd.MarkFlagsMutuallyExclusive("country", "no-country")
	cmd.MarkFlagsOneRequired("name", "country", "no-country", "time-zone", "add-host", "remove-host")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if country != "" || noCountry {
			change.Country = &country
		}
		if zone != "" {
			change.TimeZone = &zone
		}
		return withPortal(cmd, data, *portal, env, func(s *billing.Service, portalID string) error {
			if err := s.ChangePortal(cmd.Context(), portalID, change); err != nil {
				return err
			}
			if *output == "json" {
				changed, err := s.Portal(cmd.Context(), portalID)
				if err != nil {
					return err
				}
				return printJSON(env.Stdout, portalLine(changed))
			}
			_, err := fmt.Fprintf(env.Stdout, "Portal %s is changed.\n", portalID)
			return err
		})
	}
	return cmd
}

// portalFlag adds --portal to a command that changes one portal.
func portalFlag(cmd *cobra.Command) *string {
	var name string
	cmd.Flags().StringVar(&name, "portal", "", "id or host of the portal (default: the only one)")
	return &name
}

// withPortal is withService for one portal, named by id or host.
func withPortal(cmd *cobra.Command, data *Database, portal string, env Env, fn func(s *billing.Service, portalID string) error) error {
	return withService(cmd.Context(), data, true, env, func(s *billing.Service) error {
		id, err := s.FindPortal(cmd.Context(), portal)
		if err != nil {
			return err
		}
		return fn(s, id)
	})
}
