// Package reconcile rebuilds a wallet from its operations, and compares what comes of
// it with what the portal says that the wallet has.
package reconcile
