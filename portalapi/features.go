package portalapi

import (
	"slices"
	"strconv"
	"strings"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/catalog"
	"github.com/bursarhq/bursar/docspace"
)

// feature is how DocSpace shows one feature.
type feature struct {
	id         string
	title      string // {0} stands for the value; "" for features with no text
	priceTitle string
	usedTitle  string
	adminOnly  bool // shown to administrators only
	icon       string
	// How it is shown as a wallet service.
	serviceTitle, servicePriceTitle, serviceIcon string
}

// features are those that DocSpace shows, in its order. Source: contract,
// "Feature computation" and "English display strings needed on the wire".
var features = []feature{
	{id: "manager", priceTitle: "Number of admins", usedTitle: "Admins added:"},
	{id: "total_size", title: "{0} per admin and ability to add space on request", priceTitle: "Storage space",
		usedTitle: "Storage space used:", icon: iconStorage,
		serviceIcon: iconStorage, serviceTitle: "Additional disk storage", servicePriceTitle: "Adjust the storage to the exact amount you require."},
	{id: "file_size", title: "Max file size"},
	{id: "branding", adminOnly: true},
	{id: "oauth"},
	{id: "year", adminOnly: true},
	{id: "backup", adminOnly: true,
		serviceIcon: iconBackup, serviceTitle: "Backup", servicePriceTitle: "Enable backups. Costs will be billed automatically."},
	{id: "aitools", adminOnly: true,
		serviceIcon: iconAI, serviceTitle: "AI features", servicePriceTitle: "Enable AI features to boost productivity."},
	{id: "users", title: "Unlimited number of users and guests", icon: iconUsers},
	{id: "room", title: "Unlimited number of active rooms", usedTitle: "Rooms:", icon: iconRooms},
	{id: "customization", title: "Branding & customization", adminOnly: true, icon: iconBrush},
	{id: "ldap", adminOnly: true},
	{id: "sso", title: "SSO", adminOnly: true, icon: iconKey},
	{id: "free_backup", title: "{0} free backups per month", adminOnly: true, icon: iconBackup},
	{id: "restore", title: "Data recovery", adminOnly: true, icon: iconRestore},
	{id: "audit", title: "Tracking logins & actions", adminOnly: true, icon: iconAudit},
	{id: "thirdparty", title: "Pro integrations", adminOnly: true, icon: iconPlug},
	{id: "statistic", title: "Storage quotas & statistic", icon: iconChart},
	{id: "aiagent"},
	{id: "automationapi"},
}

// display shows the features of one quota to one role.
type display struct {
	quota    billing.Quota
	standing *billing.Standing
	role     billing.Role
}

// current shows a feature of what the portal has, with what is used of it.
func (d display) current(f feature) docspace.Feature {
	out := d.plain(f)
	out.Used = d.used(f)
	return out
}

// offered shows a feature of a plan on offer.
func (d display) offered(f feature) docspace.Feature {
	out := d.plain(f)
	if on, isFlag := out.Value.Flag(); !isFlag || on {
		out.Image = f.icon
	}
	return out
}

// service shows the one feature of a wallet service.
func (d display) service(f feature) docspace.Feature {
	out := d.plain(f)
	out.Title, out.PriceTitle, out.Image = f.serviceTitle, f.servicePriceTitle, f.serviceIcon
	if f.id == "backup" && d.freeBackups() {
		out.Title = additionalBackup
	}
	return out
}

const additionalBackup = "Additional backup"

// freeBackups reports whether backups are paid only beyond some.
func (d display) freeBackups() bool { return d.standing.Current.Features.Limit("free_backup") > 0 }

func (d display) plain(f feature) docspace.Feature {
	out := docspace.Feature{ID: f.id, Title: f.title, PriceTitle: f.priceTitle}
	kind, _ := catalog.KindOf(f.id)
	if kind == catalog.Flag {
		out.Type = docspace.FeatureFlag
		out.Value = docspace.FlagValue(d.flag(f))
		if f.id == "backup" && d.freeBackups() {
			out.Title = additionalBackup
		}
		return out
	}
	limit := d.quota.Features.Limit(f.id)
	out.Type, out.Value = docspace.FeatureCount, docspace.NumberValue(limit)
	text := strconv.FormatInt(limit, 10)
	if kind == catalog.Size || kind == catalog.LargestSize {
		out.Type = docspace.FeatureSize
		text = docspace.SizeText(limit)
	}
	if limit == catalog.Unlimited && strings.Contains(out.Title, "{0}") {
		out.Title = "" // there is no text for it
	}
	out.Title = strings.Replace(out.Title, "{0}", text, 1)
	return out
}

// serviceOf is the wallet service that a flag stands for.
var serviceOf = map[string]int{"backup": -12, "aitools": -13}

// flag returns a flag's value: of the wallet's services, whether they are
// switched on; of the others, whether the plan has it.
func (d display) flag(f feature) bool {
	if id, ok := serviceOf[f.id]; ok {
		return slices.Contains(d.standing.Services, id)
	}
	return d.quota.Features.Has(f.id)
}

// used returns what is used of a feature; nil where nothing is counted.
func (d display) used(f feature) *docspace.FeatureUsed {
	counted := f.id == "file_size" || slices.Contains(billing.CountedFeatures(), f.id)
	if !counted {
		return nil
	}
	out := &docspace.FeatureUsed{Title: f.usedTitle}
	if d.role == billing.Member && f.id != "total_size" {
		return out
	}
	n, known := d.quota.Used[f.id]
	if f.id == "file_size" { // nought, always
		known = true
	}
	if known {
		out.Value = &n
	}
	return out
}
