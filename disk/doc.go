// Package disk is what files need that must outlive their process: a lock that ends with
// it, files that are whole or not there, names that stay when the power fails, and keys
// that are nobody else's.
package disk

import "errors"

// ErrBusy says that another process has the lock.
var ErrBusy = errors.New("another process is at it")
