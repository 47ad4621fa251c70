package exporter

import (
	"strconv"
	"strings"
	"time"

	"github.com/bursarhq/bursar/money"
)

// The most that is shown of one portal, whatever it sends.
const (
	maxCurrencies = 16
	maxFeatures   = 64
	maxUpcoming   = 64
)

// sample is a number that a metric shows of a portal, as decimal text. The first label,
// the portal, is left out.
type sample struct {
	name   string
	value  string
	labels []string
}

// samples collects what is shown of a part, each once.
type samples struct {
	all  []sample
	seen map[string]bool
}

func (s *samples) add(name, value string, labels ...string) {
	place := name + "\x00" + strings.Join(labels, "\x00")
	if s.seen[place] {
		return // two that can't be told apart: the first it is
	}
	if s.seen == nil {
		s.seen = map[string]bool{}
	}
	s.seen[place] = true
	s.all = append(s.all, sample{name, value, labels})
}

func (s *samples) flag(name string, on bool, labels ...string) { s.add(name, flag(on), labels...) }

// amount adds an amount of money; one that is in no currency says nothing.
func (s *samples) amount(name string, a money.Amount, before ...string) {
	if c := a.Currency(); c.WellFormed() {
		s.add(name, a.Decimal(), append(before[:len(before):len(before)], string(c))...)
	}
}

// moment adds a time; the zero Time says nothing.
func (s *samples) moment(name string, at time.Time, labels ...string) {
	if !at.IsZero() {
		s.add(name, unix(at), labels...)
	}
}

func flag(on bool) string {
	if on {
		return "1"
	}
	return "0"
}

func whole(n int64) string { return strconv.FormatInt(n, 10) }

// unix writes a time as seconds since 1970, rounded down to milliseconds.
func unix(at time.Time) string { return thousandths(at.UnixMilli()) }

// seconds writes a duration as seconds, rounded down to milliseconds.
func seconds(d time.Duration) string { return thousandths(d.Milliseconds()) }

func thousandths(n int64) string {
	sign := ""
	if n < 0 {
		sign, n = "-", -n
	}
	text := sign + strconv.FormatInt(n/1000, 10)
	if rest := n % 1000; rest != 0 {
		text += "." + strconv.FormatInt(1000+rest, 10)[1:]
	}
	return text
}
