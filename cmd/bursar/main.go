// Command bursar reads the billing of DocSpace portals, and runs it. This
// package only wires: flags, configuration, start and stop.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"charm.land/fang/v2"

	"github.com/bursarhq/bursar/cli"
)

// version is set by the linker in releases.
var version = ""

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once

	env := cli.System(buildVersion())
	root := cli.New(env)
	root.AddCommand(newServe(env), newDemo(env))
	err := fang.Execute(ctx, root,
		fang.WithVersion(env.Version),
		fang.WithErrorHandler(func(w io.Writer, _ fang.Styles, err error) { cli.PrintError(w, err) }),
	)
	return cli.ExitCode(err)
}

// buildVersion returns the version that the linker, the module or the checkout
// gives.
func buildVersion() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}
