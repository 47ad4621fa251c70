package reconcile

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/bursarhq/bursar/disk"
	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/money"
)

// ErrState says that a file of earlier runs can't be used.
var ErrState = errors.New("state of earlier runs")

// Memory is what a run remembers of a wallet for the next one: when it was, what there
// was, and eight bytes of each operation, which say nothing of it but whether it is the
// same.
type Memory struct {
	// At is when it was, From from when on operations were read, the zero Time: all.
	At   time.Time `json:"at"`
	From time.Time `json:"from,omitzero"`
	// Through is when the last operation happened.
	Through time.Time `json:"through,omitzero"`
	// Reported is what the portal said that there was.
	Reported []money.Amount `json:"reported"`
	// Days are the operations of each day of UTC, as base64.
	Days map[string]string `json:"days"`
}

// reported returns what there was in a currency.
func (m *Memory) reported(c money.Currency) (money.Amount, bool) {
	if m == nil {
		return money.Amount{}, false
	}
	for _, a := range m.Reported {
		if a.Currency() == c {
			return a, true
		}
	}
	return money.Amount{}, false
}

// digest is what is remembered of an operation. What a portal words in the reader's
// language, and in which zone it names the moment, is no part of it.
func digest(o *docspace.Operation) uint64 {
	change := fleet.Change(o)
	text := fmt.Appendf(nil, "%d\x00%q\x00%d\x00%q\x00%s\x00%s\x00%q\x00%q", o.Date.UnixMicro(), o.Service, o.Quantity, o.Type,
		change.Currency(), change.Decimal(), o.ParticipantName, o.AgentID)
	sum := sha256.Sum256(text)
	return binary.BigEndian.Uint64(sum[:8])
}

func dayOf(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// sighting says what an earlier run knows of an operation.
type sighting int

const (
	known     sighting = iota // it was seen, or nobody can tell
	following                 // it comes after what was read then
	appeared                  // it was not there, where it should have been
)

// remembering compares operations with what an earlier run remembers, and remembers
// them for the next. It keeps counts of one day, of the earlier run, at a time.
type remembering struct {
	from    time.Time
	earlier *Memory
	day     string
	left    map[uint64]int // of the day, that were not seen yet
	gone    []lostDay
	now     map[string][]byte
	checked map[string]bool
}

// lostDay is a day of which something vanished.
type lostDay struct {
	day string
	n   int
}

func newRemembering(from time.Time, earlier *Memory) *remembering {
	return &remembering{from: from, earlier: earlier, now: map[string][]byte{}, checked: map[string]bool{}}
}

// covers reports whether all that the earlier run went past is read now too.
func (r *remembering) covers() bool {
	return r.earlier != nil && (r.from.IsZero() || !r.from.After(r.earlier.Through))
}

// see notes an operation, and says what is known of it.
func (r *remembering) see(o *docspace.Operation) sighting {
	day, sum := dayOf(o.Date.Time), digest(o)
	r.now[day] = binary.BigEndian.AppendUint64(r.now[day], sum)
	if r.earlier == nil {
		return known
	}
	if day != r.day {
		r.turn(day)
	}
	switch {
	case r.left[sum] > 0:
		r.left[sum]--
		return known
	case r.earlier.Through.IsZero() || !o.Date.Before(r.earlier.Through):
		return following
	case o.Date.Before(r.earlier.From):
		return known
	}
	return appeared
}

// turn goes on to another day.
func (r *remembering) turn(day string) {
	r.endDay()
	r.day, r.left = day, map[uint64]int{}
	r.checked[day] = true
	for _, sum := range sumsOf(r.earlier.Days[day]) {
		r.left[sum]++
	}
}

// endDay counts what an earlier run saw of a day, and this one did not. Of the day on
// which reading begins nobody knows.
func (r *remembering) endDay() {
	n := 0
	for _, left := range r.left {
		n += left
	}
	if n > 0 && r.whole(r.day) {
		r.gone = append(r.gone, lostDay{r.day, n})
	}
}

// whole reports whether all of a day is read.
func (r *remembering) whole(day string) bool { return r.from.IsZero() || day > dayOf(r.from) }

func sumsOf(text string) (all []uint64) {
	raw, _ := base64.StdEncoding.DecodeString(text) // Load has checked it
	for len(raw) >= 8 {
		all, raw = append(all, binary.BigEndian.Uint64(raw)), raw[8:]
	}
	return all
}

// judge notes what vanished.
func (r *remembering) judge(b *Book) {
	if r.earlier == nil {
		return
	}
	r.endDay()
	r.left = nil
	for _, day := range slices.Sorted(maps.Keys(r.earlier.Days)) {
		if n := len(sumsOf(r.earlier.Days[day])); !r.checked[day] && n > 0 && r.whole(day) {
			r.gone = append(r.gone, lostDay{day, n})
		}
	}
	slices.SortFunc(r.gone, func(x, y lostDay) int { return bytes.Compare([]byte(x.day), []byte(y.day)) })
	for _, lost := range r.gone {
		at, _ := time.Parse(time.DateOnly, lost.day) // it was made by Format
		b.find(Finding{Code: Vanished, Severity: Wrong, At: at, More: lost.n,
			Text: fmt.Sprintf("of the operations of %s that an earlier run saw, %d are gone, or are others now", lost.day, lost.n)})
	}
}

// Memory returns what the next run is to know; nil when this one did not see enough to
// compare with: see Facts.Quiet.
func (b *Book) Memory(f Facts) *Memory {
	if f.Balance == nil || !f.Quiet || b.disordered {
		return nil
	}
	m := &Memory{At: f.Now, From: b.config.From, Through: b.last, Days: map[string]string{}}
	for _, sub := range f.Balance.SubAccounts {
		if sub.Amount.Currency().WellFormed() {
			m.Reported = append(m.Reported, sub.Amount)
		}
	}
	if e := b.config.Earlier; e != nil && b.memory.covers() {
		if !m.From.IsZero() && e.From.Before(m.From) {
			m.From = e.From
		}
		if e.Through.After(m.Through) {
			m.Through = e.Through
		}
		for day, sums := range e.Days {
			if !b.memory.whole(day) {
				m.Days[day] = sums
			}
		}
	}
	for day, sums := range b.memory.now {
		m.Days[day] = merged(m.Days[day], sums)
	}
	return m
}

// merged adds to the operations of a day those that are not among them.
func merged(before string, now []byte) string {
	have := map[uint64]int{}
	sums := sumsOf(before)
	for _, sum := range sums {
		have[sum]++
	}
	for len(now) >= 8 {
		sum := binary.BigEndian.Uint64(now)
		if now = now[8:]; have[sum] > 0 {
			have[sum]--
			continue
		}
		sums = append(sums, sum)
	}
	slices.Sort(sums)
	var raw []byte
	for _, sum := range sums {
		raw = binary.BigEndian.AppendUint64(raw, sum)
	}
	return base64.StdEncoding.EncodeToString(raw)
}

// State is a file of what earlier runs remember, by wallet, which no other process has
// until Close. Its methods may be called at once.
type State struct {
	path    string
	held    *disk.Held
	mu      sync.Mutex
	wallets map[string]*Memory
}

// stateFile is what stands in it.
type stateFile struct {
	Version int                `json:"version"`
	Wallets map[string]*Memory `json:"wallets"`
}

const stateVersion = 1

// lockSuffix is how the name of the file ends that is locked: the state itself is put in
// the place of another.
const lockSuffix = ".lock"

// OpenState takes a file and reads it; one that is not there remembers nothing. It fails
// with ErrState, and with disk.ErrBusy while another run has it: of two that read the
// same, the second to write would forget what the first has seen.
func OpenState(path string) (s *State, err error) {
	if to, err := filepath.EvalSymlinks(path); err == nil {
		path = to // by whichever name, it is one
	}
	held, err := disk.Lock(path + lockSuffix)
	if err != nil {
		return nil, fmt.Errorf("take the state of earlier runs: %w", err)
	}
	s = &State{path: path, held: held, wallets: map[string]*Memory{}}
	if err := s.load(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *State) load() error {
	text, err := os.ReadFile(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the state of earlier runs: %w", err)
	}
	var file stateFile
	if err := json.Unmarshal(text, &file); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrState, s.path, err)
	}
	if file.Version != stateVersion {
		return fmt.Errorf("%w: %s: version %d is not %d", ErrState, s.path, file.Version, stateVersion)
	}
	for name, m := range file.Wallets {
		if err := m.check(); err != nil {
			return fmt.Errorf("%w: %s: %s: %w", ErrState, s.path, name, err)
		}
		s.wallets[name] = m
	}
	return nil
}

// Close lets others have the file. What was not saved is forgotten.
func (s *State) Close() error { return s.held.Unlock() }

func (m *Memory) check() error {
	if m == nil {
		return errors.New("there is nothing in it")
	}
	for day, text := range m.Days {
		if _, err := time.Parse(time.DateOnly, day); err != nil {
			return err
		}
		if raw, err := base64.StdEncoding.DecodeString(text); err != nil || len(raw)%8 != 0 {
			return fmt.Errorf("the operations of %s are damaged", day)
		}
	}
	return nil
}

// Of returns what is remembered of a wallet; nil for nothing.
func (s *State) Of(wallet string) *Memory {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wallets[wallet]
}

// Put remembers a wallet; nil leaves what is remembered.
func (s *State) Put(wallet string, m *Memory) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m != nil {
		s.wallets[wallet] = m
	}
}

// Save writes the file whole or not at all, for its owner alone.
func (s *State) Save() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	text, err := json.Marshal(stateFile{stateVersion, s.wallets})
	if err != nil {
		return fmt.Errorf("write the state of earlier runs: %w", err)
	}
	return disk.WriteWhole(s.path, append(text, '\n'))
}
