package exporter

import (
	"cmp"
	"slices"

	dto "github.com/prometheus/client_model/go"
)

// The metrics of one portal, without the namespace. They are stable: dashboards and
// alert rules of others name them.
const (
	up             = "up"
	partUp         = "part_up"
	lastSuccess    = "last_success_timestamp_seconds"
	partSuccess    = "part_last_success_timestamp_seconds"
	scrapeDuration = "scrape_duration_seconds"
	scrapeErrors   = "scrape_errors_total"
	requests       = "requests_total"
	rateLimited    = "rate_limited_total"
	portalInfo     = "portal_info"

	walletKnown    = "wallet_known"
	walletBalance  = "wallet_balance"
	walletCredited = "wallet_last_credit_timestamp_seconds"
	walletRunway   = "wallet_runway_seconds"
	walletSpending = "wallet_weekly_spending"
	walletRefilled = "wallet_refilled"

	methodSet  = "payment_method_set"
	payerKnown = "payer_known"

	topUpEnabled = "topup_enabled"
	topUpMin     = "topup_min_balance"
	topUpUpTo    = "topup_up_to_balance"

	planInfo       = "plan_info"
	planDue        = "plan_due_timestamp_seconds"
	planPrice      = "plan_price"
	planLimit      = "plan_feature_limit"
	planUsed       = "plan_feature_used"
	planLimitBytes = "plan_feature_limit_bytes"
	planUsedBytes  = "plan_feature_used_bytes"

	upcomingAmount = "upcoming_payment_amount"
	upcomingDue    = "upcoming_payment_due_timestamp_seconds"
)

// The metrics of the exporter itself.
const (
	exporterBuild    = "exporter_build_info"
	exporterPortals  = "exporter_portals"
	exporterReady    = "exporter_ready"
	exporterReloadOK = "exporter_profiles_reload_success"
)

const namespace = "docspace_"

// family is a metric: what it is called, what it says, and its labels.
type family struct {
	name    string
	help    string
	labels  []string
	counter bool
}

// families are all metrics there are.
func families() []family {
	return append(portalFamilies(),
		family{exporterBuild, "Always 1; the version is a label.", []string{"version"}, false},
		family{exporterPortals, "How many portals are watched.", nil, false},
		family{exporterReady, "1 when each portal was asked once since the start, else 0.", nil, false},
		family{exporterReloadOK, "1 when the profiles could be read the last time they changed, else 0: those of before hold.", nil, false},
	)
}

func portalFamilies() []family {
	of := func(labels ...string) []string { return append([]string{"portal"}, labels...) }
	return []family{
		{up, "1 when the portal answered when it was last asked, and what it said is not too old; else 0.", of(), false},
		{partUp, "1 when this part of what a portal says arrived when it was last asked for, and is not too old; else 0. A part that the portal does not have is absent.", of("part"), false},
		{lastSuccess, "When the portal last answered.", of(), false},
		{partSuccess, "When what is shown of this part was read.", of("part"), false},
		{scrapeDuration, "How long it took to read the portal the last time. Absent if it could not be asked, for want of a key, say.", of(), false},
		{scrapeErrors, "In how many readings of the portal something failed in this way.", of("kind"), true},
		{requests, "How many requests were sent to the portal.", of(), true},
		{rateLimited, "How many requests the portal answered with 429, too many requests.", of(), true},
		{portalInfo, "Always 1; the portal's host, and the groups it is in between commas, are labels.", of("host", "groups"), false},

		{walletKnown, "1 when the portal says what its wallet holds, 0 when it answers without saying so.", of(), false},
		{walletBalance, "What is available in the wallet, in major units of the currency.", of("currency"), false},
		{walletCredited, "When the latest payment into the wallet came.", of(), false},
		{walletRunway, "How long the wallet lasts as things stand, in whole days; 31536000 means a year or longer. Absent while too little is known of what is spent.", of("currency", "case"), false},
		{walletSpending, "What is taken to be spent in seven days, in major units of the currency, without payments that are scheduled.", of("currency", "case"), false},
		{walletRefilled, "1 when the top-up rule refills this pocket, as long as the card pays; else 0.", of("currency"), false},

		{methodSet, "1 when a payment method is stored that has not expired, else 0.", of(), false},
		{payerKnown, "1 when the customer is a user of the portal, 0 when nobody may change what it pays. Absent while the portal does not say who pays.", of(), false},

		{topUpEnabled, "1 when the wallet is refilled by itself, else 0.", of(), false},
		{topUpMin, "Below what the wallet is refilled, in major units of the currency.", of("currency"), false},
		{topUpUpTo, "Up to what the wallet is refilled, in major units of the currency.", of("currency"), false},

		{planInfo, "Always 1; the plan is in the labels. The kind is free, trial, nonprofit or paid.", of("plan", "title", "kind"), false},
		{planDue, "When what the portal has is due next.", of(), false},
		{planPrice, "What the plan costs for the quantity that the portal has, in major units of the currency.", of("currency"), false},
		{planLimit, "How many of a feature the plan allows; +Inf means no limit.", of("feature"), false},
		{planUsed, "How many of a feature are used.", of("feature"), false},
		{planLimitBytes, "How much of a feature the plan allows; +Inf means no limit.", of("feature"), false},
		{planUsedBytes, "How much of a feature is used.", of("feature"), false},

		{upcomingAmount, "What is going to be paid at the end of the period, in major units of the currency. The source is wallet or card.", of("service", "source", "currency"), false},
		{upcomingDue, "When that is going to be paid.", of("service", "source", "currency"), false},
	}
}

// description is a metric in the terms of the library.
type description struct {
	family
	order []int // of the labels by name
}

// descriptions returns all metrics by name.
func descriptions() map[string]description {
	all := map[string]description{}
	for _, f := range families() {
		d := description{family: f}
		for i := range f.labels {
			d.order = append(d.order, i)
		}
		slices.SortFunc(d.order, func(a, b int) int { return cmp.Compare(f.labels[a], f.labels[b]) })
		all[f.name] = d
	}
	return all
}

// pairs returns labels with their names, by name.
func (d description) pairs(values []string) (all []*dto.LabelPair) {
	for _, i := range d.order {
		all = append(all, &dto.LabelPair{Name: &d.labels[i], Value: &values[i]})
	}
	return all
}

// empty returns the metric with nothing in it.
func (d description) empty() *dto.MetricFamily {
	name, help, kind := namespace+d.name, d.help, dto.MetricType_GAUGE
	if d.counter {
		kind = dto.MetricType_COUNTER
	}
	return &dto.MetricFamily{Name: &name, Help: &help, Type: &kind}
}
