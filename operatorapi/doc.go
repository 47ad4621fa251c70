// Package operatorapi is the door for whoever runs Bursar: portals, wallets, and
// all that moves money, below /v1/.
//
// [New] returns the handler. openapi.yaml describes it and is served with it.
package operatorapi
