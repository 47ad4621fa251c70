// Package portalapi is the door that speaks DocSpace's wire: the payment routes
// below /api/2.0/portal, as a DocSpace portal of version 3.7.2 answers them.
//
// [New] returns the handler. openapi.yaml describes it and is served with it.
// Where Bursar deliberately does better than stock, quirks.go says how and why.
package portalapi
