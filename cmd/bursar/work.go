package main

import (
	"context"
	"time"
)

// How often a server does what nobody asks it for.
const (
	sealInterval = 5 * time.Second
	lookInterval = 30 * time.Second // after collections, uses of keys, and reports
	// workWithin is how long one piece of work may take.
	workWithin = 30 * time.Second
)

// work does what nobody asks for, until it is told to stop: it seals the ledger,
// finds out what became of deposits that nobody waits for any more, notes when keys
// were last used, and deletes old reports. What fails is logged, and tried again the next time.
func (s *server) work(stop <-chan struct{}) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() { // what runs when the server stops does not keep it
		select {
		case <-stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	w := worker{server: s, failing: map[string]bool{}}
	seal, look := time.NewTicker(sealInterval), time.NewTicker(lookInterval)
	defer seal.Stop()
	defer look.Stop()
	for {
		select {
		case <-stop:
			w.stopReports(context.Background())
			w.seal(context.Background())
			w.noteKeyUses(context.Background())
			return
		case <-seal.C:
			w.seal(ctx)
		case <-look.C:
			w.reconcile(ctx)
			w.noteKeyUses(ctx)
			w.sweepReports(ctx)
		}
	}
}

// worker is who does it.
type worker struct {
	*server
	failing map[string]bool // what failed the last time
}

func (w *worker) seal(ctx context.Context) {
	w.do(ctx, "seal the ledger", w.service.Seal)
}

func (w *worker) noteKeyUses(ctx context.Context) {
	w.do(ctx, "write down the last uses of keys", w.service.FlushKeyUses)
}

func (w *worker) sweepReports(ctx context.Context) {
	w.do(ctx, "delete old reports", w.service.SweepReports)
}

func (w *worker) stopReports(ctx context.Context) {
	w.do(ctx, "end the reports that are being built", w.service.StopReports)
}

func (w *worker) reconcile(ctx context.Context) {
	w.do(ctx, "find out what became of deposits", func(ctx context.Context) error {
		ended, err := w.service.Reconcile(ctx)
		if ended > 0 {
			w.log.Info("deposits that nobody waited for have ended", "count", ended)
		}
		return err
	})
}

// do does one thing. It logs when that begins to fail and when it works again, and
// not every time in between.
func (w *worker) do(ctx context.Context, what string, fn func(context.Context) error) {
	bounded, cancel := context.WithTimeout(ctx, workWithin)
	defer cancel()
	err := fn(bounded)
	switch {
	case err != nil && ctx.Err() != nil: // it was told to stop; it is done once more at the end
	case err != nil && !w.failing[what]:
		w.log.Warn("could not "+what+"; it is tried again", "error", err)
		w.failing[what] = true
	case err == nil && w.failing[what]:
		w.log.Info("could " + what + " again")
		delete(w.failing, what)
	}
}
