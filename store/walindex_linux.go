package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// walIndex reads the header of the index that SQLite keeps of its write-ahead
// log, in a file that all processes with the database open have mapped. Every
// commit changes it before it returns, so that reading it, at the price of one
// system call, answers what PRAGMA data_version answers at ten times that.
// Source: SQLite, "WAL-mode File Format", section 2.
//
// Closing any file of a process lets go of all the locks that the process has on
// it, SQLite's included; hence this one is opened with the store, and closed as
// the last thing. A process should not open one database twice for the same
// reason: tests that do have no third process to be in the way.
type walIndex struct{ file *os.File }

// The header in 32-bit words of the machine's own order.
const (
	walIndexVersion = 3007000
	walIndexHeader  = 48
)

// openWALIndex opens the index of the database at a path, which is open already;
// nil where there is none, or not of the kind known here.
func openWALIndex(path string) (*walIndex, error) {
	file, err := os.Open(path + "-shm")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &walIndex{file}, nil
}

// generation returns a number that changes with every commit, or false where
// there is none to be had, such as before the first one. It is never one of those
// that PRAGMA data_version has, which are of 32 bits.
func (x *walIndex) generation() (int64, bool, error) {
	var header [walIndexHeader]byte
	n, err := x.file.ReadAt(header[:], 0)
	if errors.Is(err, os.ErrClosed) {
		return 0, false, fmt.Errorf("%w: it is closing", ErrBusy)
	}
	if n < len(header) {
		return 0, false, nil
	}
	word := func(at int) uint32 { return binary.NativeEndian.Uint32(header[at:]) }
	if initialised := header[12]; word(0) != walIndexVersion || initialised == 0 {
		return 0, false, nil
	}
	// The count of commits, and the checksum of the log's last frame for when a
	// crashed process made the others count anew. A half-written header is
	// another number than the ones before and after it.
	changes, checksum := word(8), word(24)
	return ofIndex | int64(changes&maxChanges)<<32 | int64(checksum), true, nil
}

func (x *walIndex) close() error {
	if x == nil {
		return nil
	}
	return x.file.Close()
}
