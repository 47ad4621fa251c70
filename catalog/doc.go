// Package catalog knows what is for sale: plans and wallet services, what each
// allows, and what it costs in each currency.
//
// A [Catalog] comes from a YAML file by [Load] or [Parse], which check it whole and
// name the line of what is wrong; [Stock] is the built-in one, DocSpace's own plans.
// Nothing in it changes once it is read. [Catalog.YAML] writes it, [Diff] compares
// two.
//
// A plan has one price in each currency, or several with the moments from which they
// hold: ask with [Plan.PriceAt]. What was charged is what held then: a price that
// comes later touches nothing that was charged before.
//
// A [Policy] is what holds for every plan: days of grace and of a trial, and how
// renewals go.
//
// What a portal has bought is a list of [Line]s; [Sum] adds them up to one
// [Allowance]. Source of the rules: contract, "Quota catalogue, feature grammar,
// aggregation rules" and "Region -> currency".
package catalog
