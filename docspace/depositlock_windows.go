package docspace

import (
	"errors"
	"syscall"
)

// sharingViolation is what Windows says of a file that somebody else has.
const sharingViolation = syscall.Errno(32)

// lockFile locks a file by opening it for nobody else; nil when somebody else has
// it. The lock ends with the process.
func lockFile(name string) (unlock func(), err error) {
	path, err := syscall.UTF16PtrFromString(name)
	if err != nil {
		return nil, err
	}
	handle, err := syscall.CreateFile(path, syscall.GENERIC_READ|syscall.GENERIC_WRITE, 0, nil,
		syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if errors.Is(err, sharingViolation) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return func() { _ = syscall.CloseHandle(handle) }, nil
}

// syncFolder has nothing to do: a folder of Windows can't be synced, and its file
// system keeps a journal of names.
func syncFolder(string) error { return nil }
