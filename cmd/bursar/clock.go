package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/cli"
	"github.com/bursarhq/bursar/clock"
	"github.com/bursarhq/bursar/operatorapi"
	"github.com/bursarhq/bursar/store"
	"github.com/bursarhq/bursar/worker"
)

// The kinds of time that a server may live in.
const (
	realTime    = "real"
	virtualTime = "virtual"
)

// workFlags say what a server does by itself, and in which time.
type workFlags struct {
	clock   string
	workers int
	// life is what else happens in virtual time; nil: nothing does.
	life func(s *billing.Service) *worker.Life
}

func (f *workFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.clock, "clock", realTime, "real, or virtual: time stands still until it is moved, and only the sandbox collects")
	flags.IntVar(&f.workers, "workers", 8, "jobs that are done at once: renewals, top-ups, messages; 0 leaves them to other processes")
	_ = cmd.RegisterFlagCompletionFunc("clock", cobra.FixedCompletions([]string{realTime, virtualTime}, cobra.ShellCompDirectiveNoFileComp))
}

// virtual returns the clock of a server that is to live in virtual time, which is not
// set yet; nil for real time.
func (f *workFlags) virtual(payments string) (*clock.Virtual, error) {
	const most = 1000
	wrong := func(hint, format string, args ...any) error {
		return &cli.Error{Code: cli.ExitUsage, Err: fmt.Errorf(format, args...), Hint: hint}
	}
	switch {
	case f.clock != realTime && f.clock != virtualTime:
		return nil, wrong("real time goes by itself, virtual time when it is told to", "--clock: %q is neither real nor virtual", f.clock)
	case f.workers < 0 || f.workers > most:
		return nil, wrong("0 leaves them to other processes", "--workers: %d is not between 0 and %d", f.workers, most)
	case f.clock == realTime:
		return nil, nil
	case payments != cli.PaymentsSandbox:
		return nil, wrong("add --payments sandbox, which takes money from nobody", "--clock virtual: real money is collected in real time, and --payments is %s", payments)
	case f.workers == 0:
		return nil, wrong("leave --workers out", "--clock virtual: time is moved by whoever does the jobs, and --workers is 0")
	}
	return clock.NewVirtual(time.Time{}), nil
}

// agree has a database and the server that opened it live in the same time: a virtual
// clock is set to where the database has got to, or begins now.
func agree(ctx context.Context, db *store.Store, v *clock.Virtual, now time.Time) error {
	var (
		kept              time.Time
		virtual, anybody  bool
		database, another = "the database", "or name another database"
	)
	if err := db.Read(ctx, func(tx *store.Tx) (err error) {
		if kept, virtual, err = tx.VirtualTime(); err != nil {
			return err
		}
		portals, err := tx.PortalsAfter("", 1)
		anybody = len(portals) > 0
		return err
	}); err != nil {
		return err
	}
	switch {
	case v == nil && virtual:
		return &cli.Error{
			Err:  fmt.Errorf("%s lives in virtual time, where it is %s", database, kept.Format(time.RFC3339)),
			Hint: "serve it with --clock virtual --payments sandbox, " + another,
		}
	case v == nil:
		return nil
	case virtual:
		return v.Set(kept)
	case anybody:
		return &cli.Error{
			Err:  fmt.Errorf("--clock virtual: %s lives in real time, and has portals", database),
			Hint: "virtual time begins with a database that is empty: leave --clock out, " + another,
		}
	}
	if err := v.Set(now); err != nil {
		return err
	}
	return db.KeepVirtualTime(ctx, v.Now())
}

// worker returns who does what nobody asks for.
func (s *server) newWorker(f *workFlags, now func() time.Time) *worker.Worker {
	config := worker.Config{Service: s.service, Log: s.log, Parallel: f.workers, Now: now, Clock: s.clock}
	if f.workers == 0 {
		config.Parallel = -1
	}
	if s.clock != nil {
		config.Moved = s.store.KeepVirtualTime
		if f.life != nil {
			config.Life = f.life(s.service)
		}
	}
	return worker.New(config)
}

// mover returns who moves virtual time for the operator; nil in real time.
func (s *server) mover() operatorapi.Mover {
	if s.clock == nil {
		return nil
	}
	return func(ctx context.Context, until func(now time.Time) time.Time) (operatorapi.Moved, error) {
		played, err := s.worker.Play(ctx, until)
		return operatorapi.Moved(played), err
	}
}
