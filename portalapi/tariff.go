package portalapi

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/catalog"
	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/subscription"
)

// tariff answers GET portal/tariff. Everybody sees the state, who administers rooms
// the dates too, and administrators all of it.
func (d *door) tariff(c *billing.Caller, _ question) (any, int, error) {
	t, err := d.wireTariff(c)
	return t, 1, err
}

func (d *door) wireTariff(c *billing.Caller) (*docspace.Tariff, error) {
	zone, err := c.View.Zone()
	if err != nil {
		return nil, err
	}
	t := d.service.Tariff(c)
	out := &docspace.Tariff{State: docspace.TariffState(t.State)}
	if c.Role != billing.RoomAdmin && !c.Role.Administers() {
		return out, nil
	}
	out.Dates = &docspace.TariffDates{Due: inZone(t.DueAt, zone), DelayDue: inZone(t.DelayedTo, zone)}
	if !c.Role.Administers() {
		return out, nil
	}
	out.ID = t.ID
	out.Details = &docspace.TariffDetails{CustomerID: t.Email}
	for _, part := range t.Parts {
		out.Details.Quotas = append(out.Details.Quotas, wirePart(part))
	}
	return out, nil
}

// wirePart shows one part of a tariff. The plan's date is the tariff's own.
func wirePart(part billing.TariffPart) docspace.TariffQuota {
	out := docspace.TariffQuota{ID: part.Plan.ID, Quantity: part.Quantity, Wallet: part.Plan.Wallet, NextQuantity: part.Next}
	if part.Plan.Wallet {
		state := docspace.QuotaActive
		if part.Overdue {
			state = docspace.QuotaOverdue
		}
		out.State, out.DueDate = &state, docspace.Time{Time: part.DueAt}
	}
	return out
}

// inZone returns a moment as the portal's people see it; the zero Time stays.
func inZone(at time.Time, zone *time.Location) docspace.Time {
	if at.IsZero() {
		return docspace.Time{}
	}
	return docspace.Time{Time: at.In(zone)}
}

// upcoming answers GET portal/tariff/upcoming.
func (d *door) upcoming(c *billing.Caller, _ question) (any, int, error) {
	all, err := d.service.Upcoming(c)
	if err != nil {
		return nil, 0, err
	}
	zone, err := c.View.Zone()
	if err != nil {
		return nil, 0, err
	}
	out := make([]docspace.UpcomingPayment, len(all))
	for i, u := range all {
		out[i] = docspace.UpcomingPayment{
			ID: u.Plan.ID, Name: u.Plan.Name, Title: titleOf(u.Plan), UnitOfMeasure: u.Plan.Unit, Quantity: u.Quantity,
			Wallet: u.Plan.Wallet, DueDate: inZone(u.DueAt, zone), Amount: u.Amount,
		}
	}
	return out, len(out), nil
}

// titleOf returns what a plan or a service is called.
func titleOf(plan *catalog.Plan) string {
	if plan.Title != "" || !plan.Wallet {
		return plan.Title
	}
	for _, f := range features {
		if f.serviceTitle != "" && plan.Features.Mentions(f.id) {
			return f.serviceTitle
		}
	}
	return ""
}

// tenantQuota answers GET portal/quota: what the portal has, in DocSpace's own
// terms. Stock calls it by the id of the plan.
func (d *door) tenantQuota(c *billing.Caller, q question) (any, int, error) {
	if !c.Role.Administers() {
		return nil, 0, billing.ErrAccessDenied
	}
	bought, standing, err := d.service.Quota(c, q.locale)
	if err != nil {
		return nil, 0, err
	}
	out := wireTenantQuota(*bought, standing)
	if len(d.service.Tariff(c).Parts) > 1 { // the sum of several is no product
		none := ""
		out.ProductID = &none
	}
	return out, 1, nil
}

// rightQuota answers GET portal/quota/right.
func (d *door) rightQuota(c *billing.Caller, q question) (any, int, error) {
	right, err := d.service.RightPlan(c, q.unpaidToo)
	if right == nil || err != nil {
		return nil, 0, err
	}
	return wireTenantQuota(*right, nil), 1, nil
}

// wireTenantQuota writes a quota in DocSpace's own terms; a nil standing knows of no
// service that is switched on.
func wireTenantQuota(q billing.Quota, standing *billing.Standing) *docspace.TenantQuota {
	f := q.Features
	count := func(name string) int64 { return orUnlimited(f.Limit(name), docspace.UnlimitedCount) }
	size := func(name string) int64 { return orUnlimited(f.Limit(name), docspace.UnlimitedSize) }
	out := &docspace.TenantQuota{
		TenantID: q.Plan.ID, Name: q.Plan.Name, Price: docspace.Price{Amount: q.Price, Symbol: q.Region.Symbol},
		ServiceName: q.Plan.Service, ServiceGroup: q.Plan.Group, Visible: q.Plan.Visible, Wallet: q.Plan.Wallet,
		DueDate: docspace.Time{Time: q.DueAt}, Features: f.String(),
		MaxFileSize: size("file_size"), MaxTotalSize: size("total_size"),
		CountUser: count("users"), CountRoomAdmin: count("manager"), UsersInRoom: count("usersInRoom"), CountRoom: count("room"),
		NonProfit: f.Has("non-profit"), Trial: f.Has("trial"), Free: f.Has("free"), Update: f.Has("update"), Audit: f.Has("audit"),
		DocsEdition: f.Has("docs"), LDAP: f.Has("ldap"), SSO: f.Has("sso"), Statistic: f.Has("statistic"), Branding: f.Has("branding"),
		Customization: f.Has("customization"), Lifetime: f.Has("lifetime"), AutomationAPI: f.Has("automationapi"), Custom: f.Has("custom"),
		Restore: f.Has("restore"), OAuth: f.Has("oauth"), ContentSearch: f.Has("contentsearch"), ThirdParty: f.Has("thirdparty"),
		Year: f.Has("year"), CountFreeBackup: f.Limit("free_backup"), CountAIAgent: count("aiagent"),
		Backup: f.Has("backup"), AITools: f.Has("aitools"),
	}
	if q.Plan.ProductID != "" {
		out.ProductID = &q.Plan.ProductID
	}
	if standing != nil {
		show := display{quota: q, standing: standing}
		out.Backup, out.AITools = show.flag(feature{id: "backup"}), show.flag(feature{id: "aitools"})
	}
	return out
}

func orUnlimited(limit, unlimited int64) int64 {
	if limit == catalog.Unlimited {
		return unlimited
	}
	return limit
}

// usedSpace answers GET portal/usedspace: gigabytes, to two places.
func (d *door) usedSpace(c *billing.Caller, q question) (any, int, error) {
	bytes, err := d.service.UsedSpace(c, q.unpaidToo)
	if err != nil {
		return nil, 0, err
	}
	return json.RawMessage(gigabytes(bytes)), 1, nil
}

// gigabytes returns bytes in gigabytes as a number with at most two places, half a
// hundredth rounded up.
func gigabytes(bytes int64) string {
	const gigabyte = 1 << 30
	hundredths := bytes%gigabyte*100*2/gigabyte + 1
	whole, part := bytes/gigabyte, hundredths/2
	if part == 100 {
		whole, part = whole+1, 0
	}
	text := strconv.FormatInt(whole, 10)
	switch {
	case part == 0:
		return text
	case part%10 == 0:
		return text + "." + strconv.FormatInt(part/10, 10)
	case part < 10:
		return text + ".0" + strconv.FormatInt(part, 10)
	}
	return text + "." + strconv.FormatInt(part, 10)
}

// paymentSettings answers GET settings/payment.
func (d *door) paymentSettings(c *billing.Caller, _ question) (any, int, error) {
	if !c.Role.Administers() {
		return nil, 0, billing.ErrAccessDenied
	}
	t := d.service.Tariff(c)
	return &docspace.PaymentSettings{
		SalesEmail:     d.salesEmail,
		CurrentLicense: &docspace.License{Trial: t.State == subscription.Trial, DueDate: docspace.Time{Time: t.DueAt}},
		Max:            d.service.Catalog().Policy().MaxQuantity,
	}, 1, nil
}

// tenantExtra answers GET portal/tenantextra.
func (d *door) tenantExtra(c *billing.Caller, q question) (any, int, error) {
	if !c.Role.Administers() {
		return nil, 0, billing.ErrAccessDenied
	}
	tariff, err := d.wireTariff(c)
	if err != nil {
		return nil, 0, err
	}
	current, _, err := d.quota(c, q)
	if err != nil {
		return nil, 0, err
	}
	quota, ok := current.(*docspace.Quota)
	if !ok {
		return nil, 0, billing.ErrAccessDenied
	}
	return &docspace.TenantExtra{
		Tariff: tariff, Quota: quota, NotPaid: tariff.State == docspace.TariffNotPaid, EnableTariffPage: true,
	}, 1, nil
}
