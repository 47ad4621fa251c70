//go:build !unix

package pgtest

import "os/exec"

// account is only needed where there is a root.
type account struct{}

func unprivileged() (*account, error) { return nil, nil }

func (a *account) own(string) error { return nil }

func (a *account) run(*exec.Cmd) {}
