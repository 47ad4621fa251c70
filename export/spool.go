package export

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"time"

	"github.com/bursarhq/bursar/docspace"
)

// A spool is what was read of one portal, a line an operation, the oldest first. Its
// first line says what was asked for, and its last one, when all is read, that it is
// all. A line that is not whole was never written.

// spoolHead is the first line of a spool.
type spoolHead struct {
	Portal string `json:"portal"`
	// From is the moment from which it was read on; the zero Time is the beginning.
	From time.Time `json:"from"`
	// Before is how many operations there were before that.
	Before int64 `json:"before"`
}

// spoolEnd is the last one.
type spoolEnd struct {
	End  bool  `json:"end"`
	Rows int64 `json:"rows"`
	// Last is the date of the last operation; the zero Time if there is none.
	Last time.Time `json:"last"`
}

// spool is one that is being written.
type spool struct {
	file *os.File
	out  *bufio.Writer
	head *spoolHead // nil if it is new
	rows int64
	last time.Time
	done bool
}

// openSpool opens a spool to go on with it: known has each operation that is there.
// What is broken at its end is cut off, and so is the end itself if more is wanted.
func openSpool(path string, more bool, known func(*docspace.Operation)) (s *spool, err error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	s = &spool{file: file}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("read %s: %w", path, err), file.Close())
		}
	}()
	good, lines := int64(0), bufio.NewReaderSize(file, 64<<10)
	for !s.done {
		line, err := lines.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if err != nil || !s.take(line, known) {
			break
		}
		if s.done && more {
			s.done = false
			break
		}
		good += int64(len(line))
	}
	if err := file.Truncate(good); err != nil {
		return nil, err
	}
	if _, err := file.Seek(good, io.SeekStart); err != nil {
		return nil, err
	}
	s.out = bufio.NewWriterSize(file, 64<<10)
	return s, nil
}

// take reads a line, and reports whether it is a whole one.
func (s *spool) take(line []byte, known func(*docspace.Operation)) bool {
	if s.head == nil {
		var head spoolHead
		if json.Unmarshal(line, &head) != nil {
			return false
		}
		s.head = &head
		return true
	}
	if end, ok := endOf(line); ok {
		s.done = end.Rows == s.rows
		return s.done
	}
	var o docspace.Operation
	if json.Unmarshal(line, &o) != nil {
		return false
	}
	known(&o)
	s.rows, s.last = s.rows+1, o.Date.Time
	return true
}

// endOf reads the last line of a spool.
func endOf(line []byte) (end spoolEnd, ok bool) {
	if !bytes.HasPrefix(line, []byte(`{"end":true,`)) {
		return end, false
	}
	return end, json.Unmarshal(line, &end) == nil
}

// begin writes what is asked for.
func (s *spool) begin(head spoolHead) error {
	s.head = &head
	return s.write(head)
}

// add writes a page, which is on the disk then.
func (s *spool) add(some []docspace.Operation) error {
	for i := range some {
		if err := s.write(some[i]); err != nil {
			return err
		}
		s.rows, s.last = s.rows+1, some[i].Date.Time
	}
	return s.sync()
}

// end says that it is all.
func (s *spool) end() error {
	if err := s.write(spoolEnd{true, s.rows, s.last}); err != nil {
		return err
	}
	s.done = true
	return s.sync()
}

func (s *spool) write(v any) error {
	line, err := json.Marshal(v)
	if err == nil {
		_, err = s.out.Write(append(line, '\n'))
	}
	return err
}

func (s *spool) sync() error { return errors.Join(s.out.Flush(), s.file.Sync()) }

func (s *spool) close() error { return errors.Join(s.out.Flush(), s.file.Close()) }

// errCut says that a spool that was whole is so no more.
var errCut = errors.New("what was read is not there any more")

// operations returns what is in a spool that is whole.
func operations(path string) iter.Seq2[*docspace.Operation, error] {
	return func(yield func(*docspace.Operation, error) bool) {
		file, err := os.Open(path)
		if err != nil {
			yield(nil, err)
			return
		}
		defer file.Close()
		lines := bufio.NewReaderSize(file, 64<<10)
		for n := int64(-1); ; n++ {
			line, err := lines.ReadBytes('\n')
			if err != nil {
				yield(nil, fmt.Errorf("%w: %s", errCut, path))
				return
			}
			if n < 0 {
				continue // its head
			}
			if end, ok := endOf(line); ok {
				if end.Rows != n {
					yield(nil, fmt.Errorf("%w: %s", errCut, path))
				}
				return
			}
			var o docspace.Operation
			if err := json.Unmarshal(line, &o); err != nil {
				yield(nil, fmt.Errorf("%w: %s: %w", errCut, path, err))
				return
			}
			if !yield(&o, nil) {
				return
			}
		}
	}
}
