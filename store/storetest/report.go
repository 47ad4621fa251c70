package storetest

import (
	"bytes"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/bursarhq/bursar/store"
)

func reportOf(userID, kind string, at time.Time) store.Report {
	return store.Report{PortalID: "p", UserID: userID, Kind: kind, FileName: kind + ".xlsx", StartedAt: at}
}

func start(t *testing.T, s *store.Store, r store.Report, alive time.Time) (store.Report, bool) {
	t.Helper()
	r, isNew, err := s.StartReport(t.Context(), r, alive, "interrupted", noNumber)
	if err != nil {
		t.Fatal(err)
	}
	return r, isNew
}

func latest(t *testing.T, s *store.Store, userID, kind string) (r store.Report, err error) {
	t.Helper()
	read(t, s, func(tx *store.Tx) error {
		r, err = tx.LatestReport("p", userID, kind)
		return nil
	})
	return r, err
}

// reports is the life of some: one at a time for a user and a kind, its file in
// pieces, its end, and what is left of it.
func reports(t *testing.T, s *store.Store) {
	addPortals(t, s, "p", "q")
	if _, err := latest(t, s, "ann", "usage"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("no report: %v", err)
	}
	one, isNew := start(t, s, reportOf("ann", "usage", epoch), epoch)
	want := store.Report{PortalID: "p", Number: 1, UserID: "ann", Kind: "usage", State: store.ReportCreated, FileName: "usage.xlsx", StartedAt: epoch, BeatAt: epoch}
	diff(t, "a new one", []any{one, isNew}, []any{want, true})
	again, isNew := start(t, s, reportOf("ann", "usage", epoch.Add(time.Second)), epoch)
	diff(t, "the same again", []any{again, isNew}, []any{want, false})
	other, isNew := start(t, s, reportOf("bob", "usage", epoch), epoch)
	if other.Number != 2 || !isNew {
		t.Errorf("somebody else's: %+v, new: %t", other, isNew)
	}
	if monthly, isNew := start(t, s, reportOf("ann", "monthly", epoch), epoch); monthly.Number != 3 || !isNew {
		t.Errorf("another kind: %+v, new: %t", monthly, isNew)
	}

	one.State, one.Percentage, one.BeatAt = store.ReportRunning, 40, epoch.Add(time.Minute)
	if canceled, err := s.BeatReport(t.Context(), one); canceled || err != nil {
		t.Errorf("beat: %t, %v", canceled, err)
	}
	pieces := [][]byte{bytes.Repeat([]byte{0, 1, 2, 255}, store.ReportChunk/4), []byte("the end")}
	for _, piece := range pieces {
		if err := s.AddReportChunk(t.Context(), one, piece); err != nil {
			t.Fatal(err)
		}
		if err := s.AddReportChunk(t.Context(), one, piece); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("the same piece twice: %v", err)
		}
		one.Size, one.Chunks = one.Size+int64(len(piece)), one.Chunks+1
	}
	got, err := latest(t, s, "ann", "usage")
	diff(t, "while it is built", []any{got, err}, []any{one, error(nil)})

	if number, err := s.CancelReport(t.Context(), "p", "ann", "usage", noNumber); number != 1 || err != nil {
		t.Errorf("cancel: %d, %v", number, err)
	}
	if _, err := s.CancelReport(t.Context(), "p", "ann", "operations", noNumber); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("cancel what is not built: %v", err)
	}
	if canceled, err := s.BeatReport(t.Context(), one); !canceled || err != nil {
		t.Errorf("beat when it is canceled: %t, %v", canceled, err)
	}

	one.State, one.Percentage, one.EndedAt = store.ReportCompleted, 100, epoch.Add(2*time.Minute)
	if err := s.EndReport(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	_, beaten := s.BeatReport(t.Context(), one)
	for doing, err := range map[string]error{"end": s.EndReport(t.Context(), one), "beat": beaten, "add": s.AddReportChunk(t.Context(), one, []byte("x"))} {
		if !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s after the end: %v", doing, err)
		}
	}
	read(t, s, func(tx *store.Tx) error {
		for i, piece := range pieces {
			if got, err := tx.ReportChunk("p", 1, int64(i)); !bytes.Equal(got, piece) || err != nil {
				t.Errorf("piece %d: %d bytes, %v", i, len(got), err)
			}
		}
		_, beyond := tx.ReportChunk("p", 1, 2)
		_, foreign := tx.ReportChunk("q", 1, 0)
		_, report := tx.Report("q", 1)
		for _, err := range []error{beyond, foreign, report} {
			if !errors.Is(err, store.ErrNotFound) {
				t.Errorf("what is not there: %v", err)
			}
		}
		got, err := tx.Report("p", 1)
		diff(t, "by its number", []any{got, err}, []any{one, error(nil)})
		all, err := tx.ReportsAfter(store.Report{PortalID: "p", Number: 1}, 1)
		if len(all) != 1 || all[0].Number != 2 || err != nil {
			t.Errorf("the next one: %+v, %v", all, err)
		}
		return nil
	})
	dropped(t, s, one)
}

// dropped is the end of a report's file, and of the report.
func dropped(t *testing.T, s *store.Store, one store.Report) {
	next, isNew := start(t, s, reportOf("ann", "usage", epoch.Add(time.Hour)), epoch)
	if next.Number != 4 || !isNew {
		t.Errorf("after the end: %+v, new: %t", next, isNew)
	}
	// Its builder is lost: the next one begins anew.
	last, isNew := start(t, s, reportOf("ann", "usage", epoch.Add(2*time.Hour)), epoch.Add(time.Hour).Add(time.Microsecond))
	if last.Number != 5 || !isNew {
		t.Errorf("after one that was lost: %+v, new: %t", last, isNew)
	}
	read(t, s, func(tx *store.Tx) error {
		lost, err := tx.Report("p", next.Number)
		next.State, next.Error, next.EndedAt = store.ReportFailed, "interrupted", epoch.Add(2*time.Hour)
		diff(t, "the lost one", []any{lost, err}, []any{next, error(nil)})
		return nil
	})
	for _, entirely := range []bool{false, true} {
		if err := s.DropReportFile(t.Context(), one, entirely); err != nil {
			t.Fatal(err)
		}
		read(t, s, func(tx *store.Tx) error {
			if _, err := tx.ReportChunk("p", 1, 0); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("the file is there: %v", err)
			}
			got, err := tx.Report("p", 1)
			if entirely && !errors.Is(err, store.ErrNotFound) || !entirely && (err != nil || got.Size != 0 || got.Chunks != 0 || got.State != store.ReportCompleted) {
				t.Errorf("the report, entirely %t: %+v, %v", entirely, got, err)
			}
			return nil
		})
	}
	// One that is being built is not dropped, whoever asks.
	if err := s.DropReportFile(t.Context(), last, true); err != nil {
		t.Fatal(err)
	}
	if got, err := latest(t, s, "ann", "usage"); err != nil || got.Number != last.Number {
		t.Errorf("the one that is built: %+v, %v", got, err)
	}
	if b := booksOf(t, s, "p"); b.Portal.Version != 1 {
		t.Errorf("the portal's version is %d", b.Portal.Version)
	}
}

// reportsAtOnce lets many start the same one.
func reportsAtOnce(t *testing.T, s *store.Store) {
	addPortals(t, s, "p")
	var (
		wait    sync.WaitGroup
		mu      sync.Mutex
		fresh   int
		numbers = map[int64]bool{}
	)
	for range 8 {
		wait.Go(func() {
			r, isNew, err := s.StartReport(background, reportOf("ann", "operations", epoch), epoch, "interrupted", noNumber)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			numbers[r.Number] = true
			if isNew {
				fresh++
			}
		})
	}
	wait.Wait()
	if fresh != 1 || len(numbers) != 1 {
		t.Errorf("%d were started: %v", fresh, numbers)
	}
}
