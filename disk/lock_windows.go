package disk

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

const sharingViolation = syscall.Errno(32)

// Lock takes a file, which is made if it is not there, for this holder alone, until its
// Unlock or the process's end, however that comes. It does not wait: it fails with
// ErrBusy, or as the system does.
func Lock(path string) (*Held, error) {
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	// Shared with nobody.
	handle, err := syscall.CreateFile(name, syscall.GENERIC_READ|syscall.GENERIC_WRITE, 0, nil, syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if errors.Is(err, sharingViolation) {
		err = ErrBusy
	}
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return &Held{os.NewFile(uintptr(handle), path)}, nil
}

// Held is a lock that is held.
type Held struct{ file *os.File }

// Unlock lets the file go, which stays there.
func (h *Held) Unlock() error { return h.file.Close() }

// SyncFolder does nothing: the system keeps the names in a folder by itself.
func SyncFolder(string) error { return nil }
