//go:build unix

package main

import (
	"context"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var updateTour = flag.Bool("update-tour", false, "rewrite docs/tour/README.md")

// What the tour shows is what the program prints.
func TestTheTourShowsWhatIsPrinted(t *testing.T) {
	t.Parallel()
	folder := filepath.Join("..", "..", "docs", "tour")
	ctx, stop := context.WithTimeout(t.Context(), 8*patience)
	defer stop()
	var told strings.Builder
	cmd := exec.CommandContext(ctx, "sh", filepath.Join(folder, "tour.sh"))
	cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir())
	cmd.Stderr = &told
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // it ends what it started
	cmd.WaitDelay = 10 * time.Second
	got, err := cmd.Output()
	if err != nil || told.Len() > 0 {
		t.Fatalf("%v\n%s", err, told.String())
	}
	page := filepath.Join(folder, "README.md")
	if *updateTour {
		if err := os.WriteFile(page, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("not as in %s (-there +now); go test ./cmd/bursar -run Tour -update-tour writes it:\n%s", page, diff)
	}
}
