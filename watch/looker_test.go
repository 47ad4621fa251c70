package watch_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/docspacetest"
	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/watch"
)

// watched is a portal, and what looks at it and at one that is down, by the portal's
// clock.
func watched(t *testing.T) (*docspacetest.Portal, *watch.Looker) {
	t.Helper()
	p := docspacetest.New(t)
	return p, &watch.Looker{
		Reader: &fleet.Reader{Keys: &fleet.Keys{}, Timeout: 2 * time.Minute},
		Portals: []fleet.Profile{
			{Name: "acme", URL: p.URL, Key: fleet.Key{Plain: p.Key}},
			{Name: "keyless", URL: p.URL, Key: fleet.Key{Variable: "NO_SUCH_KEY"}},
		},
		Now: p.Now,
	}
}

func look(t *testing.T, l *watch.Looker) map[string]watch.Answer {
	t.Helper()
	all := map[string]watch.Answer{}
	if err := l.Look(t.Context(), func(a watch.Answer) error { all[a.Name] = a; return nil }); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestLookingAtPortals(t *testing.T) {
	p, l := watched(t)
	all := look(t, l)
	if err := all["keyless"].Err; !errors.Is(err, fleet.ErrKey) {
		t.Errorf("without a key: %v", err)
	}
	a := all["acme"]
	if a.Err != nil || len(a.Failed) > 0 || a.Balance == nil || a.Runway == nil || !a.At.Equal(p.Now()) {
		t.Fatalf("%+v", a)
	}
	past := a.Past["USD"]
	if len(past) == 0 || past[len(past)-1] != money.FromUnits(148.5e8, "USD") {
		t.Errorf("the past is %v", past)
	}
	// The days are read once an hour, all else each time.
	const list = "/operations"
	before := p.Requests(list)
	p.Charge(billing.Charge{Service: "backup", Quantity: 1, Amount: money.FromUnits(1e8, "USD")})
	a = look(t, l)["acme"]
	each := p.Requests(list) - before
	if a.Past != nil || a.Balance.SubAccounts[0].Amount != money.FromUnits(147.5e8, "USD") {
		t.Errorf("the second look: past %v, balance %v", a.Past, a.Balance.SubAccounts)
	}
	p.Advance(time.Hour)
	before = p.Requests(list)
	if a = look(t, l)["acme"]; a.Past == nil || p.Requests(list)-before <= each {
		t.Errorf("an hour later the past is not read: %v", a.Past)
	}
}

// A look takes no more requests than is promised, which the shortest interval is made of.
func TestRequestsPerLook(t *testing.T) {
	p, l := watched(t)
	before := p.Requests("")
	look(t, l)
	if n := p.Requests("") - before; n < 5 || n > watch.RequestsPerLook {
		t.Errorf("%d requests", n)
	}
}

func TestLookingEnds(t *testing.T) {
	_, l := watched(t)
	full := errors.New("the disk is full")
	if err := l.Look(t.Context(), func(watch.Answer) error { return full }); !errors.Is(err, full) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Look(ctx, func(watch.Answer) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// terminal is what a program writes to; seen is told once the text is in it.
type terminal struct {
	mu   sync.Mutex
	all  bytes.Buffer
	text string
	seen func()
}

func (w *terminal) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all.Write(b)
	if w.seen != nil && strings.Contains(w.all.String(), w.text) {
		go w.seen()
		w.seen = nil
	}
	return len(b), nil
}

// The screen runs as a program, over a portal that is there.
func TestScreenAsProgram(t *testing.T) {
	_, l := watched(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	screen := &watch.Screen{
		Board: watch.NewBoard([]string{"acme", "keyless"}), Done: ctx.Done(), Interval: time.Hour, Now: time.Now, Tick: tea.Tick,
		Look: func(done func(watch.Answer) error) error { return l.Look(ctx, done) },
	}
	out := &terminal{text: "148.50"}
	program := tea.NewProgram(screen, tea.WithContext(ctx), tea.WithInput(nil), tea.WithOutput(out), tea.WithWindowSize(80, 24),
		tea.WithEnvironment([]string{"TERM=xterm-256color", "NO_COLOR=1"}), tea.WithoutSignals())
	out.seen = func() { program.Send(tea.KeyPressMsg{Code: 'q', Text: "q"}) }
	if _, err := program.Run(); err != nil {
		t.Fatalf("%v; the screen:\n%q", err, out.all.String())
	}
	out.mu.Lock()
	defer out.mu.Unlock()
	if text := out.all.String(); !strings.Contains(text, "acme") || strings.Contains(text, "\x1b[31m") {
		t.Errorf("%q", text)
	}
}
