//go:build unix

package disk_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/bursarhq/bursar/disk"
)

func TestShared(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "key")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for mode, want := range map[os.FileMode]bool{0o600: false, 0o400: false, 0o640: true, 0o604: true, 0o610: true} {
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(file); err != nil || disk.Shared(info) != want {
			t.Errorf("%o: %v, %v", mode, !want, err)
		}
	}
	if info, err := os.Stat(dir); err != nil || disk.Shared(info) {
		t.Errorf("a folder: %v", err)
	}
}
