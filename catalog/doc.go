// Package catalog knows what is for sale: plans and wallet services, what each
// allows, and what it costs in each currency.
//
// A [Catalog] comes from a YAML file by [Parse], which checks it whole and names
// the line of what is wrong; [Stock] is the built-in one, DocSpace's own plans.
// Nothing in it changes once it is read.
//
// What a portal has bought is a list of [Line]s; [Sum] adds them up to one
// [Allowance]. Source of the rules: contract, "Quota catalogue, feature grammar,
// aggregation rules" and "Region -> currency".
package catalog
