package store

import (
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/bursarhq/bursar/pgtest"
)

func TestChangeCountsTheVersionByOne(t *testing.T) {
	tests := map[string]func(tx *Tx) error{
		"nothing":      nothing,
		"one thing":    func(tx *Tx) error { return tx.PutUsage("room", 1) },
		"many things":  func(tx *Tx) error { return errors.Join(tx.PutUsage("room", 2), tx.PutServices([]int{-11, -12}, epoch)) },
		"the same":     func(tx *Tx) error { return tx.PutUsage("room", 2) },
		"a top-up":     func(tx *Tx) error { return tx.DeleteTopUpRule() },
		"a revocation": func(tx *Tx) error { return tx.RevokeKey("key-of-p", epoch) },
	}
	onEach(t, func(t *testing.T, s *Store) {
		furnish(t, s)
		other := versionOf(t, s, "q")
		for name, fn := range tests {
			before := versionOf(t, s, "p")
			change(t, s, "p", func(tx *Tx) error {
				if within, err := tx.Portal("p"); err != nil || within.Version != before+1 {
					t.Errorf("%s: within the change the version is %d (%v), want %d", name, within.Version, err, before+1)
				}
				return fn(tx)
			})
			if after := versionOf(t, s, "p"); after != before+1 {
				t.Errorf("%s: version %d became %d", name, before, after)
			}
		}
		if after := versionOf(t, s, "q"); after != other {
			t.Errorf("the other portal's version %d became %d", other, after)
		}
	})
}

func TestChangeSeesItsOwnWrites(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		furnish(t, s)
		change(t, s, "p", func(tx *Tx) error {
			if err := tx.PutUsage("room", 5); err != nil {
				return err
			}
			usage, err := tx.Usage("p")
			if usage["room"] != 5 {
				t.Errorf("usage within the change: %v", usage)
			}
			return err
		})
	})
}

// ends are the ways in which the function of a transaction may end without
// returning.
var ends = map[string]func(){
	"panic":    func() { panic("at the disco") },
	"nil call": func() { var fn func(); fn() },
	"Goexit":   runtime.Goexit,
}

// survive runs fn in a goroutine that it may bring down.
func survive(t *testing.T, fn func()) {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		defer func() { recover(); done <- nil }()
		fn()
	}()
	within(t, "the function", done)
}

func TestChangeThatPanicsIsUndone(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		furnish(t, s)
		before := dump(t, s)
		for name, end := range ends {
			t.Run(name, func(t *testing.T) {
				survive(t, func() {
					_ = s.Change(background, "p", func(tx *Tx) error {
						if err := tx.PutUsage("room", 99); err != nil {
							t.Error(err)
						}
						end()
						return nil
					})
				})
				survive(t, func() {
					_ = s.CreatePortal(background, Portal{ID: "new", CreatedAt: epoch}, nil, func(tx *Tx) error {
						end()
						return nil
					})
				})
				diff(t, "the database", dump(t, s), before)
			})
		}
		mustWork(t, s, "p")
	})
}

func TestReadThatPanicsCostsNoSession(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		furnish(t, s)
		for name, end := range ends {
			t.Run(name, func(t *testing.T) {
				for range 2 * cap(s.readers) {
					survive(t, func() {
						_ = s.Read(background, func(tx *Tx) error {
							_, err := tx.Portal("p")
							end()
							return err
						})
					})
					survive(t, func() { // in the middle of the rows of a query
						_ = s.Read(background, func(tx *Tx) error {
							return tx.rows("SELECT host FROM host", nil, func(func(...any) error) error {
								end()
								return nil
							})
						})
					})
				}
			})
		}
		mustWork(t, s, "p")
	})
}

func TestPanicReachesTheCaller(t *testing.T) {
	s := openWith(t, Config{InMemory: true})
	addPortal(t, s, "p")
	defer func() {
		if got := recover(); got != "at the disco" {
			t.Errorf("recovered %v", got)
		}
	}()
	_ = s.Change(t.Context(), "p", func(*Tx) error { panic("at the disco") })
}

func TestReadSeesOneMomentWhileAWriterCommits(t *testing.T) {
	onShared(t, readsOneMoment)
}

func readsOneMoment(t *testing.T, s, _ *Store) {
	addPortal(t, s, "p")
	usage := func(tx *Tx) (map[string]int64, error) { return tx.Usage("p") }
	err := s.Read(t.Context(), func(tx *Tx) error {
		before, err := tx.Portal("p")
		if err != nil {
			return err
		}
		change(t, s, "p", func(tx *Tx) error { return tx.PutUsage("room", 1) })
		after, err := tx.Portal("p")
		if err != nil {
			return err
		}
		used, err := tx.Usage("p")
		if after.Version != before.Version || len(used) != 0 {
			t.Errorf("version %d became %d, usage %v", before.Version, after.Version, used)
		}
		diff(t, "a read that begins now", read(t, s, usage), map[string]int64{"room": 1})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestNobodySeesAnUnfinishedChange(t *testing.T) {
	onShared(t, seesNothingUnfinished)
}

func seesNothingUnfinished(t *testing.T, s, _ *Store) {
	addPortal(t, s, "p")
	change(t, s, "p", func(tx *Tx) error {
		if err := tx.PutUsage("room", 1); err != nil {
			return err
		}
		if v := versionOf(t, s, "p"); v != 1 {
			t.Errorf("others see version %d", v)
		}
		diff(t, "others see usage", read(t, s, func(tx *Tx) (map[string]int64, error) { return tx.Usage("p") }), map[string]int64{})
		return nil
	})
}

// TestReadsAreOneMomentUnderLoad writes the same number in two places, and reads
// both.
func TestReadsAreOneMomentUnderLoad(t *testing.T) {
	const changes = 100
	onEach(t, func(t *testing.T, s *Store) {
		addPortal(t, s, "p")
		writer := running(func() error {
			for n := range int64(changes) {
				err := s.Change(background, "p", func(tx *Tx) error {
					return errors.Join(tx.PutUsage("room", n), tx.PutUsage("users", n))
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
		stop := make(chan struct{})
		var readers []<-chan error
		for range cap(s.readers) + 1 {
			readers = append(readers, running(func() error {
				last := int64(-1)
				for {
					err := s.Read(background, func(tx *Tx) error {
						first, err := tx.Usage("p")
						if err != nil {
							return err
						}
						runtime.Gosched()
						portal, err := tx.Portal("p")
						if err != nil {
							return err
						}
						second, err := tx.Usage("p")
						if err != nil {
							return err
						}
						if first["room"] != second["users"] {
							t.Errorf("%d and then %d", first["room"], second["users"])
						}
						if portal.Version > 1 && portal.Version != first["room"]+2 {
							t.Errorf("version %d with %d", portal.Version, first["room"])
						}
						if portal.Version < last {
							t.Errorf("version %d after %d", portal.Version, last)
						}
						last = portal.Version
						return nil
					})
					if err != nil {
						return err
					}
					select {
					case <-stop:
						return nil
					default:
					}
				}
			}))
		}
		if err := within(t, "the writer", writer); err != nil {
			t.Errorf("writer: %v", err)
		}
		close(stop)
		for _, reader := range readers {
			if err := within(t, "a reader", reader); err != nil {
				t.Errorf("reader: %v", err)
			}
		}
	})
}

func TestWritersDoNotLoseEachOthersChanges(t *testing.T) {
	const writers, changes = 4, 15
	dir := t.TempDir()
	folder := openIn(t, dir)
	memory := openWith(t, Config{InMemory: true})
	server := Config{URL: pgtest.Database(t)}
	tests := map[string][]*Store{
		"two stores on a server":   {openWith(t, server), openWith(t, server)},
		"one store in a folder":    {folder},
		"one store in memory":      {memory},
		"two stores on one folder": {folder, openIn(t, dir)},
	}
	for name, stores := range tests {
		t.Run(name, func(t *testing.T) {
			id := strings.ReplaceAll(name, " ", "-")
			addPortal(t, stores[0], id)
			numbers := make(chan int64, writers*changes)
			var all []<-chan error
			for w := range writers {
				s := stores[w%len(stores)]
				all = append(all, running(func() error {
					for range changes {
						err := s.Change(background, id, func(tx *Tx) error {
							used, err := tx.Usage(id)
							if err != nil {
								return err
							}
							return tx.PutUsage("room", used["room"]+1)
						})
						if err != nil {
							return err
						}
						n, err := s.NewAccountNumber(background)
						if err != nil {
							return err
						}
						numbers <- n
					}
					return nil
				}))
			}
			for _, writer := range all {
				if err := within(t, "a writer", writer); err != nil {
					t.Errorf("writer: %v", err)
				}
			}
			close(numbers)
			for _, s := range stores {
				if v := versionOf(t, s, id); v != 1+writers*changes {
					t.Errorf("version %d, want %d", v, 1+writers*changes)
				}
				used := read(t, s, func(tx *Tx) (map[string]int64, error) { return tx.Usage(id) })
				if used["room"] != writers*changes {
					t.Errorf("counted %d, want %d", used["room"], writers*changes)
				}
			}
			seen := map[int64]bool{}
			for n := range numbers {
				if seen[n] {
					t.Errorf("account number %d was given twice", n)
				}
				seen[n] = true
			}
		})
	}
}

func TestTimesAreKeptToTheMicrosecondInUTC(t *testing.T) {
	s := openWith(t, Config{InMemory: true})
	for id, at := range map[string]time.Time{
		"far":      time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC),
		"before":   time.Date(1969, 12, 31, 23, 59, 59, 0, time.UTC),
		"unix":     time.Unix(0, 0),
		"elsewhen": time.Date(2026, 3, 29, 2, 30, 0, 1_999, time.FixedZone("east", 5*3600+1800)),
	} {
		if err := s.CreatePortal(t.Context(), Portal{ID: id, CreatedAt: at}, nil, nothing); err != nil {
			t.Fatal(err)
		}
		got := read(t, s, func(tx *Tx) (Portal, error) { return tx.Portal(id) }).CreatedAt
		if !got.Equal(at.Truncate(time.Microsecond)) || got.Location() != time.UTC {
			t.Errorf("%s: %s came back as %s", id, at, got)
		}
	}
}
