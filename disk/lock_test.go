package disk_test

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/bursarhq/bursar/disk"
)

// holder is the variable by which the test's own program becomes a process that holds a
// lock until it is killed.
const holder = "BURSAR_TEST_HOLDS"

func TestMain(m *testing.M) {
	if path := os.Getenv(holder); path != "" {
		if _, err := disk.Lock(path); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("held")
		select {}
	}
	os.Exit(m.Run())
}

func TestLockIsOnesAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	for range 2 {
		held, err := disk.Lock(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := disk.Lock(path); !errors.Is(err, disk.ErrBusy) {
			t.Errorf("it is locked twice: %v", err)
		}
		if err := held.Unlock(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := disk.Lock(filepath.Join(path, "below a file")); err == nil || errors.Is(err, disk.ErrBusy) {
		t.Errorf("where nothing can be: %v", err)
	}
}

// A lock ends with its process, even one that is killed.
func TestLockEndsWithItsProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	other := exec.Command(os.Args[0])
	other.Env = append(os.Environ(), holder+"="+path)
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	said, err := bufio.NewReader(out).ReadString('\n')
	_, busy := disk.Lock(path)
	_ = other.Process.Kill()
	_ = other.Wait()
	if said != "held\n" || err != nil || !errors.Is(busy, disk.ErrBusy) {
		t.Fatalf("%q, %v; then %v", said, err, busy)
	}
	held, err := disk.Lock(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := held.Unlock(); err != nil {
		t.Error(err)
	}
}

func TestSyncFolder(t *testing.T) {
	if err := disk.SyncFolder(t.TempDir()); err != nil {
		t.Error(err)
	}
	if err := disk.SyncFolder(filepath.Join(t.TempDir(), "none")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
