package export

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"os"
	"strconv"

	"github.com/bursarhq/bursar/docspace"
)

// What was ever in a file is remembered a line an operation, in the order of time:
// when, what it is known by, how it was worded. The last line says how many there are.

// entry is one of them.
type entry struct {
	at  moment
	id  identity
	how wording
}

// seenWriter writes a file of entries.
type seenWriter struct {
	file *os.File
	out  *bufio.Writer
	rows int64
}

func newSeen(path string) (*seenWriter, error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	return &seenWriter{file: file, out: bufio.NewWriterSize(file, 64<<10)}, nil
}

func (w *seenWriter) add(all ...entry) error {
	for _, e := range all {
		if _, err := fmt.Fprintf(w.out, "%d %v %v\n", e.at, e.id, e.how); err != nil {
			return err
		}
		w.rows++
	}
	return nil
}

// close ends the file, which is on the disk then.
func (w *seenWriter) close() error {
	_, err := fmt.Fprintf(w.out, "end %d\n", w.rows)
	return errors.Join(err, w.out.Flush(), w.file.Sync(), w.file.Close())
}

// entries returns what is in a file; "" has nothing.
func entries(path string) iter.Seq2[entry, error] {
	return func(yield func(entry, error) bool) {
		if path == "" {
			return
		}
		file, err := os.Open(path)
		if err != nil {
			yield(entry{}, fmt.Errorf("%w: %w", ErrState, err))
			return
		}
		defer file.Close()
		lines := bufio.NewReaderSize(file, 64<<10)
		for n := int64(0); ; n++ {
			line, err := lines.ReadSlice('\n')
			if err == nil && string(line) == fmt.Sprintf("end %d\n", n) {
				if _, err = lines.ReadByte(); errors.Is(err, io.EOF) {
					return
				}
			}
			e, ok := parseEntry(line)
			if err != nil || !ok {
				yield(entry{}, fmt.Errorf("%w: %s, line %d", ErrState, path, n+1))
				return
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

func parseEntry(line []byte) (e entry, ok bool) {
	cells := bytes.Split(bytes.TrimSuffix(line, []byte("\n")), []byte(" "))
	if len(cells) != 3 || len(cells[1]) != 2*len(e.id) || len(cells[2]) != 2*len(e.how) {
		return e, false
	}
	at, err := strconv.ParseInt(string(cells[0]), 10, 64)
	if err != nil {
		return e, false
	}
	e.at = moment(at)
	_, err = hex.Decode(e.id[:], cells[1])
	if err == nil {
		_, err = hex.Decode(e.how[:], cells[2])
	}
	return e, err == nil
}

// news gives each operation that is not remembered, and writes down all that is to be
// remembered from then on: what was, whether the portal still tells it or not, and what
// is new. Both the operations and what is remembered come in the order of time, so that
// only what happened at one moment is in memory.
func news(old iter.Seq2[entry, error], all iter.Seq2[*docspace.Operation, error], remember *seenWriter, give func(*docspace.Operation) error) error {
	past := &past{}
	var stop func()
	past.next, stop = iter.Pull2(old)
	defer stop()
	past.step()
	var group []*docspace.Operation
	compared := func() error {
		at := momentOf(group[0])
		if err := past.until(at, remember); err != nil {
			return err
		}
		same, err := past.at(at)
		if err != nil {
			return err
		}
		fresh, now := compare(same, group)
		group = group[:0]
		for _, o := range fresh {
			if err := give(o); err != nil {
				return err
			}
		}
		return remember.add(now...)
	}
	for o, err := range all {
		if err == nil && len(group) > 0 && momentOf(group[0]) != momentOf(o) {
			err = compared()
		}
		if err != nil {
			return err
		}
		group = append(group, o)
	}
	if len(group) > 0 {
		if err := compared(); err != nil {
			return err
		}
	}
	return past.until(math.MaxInt64, remember)
}

// past is what is remembered, one after the other.
type past struct {
	next func() (entry, error, bool)
	one  entry
	err  error
	more bool
}

func (p *past) step() { p.one, p.err, p.more = p.next() }

// until keeps all that was before a moment.
func (p *past) until(at moment, remember *seenWriter) error {
	for ; p.more && (p.err != nil || p.one.at < at); p.step() {
		if p.err != nil {
			return p.err
		}
		if err := remember.add(p.one); err != nil {
			return err
		}
	}
	return nil
}

// at returns what was at a moment.
func (p *past) at(at moment) (same []entry, err error) {
	for ; p.more && (p.err != nil || p.one.at == at); p.step() {
		if p.err != nil {
			return nil, p.err
		}
		same = append(same, p.one)
	}
	return same, nil
}

// compare returns those operations of one moment that are new, and what is to be
// remembered of it. Of some with one identity, as many are new as there are more of
// them than before: those whose wording is not known, and of these the last.
func compare(old []entry, all []*docspace.Operation) (fresh []*docspace.Operation, now []entry) {
	type alike struct {
		old []wording
		all []*docspace.Operation
	}
	groups, order := map[identity]*alike{}, []identity(nil)
	group := func(id identity) *alike {
		if groups[id] == nil {
			groups[id], order = &alike{}, append(order, id)
		}
		return groups[id]
	}
	var at moment
	for _, e := range old {
		at = e.at
		g := group(e.id)
		g.old = append(g.old, e.how)
	}
	for _, o := range all {
		at = momentOf(o)
		g := group(identify(o))
		g.all = append(g.all, o)
	}
	isNew := map[*docspace.Operation]bool{}
	for _, id := range order {
		g := groups[id]
		for _, o := range newest(g.old, g.all) {
			isNew[o] = true
		}
		if len(g.all) < len(g.old) { // some are not told any more, but were
			for _, how := range g.old {
				now = append(now, entry{at, id, how})
			}
			continue
		}
		for _, o := range g.all {
			now = append(now, entry{at, id, word(o)})
		}
	}
	for _, o := range all { // in the portal's order
		if isNew[o] {
			fresh = append(fresh, o)
		}
	}
	return fresh, now
}

// newest returns those that are more than there were, of operations with one identity.
func newest(old []wording, all []*docspace.Operation) []*docspace.Operation {
	more := len(all) - len(old)
	if more <= 0 {
		return nil
	}
	known := map[wording]int{}
	for _, how := range old {
		known[how]++
	}
	var unknown []*docspace.Operation
	for _, o := range all {
		if how := word(o); known[how] > 0 {
			known[how]--
		} else {
			unknown = append(unknown, o)
		}
	}
	return unknown[len(unknown)-more:]
}
