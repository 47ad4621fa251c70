package store

import (
	"context"
	"errors"
)

// Where names a portal: by a host (lower case) or else by its id. The zero Where
// is the portal that is alone in the database.
type Where struct {
	Host, PortalID string
	// Operators names no portal but the operator keys: their Address has a
	// Version that counts their changes, and nothing else.
	Operators bool
}

// Known is the address of a portal as it was at some moment; without PortalID
// there was none. The zero Known knows nothing. Two that are equal say the same.
type Known struct {
	Address
	// The engine's own, which says that nothing at all has changed: SQLite's
	// number, if it was asked, or PostgreSQL's snapshot.
	generation int64
	asked      bool
	mark       mark
	snapshot   string
}

// Locate returns the address of a portal as of no earlier than the call. What is
// known of it from the last time saves the question where nothing has changed. It
// fails with ErrNotFound when there is no such portal; what it returns with that
// is worth keeping too.
func (s *Store) Locate(ctx context.Context, where Where, known Known) (Known, error) {
	if s.locator != nil {
		return s.locator.ask(ctx, where, known)
	}
	generation, err := s.generation()
	switch {
	case err != nil:
		return Known{}, err
	case !known.asked || known.generation != generation:
		return s.relocate(ctx, where, known, generation)
	case known.Address == Address{}:
		return known, ErrNotFound
	}
	return known, nil
}

// relocate is for another generation than the one that something is known of: it
// may be so nevertheless.
func (s *Store) relocate(ctx context.Context, where Where, known Known, generation int64) (Known, error) {
	if s.index == nil {
		return s.lookUp(ctx, where, Known{generation: generation, asked: true})
	}
	later, now, same, err := s.trail.locate(s.index, known.mark, known.PortalID)
	if err != nil {
		return Known{}, err
	}
	if later != 0 {
		generation = later
	}
	if !known.asked || !same {
		return s.lookUp(ctx, where, Known{generation: generation, asked: true, mark: now})
	}
	known.generation, known.mark = generation, now
	if known.Address == (Address{}) {
		return known, ErrNotFound
	}
	return known, nil
}

// lookUp asks for an address, after the generation was.
func (s *Store) lookUp(ctx context.Context, where Where, known Known) (Known, error) {
	err := s.Read(ctx, func(tx *Tx) (err error) {
		switch {
		case where.Operators:
			known.Address, err = tx.operators()
		case where.Host != "":
			known.Address, err = tx.Address(where.Host)
		case where.PortalID != "":
			known.Address, err = tx.AddressByID(where.PortalID)
		default:
			known.Address, err = tx.OnlyAddress()
		}
		return err
	})
	if errors.Is(err, ErrNotFound) {
		known.Address = Address{}
		return known, ErrNotFound
	}
	if err != nil {
		return Known{}, err
	}
	return known, nil
}
