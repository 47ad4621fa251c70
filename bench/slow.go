package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/bursarhq/bursar/pgtest"
)

//go:embed testdata/slowsync.c
var slowSync []byte

// measureSlowDisk measures writes to a PostgreSQL whose disk takes a millisecond
// longer to sync, as many a network disk does, beside floors on the same one.
func measureSlowDisk(ctx context.Context, b *bench) (err error) {
	wanted := false
	for _, kind := range writing {
		for _, connections := range kind.connections {
			wanted = wanted || b.wantsLong(fmt.Sprintf("slow/postgres/%s/c%d", kind.name, connections))
		}
	}
	if !wanted {
		return nil
	}
	dir, err := os.MkdirTemp("", "bursar-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.Chmod(dir, 0o755); err != nil { // the server may be another user
		return err
	}
	source, library := filepath.Join(dir, "slowsync.c"), filepath.Join(dir, "slowsync.so")
	if err := os.WriteFile(source, slowSync, 0o644); err != nil {
		return err
	}
	if output, err := exec.CommandContext(ctx, "cc", "-shared", "-fPIC", "-O2", "-o", library, source, "-ldl").CombinedOutput(); err != nil {
		return fmt.Errorf("compile %s: %w: %s", source, err, output)
	}
	return measureEngine(ctx, b, "postgres", "slow", pgtest.Config{Preload: library})
}
