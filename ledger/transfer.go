package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/bursarhq/bursar/money"
)

// Transfer moves an amount from one account to another, for ever.
type Transfer struct {
	Portal string
	Book   Book
	Number int64 // from 1 on in its book, without a gap
	At     time.Time
	Type   Type
	Debit  Account
	Credit Account
	// Amount is more than nought.
	Amount money.Amount
	// Balance is the pocket's after it.
	Balance money.Amount
	// Key is that of the request which caused it.
	Key string
	// Service is what was paid for: "backup"; "" when nothing was.
	Service string
	// Quantity is how much of the service; 0 when there is nothing to count.
	Quantity int64
	// Participant is the user on whose account it happened, or a name; "" for
	// nobody.
	Participant string
	Metadata    Metadata
	// Corrects is the number of the transfer that this one corrects; 0: none.
	Corrects int64
	// Hold is the number of the hold that this one completes; 0: none.
	Hold int64
}

// ID returns what the transfer is called outside.
func (t *Transfer) ID() TransferID { return TransferID{t.Portal, t.Book, t.Number} }

// In reports whether the transfer is one into the wallet.
func (t *Transfer) In() bool { return t.Credit == Wallet }

// TransferID names a transfer, in one word: "t42.docspace.io123", or
// "a42.docspace.io123" in the book of AI credit.
type TransferID struct {
	Portal string
	Book   Book
	Number int64
}

// String returns the word.
func (id TransferID) String() string {
	letter := "t"
	if id.Book == AI {
		letter = "a"
	}
	return letter + strconv.FormatInt(id.Number, 10) + "." + id.Portal
}

// ErrID says that a word is no id of the kind that was asked for.
var ErrID = errors.New("not such an id")

// ParseTransferID reads what String returned.
func ParseTransferID(word string) (TransferID, error) {
	for letter, book := range map[string]Book{"t": Main, "a": AI} {
		if number, portal, ok := parseID(letter, word); ok {
			return TransferID{portal, book, number}, nil
		}
	}
	return TransferID{}, fmt.Errorf("transfer %q: %w", word, ErrID)
}

// HoldID names a hold, in one word: "h7.docspace.io123".
type HoldID struct {
	Portal string
	Number int64
}

// String returns the word.
func (id HoldID) String() string {
	return "h" + strconv.FormatInt(id.Number, 10) + "." + id.Portal
}

// ParseHoldID reads what String returned.
func ParseHoldID(word string) (HoldID, error) {
	number, portal, ok := parseID("h", word)
	if !ok {
		return HoldID{}, fmt.Errorf("hold %q: %w", word, ErrID)
	}
	return HoldID{portal, number}, nil
}

// parseID reads a letter, a number without leading noughts, a dot, and a portal.
func parseID(letter, word string) (number int64, portal string, ok bool) {
	rest, ok := strings.CutPrefix(word, letter)
	digits, portal, dotted := strings.Cut(rest, ".")
	if !ok || !dotted || portal == "" {
		return 0, "", false
	}
	number, err := strconv.ParseInt(digits, 10, 64)
	return number, portal, err == nil && number > 0 && strconv.FormatInt(number, 10) == digits
}

// Metadata is what a caller wants kept with a transfer: a JSON object of texts,
// in one form, with its names sorted; "" for none.
type Metadata string

// NewMetadata returns the metadata with these texts.
func NewMetadata(texts map[string]string) Metadata {
	if len(texts) == 0 {
		return ""
	}
	text, err := json.Marshal(texts)
	if err != nil { // a map of texts can always be written
		panic(err)
	}
	return Metadata(text)
}

// Texts returns what NewMetadata was given; nil for none, or for what is no
// metadata.
func (m Metadata) Texts() map[string]string {
	if m == "" {
		return nil
	}
	var texts map[string]string
	if json.Unmarshal([]byte(m), &texts) != nil {
		return nil
	}
	return texts
}
