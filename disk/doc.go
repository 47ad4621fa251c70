// Package disk is what files need that must outlive their process: a lock that ends with
// it, files that are whole or not there, and names that stay when the power fails.
package disk

import "errors"

// ErrBusy says that another process has the lock.
var ErrBusy = errors.New("another process is at it")
