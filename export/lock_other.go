//go:build !windows

package export

import (
	"errors"
	"os"
	"syscall"
)

// lock takes a file for this process alone, until unlock or the process's end, however
// it comes. It fails with ErrBusy.
func lock(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = ErrBusy
		}
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// unlock lets a file go. It says so to the system, as a child that is being started may
// have the file open for a moment longer.
func unlock(file *os.File) error {
	return errors.Join(syscall.Flock(int(file.Fd()), syscall.LOCK_UN), file.Close())
}

// syncFolder has the names in a folder be on the disk.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
