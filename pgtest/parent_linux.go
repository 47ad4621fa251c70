package pgtest

import "syscall"

// endWithParent has the kernel end the server when the test is killed, so that
// none is left behind.
func endWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGQUIT }
