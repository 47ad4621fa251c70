package store

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/bursarhq/bursar/ledger"
)

// TestPostingOnAFullDisk posts into a file system that is full in earnest, in a child
// that has one of its own.
func TestPostingOnAFullDisk(t *testing.T) {
	cmd := child(t, "TestFullDiskChild", t.TempDir())
	id := func(n int) []syscall.SysProcIDMap { return []syscall.SysProcIDMap{{HostID: n, Size: 1}} }
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: id(os.Getuid()), GidMappings: id(os.Getgid()),
	}
	out, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Skipf("no child can have a file system of its own here: %v", err)
	}
	told(t, out, err)
}

// TestPostingBeyondTheSizeOfAFile has a child that may write no file of more than
// some size, which is an error of the disk like any other.
func TestPostingBeyondTheSizeOfAFile(t *testing.T) {
	out, err := child(t, "TestFileSizeChild", t.TempDir()).CombinedOutput()
	told(t, out, err)
}

func told(t *testing.T, out []byte, err error) {
	t.Helper()
	switch {
	case err != nil:
		t.Errorf("%v: %s", err, out)
	case strings.Contains(string(out), "--- SKIP"):
		t.Skipf("%s", out)
	case !strings.Contains(string(out), "--- PASS"):
		t.Errorf("the child tested nothing: %s", out)
	default:
		t.Logf("%s", out)
	}
}

// TestFullDiskChild is the child of TestPostingOnAFullDisk.
func TestFullDiskChild(t *testing.T) {
	dir := os.Getenv(faultMode)
	if dir == "" {
		t.Skip("is for a child")
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=3m"); err != nil {
		t.Skipf("no file system of our own: %v", err)
	}
	defer syscall.Unmount(dir, syscall.MNT_DETACH)
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	failing(t, dir, ErrFull, func() {}, func() {
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
	})
}

// TestFileSizeChild is the child of TestPostingBeyondTheSizeOfAFile.
func TestFileSizeChild(t *testing.T) {
	dir := os.Getenv(faultMode)
	if dir == "" {
		t.Skip("is for a child")
	}
	signal.Ignore(syscall.SIGXFSZ)
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	limit := func(size uint64) {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: size, Max: before.Max}); err != nil {
			t.Error(err)
		}
	}
	failing(t, dir, nil, func() { limit(1 << 20) }, func() { limit(before.Cur) })
}

// failing posts until the disk fails, sees that it fails for long, and is well when
// the disk is.
func failing(t *testing.T, dir string, want error, begin, end func()) {
	s, err := Open(t.Context(), Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	addPortal(t, s, "p")
	clerks := &clerks{acked: map[string]ledger.Answer{}}
	clerks.work(t, s, "first", begin)
	clerks.work(t, s, "second", func() {})
	for _, err := range clerks.errs {
		if want != nil && !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	t.Logf("%d acknowledged; %v", len(clerks.acked), clerks.errs[0])
	// What is there can be read all the time.
	read(t, s, func(tx *Tx) (ledger.BookState, error) { return tx.Book("p", ledger.Main) })
	end()
	clerks.mustBeThere(t, s)
	mustWork(t, s, "p")
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	again := openIn(t, dir)
	clerks.mustBeThere(t, again)
	mustWork(t, again, "p")
}
