//go:build !windows

package disk

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// Lock takes a file, which is made if it is not there, for this holder alone, until its
// Unlock or the process's end, however that comes. It does not wait: it fails with
// ErrBusy, or as the system does.
func Lock(path string) (*Held, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = ErrBusy
		}
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), file.Close())
	}
	return &Held{file}, nil
}

// Held is a lock that is held.
type Held struct{ file *os.File }

// Unlock lets the file go, which stays there. It says so to the system, as a child that
// is being started may have the file open for a moment longer.
func (h *Held) Unlock() error {
	return errors.Join(syscall.Flock(int(h.file.Fd()), syscall.LOCK_UN), h.file.Close())
}

// SyncFolder has the names in a folder be on the disk.
func SyncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
