package disk_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bursarhq/bursar/disk"
)

func TestWriteWhole(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.json")
	for _, text := range []string{"first", "", strings.Repeat("long", 1<<18)} {
		if err := disk.WriteWhole(file, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(file); err != nil || string(got) != text {
			t.Errorf("%d bytes are there, not %d: %v", len(got), len(text), err)
		}
	}
	if entries, err := os.ReadDir(filepath.Dir(file)); err != nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}
}

// What can't be written leaves what was there, and nothing else.
func TestWriteWholeThatFails(t *testing.T) {
	dir := t.TempDir()
	if err := disk.WriteWhole(filepath.Join(dir, "none", "state.json"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	folder := filepath.Join(dir, "folder")
	if err := os.MkdirAll(filepath.Join(folder, "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := disk.WriteWhole(folder, []byte("text")); err == nil {
		t.Error("a folder is replaced by a file")
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 || !entries[0].IsDir() {
		t.Errorf("%v, %v", entries, err)
	}
}
