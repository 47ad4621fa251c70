package export

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"time"

	"github.com/bursarhq/bursar/docspace"
)

// identity is what an operation is known by: what the accounting recorded, and not
// how the portal words it. Names of people and agents change, descriptions change
// with versions and languages, offsets change with the portal's zone: the operation
// stays what it was. Several may have the same identity; then it is their number that
// counts.
type identity [16]byte

// wording is all that a portal says of an operation, to tell those apart that have one
// identity.
type wording [8]byte

// moment is when something happened, in ticks since 1970.
type moment int64

func momentOf(o *docspace.Operation) moment {
	return moment(o.Date.Unix()*int64(time.Second/tick) + int64(o.Date.Nanosecond())/int64(tick))
}

// identify returns what an operation is known by.
func identify(o *docspace.Operation) (id identity) {
	var b []byte
	for _, text := range []string{
		string(o.Type), o.Service, string(o.Credit.Currency()), string(o.Debit.Currency()), o.ParticipantName, o.AgentID,
		strconv.FormatInt(o.Credit.Units(), 10), strconv.FormatInt(o.Debit.Units(), 10), strconv.FormatInt(o.Quantity, 10),
	} {
		b = appendText(b, text)
	}
	b = binary.BigEndian.AppendUint64(b, uint64(momentOf(o)))
	sum := sha256.Sum256(b)
	copy(id[:], sum[:])
	return id
}

// word returns the wording of an operation.
func word(o *docspace.Operation) (w wording) {
	var b []byte
	for _, text := range []string{o.Description, o.Details, o.ServiceUnit, o.ParticipantDisplayName, o.AgentTitle} {
		b = appendText(b, text)
	}
	sum := sha256.Sum256(b)
	copy(w[:], sum[:])
	return w
}

// appendText appends a text with its length, so that no two lists of texts look alike.
func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

func (id identity) String() string { return hex.EncodeToString(id[:]) }
func (w wording) String() string   { return hex.EncodeToString(w[:]) }
