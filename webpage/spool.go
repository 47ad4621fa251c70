package webpage

import (
	"bytes"
	"errors"
	"io"
	"os"
)

// span is a part of a spool.
type span struct{ from, long int64 }

// spool keeps a text of any length until it is copied: in memory, or, when it is long,
// in a file that nobody else reads. The zero spool is empty.
type spool struct {
	memory bytes.Buffer
	file   *os.File
	size   int64
}

// spoolMemory is how much stays in memory, in bytes.
const spoolMemory = 8 << 20

// Write appends.
func (s *spool) Write(text []byte) (int, error) {
	if s.file == nil && s.memory.Len()+len(text) > spoolMemory {
		file, err := os.CreateTemp("", "bursar-page-*")
		if err != nil {
			return 0, err
		}
		s.file = file
		if _, err := s.memory.WriteTo(file); err != nil {
			return 0, err
		}
		s.memory = bytes.Buffer{}
	}
	var to io.Writer = &s.memory
	if s.file != nil {
		to = s.file
	}
	n, err := to.Write(text)
	s.size += int64(n)
	return n, err
}

// copy writes a part of it.
func (s *spool) copy(w io.Writer, part span) error {
	var from io.ReaderAt = bytes.NewReader(s.memory.Bytes())
	if s.file != nil {
		from = s.file
	}
	n, err := io.Copy(w, io.NewSectionReader(from, part.from, part.long))
	if err == nil && n < part.long {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// close lets it go, and its file.
func (s *spool) close() error {
	if s.file == nil {
		return nil
	}
	err := errors.Join(s.file.Close(), os.Remove(s.file.Name()))
	*s = spool{}
	return err
}
