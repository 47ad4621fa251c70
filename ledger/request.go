package ledger

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strconv"
	"time"

	"github.com/bursarhq/bursar/money"
)

// Request is something to be done, at most once.
type Request struct {
	Portal string
	// Key names the request within its portal, for ever.
	Key string
	// Input is the hash of all that the caller asked for; see InputOf.
	Input [32]byte
	Do    Action
	// Origin says who asked, for people: "operator 5c1f… 7d0a…". It is kept with
	// the key, and is a part of nothing that is compared; "" for nobody known.
	Origin string
}

// MaxKey is how long a key may be, MaxOrigin how long an origin, in bytes.
const (
	MaxKey    = 255
	MaxOrigin = 128
)

// Action is what a request does: a Post, Reserve, Extend, Complete, Void,
// Expire or Correct.
type Action interface {
	// run works out what the action does to the books, and changes nothing.
	run(*step) (Answer, error)
}

// Posting is one transfer to be made.
type Posting struct {
	Book          Book
	Debit, Credit Account
	Amount        money.Amount
	Type          Type
	Service       string
	Quantity      int64
	Participant   string
	Metadata      Metadata
}

// Post makes transfers: all or none, at most one in each book. Answer has the
// pocket of the first.
type Post []Posting

// Reserve opens a hold in the main book.
type Reserve struct {
	Amount      money.Amount
	Service     string
	Quantity    int64
	Participant string
	Metadata    Metadata
	// For is how long; the hold expires then.
	For time.Duration
}

// Extend makes an open hold last longer by so much.
type Extend struct {
	Hold int64
	For  time.Duration
}

// Complete turns a hold into a transfer.
type Complete struct {
	Hold int64
	// Amount is what is transferred; the zero Amount means all that is
	// reserved, one without currency is in the hold's. The rest is let go.
	Amount money.Amount
	// Quantity, Participant and Metadata take the place of the hold's own,
	// unless they are nought.
	Quantity    int64
	Participant string
	Metadata    Metadata
}

// Void lets go of a hold.
type Void struct{ Hold int64 }

// Expire lets go of a hold whose time is over, and does nothing to one whose
// time is not, or which is closed.
type Expire struct{ Hold int64 }

// Correct makes a transfer that takes back another one.
type Correct struct {
	Book     Book
	Transfer int64
	// Amount is how much is taken back; the zero Amount means all that is left,
	// one without currency is in the transfer's.
	Amount      money.Amount
	Participant string
	Metadata    Metadata
}

// Answer is what a request came to. It is kept with the key, for ever.
type Answer struct {
	At time.Time
	// Main and AI are the numbers of the transfers in the two books, Hold that
	// of the hold it was about; 0: none.
	Main, AI, Hold int64
	// Amount is what was transferred or is reserved.
	Amount money.Amount
	// Available is what the pocket had available afterwards.
	Available money.Amount
	// ExpiresAt is that of a hold that is open afterwards; otherwise the zero
	// Time.
	ExpiresAt time.Time
}

// Done is a request that was carried out, as it is kept.
type Done struct {
	Portal, Key string
	Input       [32]byte
	Answer      Answer
	// Origin is who asked first; "" where that is not known.
	Origin string
}

// Result is what one request of a batch came to.
type Result struct {
	Answer Answer
	// Replay says that the request had been carried out before; Answer is what
	// it came to then.
	Replay bool
	Err    error
}

// InputOf returns the hash of an input: a name for what is asked, and its parts
// in order, which are texts, numbers, and types made of those, and neither moments
// nor pointers. No two different inputs run together into one text.
func InputOf(kind string, parts ...any) [32]byte {
	h := sha256.New()
	var length [8]byte
	write := func(text string) {
		binary.BigEndian.PutUint64(length[:], uint64(len(text)))
		h.Write(length[:])
		h.Write([]byte(text))
	}
	write(kind)
	for _, part := range parts {
		switch part := part.(type) {
		case string:
			write("s" + part)
		case int64:
			write("i" + strconv.FormatInt(part, 10))
		default:
			write(fmt.Sprintf("%T %#v", part, part))
		}
	}
	return [32]byte(h.Sum(nil))
}
