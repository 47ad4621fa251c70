package worker

import (
	"context"
	"time"
)

// sweep does what no job stands for, because the rows that it is about say
// themselves that it is due: any process may do it, and more than one at once.
func (w *Worker) sweep(ctx context.Context) {
	seal, rest := time.NewTicker(sealEvery), time.NewTicker(sweepEvery)
	defer seal.Stop()
	defer rest.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-seal.C:
			w.bounded(ctx, "seal the ledger", w.service.Seal)
		case <-rest.C:
			w.sweepOnce(ctx)
		}
	}
}

func (w *Worker) sweepOnce(ctx context.Context) {
	if w.clock == nil { // else it is done wherever the clock stops
		w.bounded(ctx, "find out what became of deposits", w.reconcile)
	}
	w.bounded(ctx, "write down the last uses of keys", w.service.FlushKeyUses)
	w.bounded(ctx, "delete old reports", w.service.SweepReports)
}

// finish does what must not wait for the next process.
func (w *Worker) finish() {
	ctx := context.Background()
	w.bounded(ctx, "end the reports that are being built", w.service.StopReports)
	w.bounded(ctx, "seal the ledger", w.service.Seal)
	w.bounded(ctx, "write down the last uses of keys", w.service.FlushKeyUses)
}

func (w *Worker) reconcile(ctx context.Context) error {
	ended, err := w.service.Reconcile(ctx)
	if ended > 0 {
		w.log.Info("deposits that nobody waited for have ended", "count", ended)
	}
	return err
}

// bounded does one thing within its time.
func (w *Worker) bounded(ctx context.Context, what string, do func(context.Context) error) {
	bounded, cancel := context.WithTimeout(ctx, sweepWithin)
	defer cancel()
	err := do(bounded)
	w.tell(ctx, what, err)
}
