package cli

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/bursarhq/bursar/exporter"
)

// lookAgain is how often the file of profiles is looked at.
const lookAgain = 2 * time.Second

// reload has the exporter follow the profiles until the context ends: when their file
// is not as before any more, and when the process is told to by a signal. Portals that
// are named by flags or the environment stay.
func (f *exporterFlags) reload(ctx context.Context, e *exporter.Exporter, before fileState, log *slog.Logger) {
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGHUP) // which would end the process
	defer signal.Stop(told)
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	for {
		asked := false
		select {
		case <-ctx.Done():
			return
		case <-told:
			asked = true
		case <-tick.C:
		}
		now := f.profilesState()
		if !f.many() || !asked && now == before {
			continue
		}
		before = now
		all, err := f.watched()
		if err != nil {
			e.ReloadFailed()
			log.Warn("the profiles can't be read; those of before hold", "error", err)
			continue
		}
		e.Reload(all)
		log.Info("profiles are read again", "portals", len(all))
	}
}

// fileState is by what a changed file is known.
type fileState struct {
	size    int64
	changed time.Time
}

// profilesState returns the state of the file of profiles; the zero state if there is
// none.
func (f *exporterFlags) profilesState() fileState {
	path := f.env.profilesPath()
	if path == "" {
		return fileState{}
	}
	info, err := os.Stat(path)
	if err != nil {
		return fileState{}
	}
	return fileState{info.Size(), info.ModTime()}
}
