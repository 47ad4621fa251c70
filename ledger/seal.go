package ledger

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash"
	"time"
)

// Seal closes a range of a book's transfers with a hash over them and the seal
// before.
type Seal struct {
	Portal      string
	Book        Book
	First, Last int64 // numbers of transfers
	Hash        [32]byte
	// Marks are the first 8 bytes of each transfer's own hash, so that a break
	// can be given a number.
	Marks []byte
	At    time.Time
}

const markSize = 8

// MaxSealed is how many transfers one seal covers at most.
const MaxSealed = 1000

// Sealer makes a seal. The zero Sealer is one for the start of a book.
type Sealer struct {
	// Before is the hash of the seal before; nought for the first.
	Before [32]byte

	hash        hash.Hash
	first, last int64
	marks       []byte
}

// Add takes the next transfer.
func (s *Sealer) Add(t *Transfer) {
	if s.hash == nil {
		s.hash = sha256.New()
		s.hash.Write(s.Before[:])
		s.first = t.Number
	}
	own := t.digest()
	s.hash.Write(own[:])
	s.marks = append(s.marks, own[:markSize]...)
	s.last = t.Number
}

// Len returns how many transfers were taken.
func (s *Sealer) Len() int { return len(s.marks) / markSize }

// Seal returns the seal over the transfers taken, and starts the next one.
func (s *Sealer) Seal(portal string, book Book, at time.Time) (Seal, error) {
	if s.hash == nil {
		return Seal{}, errors.New("nothing to seal")
	}
	made := Seal{Portal: portal, Book: book, First: s.first, Last: s.last, Marks: s.marks, At: at}
	s.hash.Sum(made.Hash[:0])
	*s = Sealer{Before: made.Hash}
	return made, nil
}

// digest is the hash of everything a transfer says.
func (t *Transfer) digest() [32]byte {
	b := make([]byte, 0, 256)
	text := func(s string) {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	number := func(n int64) { b = binary.AppendVarint(b, n) }
	text(t.Portal)
	text(string(t.Book))
	number(t.Number)
	number(t.At.UnixMicro())
	number(int64(t.Type))
	text(string(t.Debit))
	text(string(t.Credit))
	text(string(t.Amount.Currency()))
	number(t.Amount.Units())
	number(t.Balance.Units())
	text(t.Key)
	text(t.Service)
	number(t.Quantity)
	text(t.Participant)
	text(string(t.Metadata))
	number(t.Corrects)
	number(t.Hold)
	return sha256.Sum256(b)
}
