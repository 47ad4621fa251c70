package billing

import (
	"context"
	"fmt"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/store"
)

// contents is the table of contents of a filtered list: how many transfers of
// each block of a book's numbers are in it. A ledger is only ever added to, so
// what was counted once stays true for ever.
type contents struct {
	turn    chan struct{} // holds a token while somebody reads or counts
	counts  []uint16      // of the whole blocks that were read
	partial uint16        // of the block after them, as far as it was read
	upTo    int64         // the last number that was read
}

// blockSize is how many numbers a block has.
const blockSize = 256

// maxContents bounds the memory of contents: two bytes a block each.
const maxContents = 256

// contentsOf returns the contents of a filter, empty for a new one.
func (s *Service) contentsOf(portalID string, f OperationFilter) *contents {
	name := f.content(portalID)
	if c, ok := s.contents.Get(name); ok {
		return c
	}
	fresh := &contents{turn: make(chan struct{}, 1)}
	if c, ok, _ := s.contents.PeekOrAdd(name, fresh); ok {
		return c
	}
	return fresh
}

// enter waits until nobody else uses the contents; leave lets the next one in.
func (c *contents) enter(ctx context.Context) error {
	select {
	case c.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrTryAgain, ctx.Err())
	}
}

func (c *contents) leave() { <-c.turn }

// extend reads on until a number.
func (c *contents) extend(ctx context.Context, tx *store.Tx, portalID string, f OperationFilter, until int64) error {
	for c.upTo < until {
		if err := ctx.Err(); err != nil {
			return err
		}
		before, limit := c.upTo, int(min(until-c.upTo, 4*MaxOperations))
		if err := tx.TransfersFrom(portalID, f.Book, c.upTo+1, limit, func(t *ledger.Transfer) error {
			if f.has(t) {
				c.partial++
			}
			if c.upTo = t.Number; c.upTo%blockSize == 0 {
				c.counts, c.partial = append(c.counts, c.partial), 0
			}
			return nil
		}); err != nil {
			return err
		}
		if c.upTo == before {
			return fmt.Errorf("book %s of %s has a gap after number %d", f.Book, portalID, before)
		}
	}
	return nil
}

// rank returns how many transfers of the list come before a number.
func (c *contents) rank(tx *store.Tx, portalID string, f OperationFilter, number int64) (int64, error) {
	blocks := (number - 1) / blockSize
	rank := int64(0)
	for _, count := range c.counts[:blocks] {
		rank += int64(count)
	}
	first := blocks*blockSize + 1
	if first == number {
		return rank, nil
	}
	err := tx.TransfersFrom(portalID, f.Book, first, int(number-first), func(t *ledger.Transfer) error {
		if f.has(t) {
			rank++
		}
		return nil
	})
	return rank, err
}

// take returns so many transfers of the list from the one with this rank on.
func (c *contents) take(tx *store.Tx, portalID string, f OperationFilter, rank int64, count int) ([]ledger.Transfer, error) {
	block := 0
	for ; block < len(c.counts) && rank >= int64(c.counts[block]); block++ {
		rank -= int64(c.counts[block])
	}
	taken := make([]ledger.Transfer, 0, count)
	for ; len(taken) < count && int64(block)*blockSize < c.upTo; block++ {
		if block < len(c.counts) && c.counts[block] == 0 {
			continue
		}
		if err := tx.TransfersFrom(portalID, f.Book, int64(block)*blockSize+1, blockSize, func(t *ledger.Transfer) error {
			switch {
			case len(taken) == count || !f.has(t):
			case rank > 0:
				rank--
			default:
				taken = append(taken, *t)
			}
			return nil
		}); err != nil {
			return nil, err
		}
	}
	return taken, nil
}
