// Package manifest is billing as code: one file says how the billing of many portals
// is to be, and the package says what differs, what it would cost to change, and
// changes it, each change once.
package manifest
