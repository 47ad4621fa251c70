package store

import (
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
)

// resident is how much memory the process has, in bytes.
func resident(t *testing.T) int64 {
	t.Helper()
	debug.FreeOSMemory() // what is garbage does not count
	words, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(words))[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// However long a report's file is, whoever writes it keeps little of it in memory.
func TestReportOfAnyLengthIsWrittenInLittleMemory(t *testing.T) {
	s := openWith(t, Config{Dir: t.TempDir(), NoSync: true})
	addPortal(t, s, "p")
	r, _, err := s.StartReport(t.Context(), Report{PortalID: "p", UserID: "owner", Kind: "operations", FileName: "long.xlsx", StartedAt: epoch}, epoch, "", func(*Tx, int64) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	piece := make([]byte, ReportChunk)
	before := resident(t)
	for range 6 * chunksInMind { // more than would fill a writer's cache
		if err := s.AddReportChunk(t.Context(), r, piece); err != nil {
			t.Fatal(err)
		}
		r.Chunks++
	}
	if more := resident(t) - before; more > 40<<20 {
		t.Errorf("%d MB were kept of a file of %d MB", more>>20, r.Chunks*ReportChunk>>20)
	}
}
