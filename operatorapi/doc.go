// Package operatorapi is the door for whoever runs Bursar, below /v1/: portals, who
// uses and who pays for them, what they have and use, their wallets, and all that
// moves money.
//
// [New] returns the handler. openapi.yaml describes it and is served with it.
//
// Each noun has a file, with its routes, how its bodies are read and how it is
// written. Orders, which move or reserve money, are read by one form (form.go); all
// else by records (record.go), which refuse what they do not know. Lists go on after
// an opaque cursor (list.go).
package operatorapi
