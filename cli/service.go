package cli

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bursarhq/bursar/docspace"
)

func newServiceCommand(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "service",
		Short: "See, switch and buy what a portal's wallet pays for",
		Long: `The wallet of a DocSpace portal pays for services beside the plan. Storage is bought by
the gigabyte and paid by the period: "buy" takes more of it at once, "schedule" says how
much there is from the next period on. Others are switched on and off, and cost what is
used of them. AI credit is bought ahead.

Services are named as "list" shows them: storage, backup, aitools, adminwallet and
aisearch, and as operations call them: disk-storage, ai-tools and so on.`,
		Example: `bursar service list --portal https://portal.example.com --key-file key.txt
bursar service buy storage --quantity 100 --dry-run`,
		GroupID: GroupChange,
		RunE:    noSubcommand,
	}
	cmd.AddCommand(newServiceList(env), newServicePrice(env), newServiceSwitch(env, true), newServiceSwitch(env, false),
		newServiceBuy(env), newServiceSchedule(env), newServiceCredit(env))
	return cmd
}

// namedService is a service that people can name.
type namedService struct {
	id docspace.Service
	// name is that of its product; operations is what operations call it.
	name, operations string
	// unit is what one of it is; "" where the portal says.
	unit string
}

// services are those of DocSpace. Source: contract, "Wallet services".
var services = []namedService{
	{docspace.ServiceStorage, "storage", "disk-storage", ""},
	{docspace.ServiceBackup, "backup", "backup", "backup"},
	{docspace.ServiceAITools, "aitools", "ai-tools", "credit"},
	{docspace.ServiceAdmin, "adminwallet", "admin", ""},
	{docspace.ServiceAISearch, "aisearch", "ai-search", "search"},
}

// serviceOf returns the service of a number, which is its name where it has none.
func serviceOf(id int) namedService {
	for _, s := range services {
		if s.id == docspace.Service(id) {
			return s
		}
	}
	return namedService{docspace.Service(id), strconv.Itoa(id), "", ""}
}

// findService returns the service of a name or of a number, in any case. One that is
// not known is taken for a product of the portal's own, whose number is 0.
func findService(name string) namedService {
	for _, s := range services {
		if strings.EqualFold(name, s.name) || strings.EqualFold(name, s.operations) || strings.EqualFold(name, s.id.String()) {
			return s
		}
	}
	if id, err := strconv.Atoi(name); err == nil {
		return serviceOf(id)
	}
	return namedService{name: name}
}

// completeService completes the name of a service.
func completeService(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, s := range services {
		if len(args) > 0 {
			break // there is one already
		}
		names = append(names, s.name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// serviceState is what a portal says of its services.
type serviceState struct {
	offers  []docspace.WalletService
	enabled *docspace.ServicesSettings
	tariff  *docspace.Tariff
}

func readServices(client *docspace.Client, ctx context.Context) (*serviceState, error) {
	var (
		s   serviceState
		err error
	)
	if s.offers, err = client.WalletServices(ctx); err != nil {
		return nil, err
	}
	if s.enabled, err = client.ServicesSettings(ctx); err != nil {
		return nil, err
	}
	s.tariff, err = client.Tariff(ctx)
	return &s, err
}

// has returns what a portal has of a service that is paid by the period; nil for
// nothing.
func (s *serviceState) has(id int) *docspace.TariffQuota {
	if s.tariff == nil || s.tariff.Details == nil {
		return nil
	}
	i := slices.IndexFunc(s.tariff.Details.Quotas, func(q docspace.TariffQuota) bool { return q.ID == id })
	if i < 0 {
		return nil
	}
	return &s.tariff.Details.Quotas[i]
}

// offer returns what a portal offers by the number of a service; nil for nothing.
func (s *serviceState) offer(id docspace.Service) *docspace.WalletService {
	for i := range s.offers {
		if docspace.Service(s.offers[i].ID) == id {
			return &s.offers[i]
		}
	}
	return nil
}

func newServiceList(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List what a portal's wallet can pay for",
		Long: `List the services that a DocSpace portal's wallet can pay for, the price of one unit,
whether each is switched on, and what there is of those that are paid by the period:
until when, and how much from then on where that is another.`,
		Example: `bursar service list --portal https://portal.example.com --key-file key.txt
bursar service list -o json | jq -r '.[] | select(.enabled) | .name'`,
		Args: cobra.NoArgs,
	}
	r := addReader(cmd, env)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return read(r, cmd, readServices, func(s *serviceState) error {
			if r.json() {
				return printJSON(env.Stdout, answerOf(listOf(s.offers), each(s.document)))
			}
			return r.sections(s.section(env.Now()))
		})
	}
	return cmd
}

func (s *serviceState) section(now time.Time) section {
	out := section{title: "Services"}
	if len(s.offers) == 0 {
		out.texts = []string{noneOf(s.offers)}
		return out
	}
	out.grid.headings = []string{"Name", "For each", ">Price", "On", ">Quantity", ">Next", "Due"}
	for _, offer := range s.offers {
		d := s.document(offer)
		quantity, next, due := "", "", ""
		if d.Quantity != nil {
			quantity, due = strconv.FormatInt(*d.Quantity, 10), dueText(dueOf(s.tariff, *s.has(offer.ID)), now)
		}
		if d.NextQuantity != nil {
			next = strconv.FormatInt(*d.NextQuantity, 10)
		}
		price := ""
		if offer.Price != nil {
			price = amountText(offer.Price.Amount)
		}
		out.grid.rows = append(out.grid.rows, []string{d.Name, unitText(offer), price, yesNo(d.Enabled || quantity != ""), quantity, next, due})
	}
	for _, offer := range s.offers {
		for _, inner := range offer.InnerServices {
			out.texts = append(out.texts, serviceOf(inner.ID).name+" comes with "+serviceOf(offer.ID).name+".")
		}
	}
	return out
}

// unitText says what one unit of a service is.
func unitText(offer docspace.WalletService) string {
	for _, f := range offer.Features {
		if n, ok := f.Value.Number(); ok && n > 0 {
			return limitText(f.Type, n) + " " + strings.ToLower(featureName(f))
		}
	}
	return serviceOf(offer.ID).unit
}

type serviceDocument struct {
	ID int `json:"id"`
	// Name is what it is bought and switched by, Service what operations call it.
	Name    string         `json:"name"`
	Service string         `json:"service,omitempty"`
	Title   string         `json:"title,omitempty"`
	Price   *priceDocument `json:"price"`
	Enabled bool           `json:"enabled"`
	// Quantity is left out where there is nothing that is paid by the period.
	Quantity     *int64     `json:"quantity,omitempty"`
	DueDate      *time.Time `json:"dueDate,omitempty"`
	NextQuantity *int64     `json:"nextQuantity,omitempty"`
	Inner        []string   `json:"inner,omitempty"`
}

func (s *serviceState) document(offer docspace.WalletService) serviceDocument {
	d := serviceDocument{
		ID: offer.ID, Name: serviceOf(offer.ID).name, Service: offer.ServiceName, Title: offer.Title,
		Enabled: s.enabled != nil && s.enabled.Enabled(docspace.Service(offer.ID)), Price: quotaOf(offer.Quota).Price,
	}
	if part := s.has(offer.ID); part != nil {
		d.Quantity, d.NextQuantity, d.DueDate = &part.Quantity, part.NextQuantity, momentOf(dueOf(s.tariff, *part))
	}
	for _, inner := range offer.InnerServices {
		d.Inner = append(d.Inner, serviceOf(inner.ID).name)
	}
	return d
}
