package watch_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/watch"
)

var update = flag.Bool("update", false, "rewrite the goldens in testdata")

// desk is a screen with somebody in front of it: time passes when told, and each look
// brings the next of the rounds.
type desk struct {
	t      *testing.T
	screen *watch.Screen
	now    time.Time
	rounds [][]watch.Answer
	looks  int
	quit   bool
}

func newDesk(t *testing.T, names []string, rounds ...[]watch.Answer) *desk {
	t.Helper()
	d := &desk{t: t, now: noon, rounds: rounds}
	d.screen = &watch.Screen{
		Board: watch.NewBoard(names), Done: t.Context().Done(), Interval: time.Minute, Now: func() time.Time { return d.now },
		Tick: func(time.Duration, func(time.Time) tea.Msg) tea.Cmd { return nil }, // tick is called by hand
		Look: func(done func(watch.Answer) error) error {
			round := d.rounds[min(d.looks, len(d.rounds)-1)]
			d.looks++
			for _, a := range round {
				if err := done(a); err != nil {
					return err
				}
			}
			return nil
		},
	}
	return d
}

// run has a command done, with all that comes of it.
func (d *desk) run(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	switch m := cmd().(type) {
	case nil:
	case tea.QuitMsg:
		d.quit = true
	case tea.BatchMsg:
		for _, one := range m {
			d.run(one)
		}
	default:
		d.send(m)
	}
}

func (d *desk) send(m tea.Msg) {
	_, cmd := d.screen.Update(m)
	d.run(cmd)
}

// keys presses keys: runes, or names in angle brackets.
func (d *desk) keys(text string) *desk {
	special := map[string]rune{
		"enter": tea.KeyEnter, "esc": tea.KeyEscape, "up": tea.KeyUp, "down": tea.KeyDown, "end": tea.KeyEnd, "home": tea.KeyHome,
		"backspace": tea.KeyBackspace, "pgdown": tea.KeyPgDown,
	}
	for text != "" {
		if strings.HasPrefix(text, "<") {
			name, rest, _ := strings.Cut(text[1:], ">")
			d.send(tea.KeyPressMsg{Code: special[name]})
			text = rest
			continue
		}
		r := []rune(text)[0]
		d.send(tea.KeyPressMsg{Code: r, Text: string(r)})
		text = strings.TrimPrefix(text, string(r))
	}
	return d
}

// wait lets time pass, and the clock tick once after it.
func (d *desk) wait(long time.Duration) *desk {
	d.now = d.now.Add(long)
	d.send(watch.TickForTest())
	return d
}

// sees returns what is on the screen, without its styles. No line is wider than it.
func (d *desk) sees(width, height int) string {
	d.t.Helper()
	d.send(tea.WindowSizeMsg{Width: width, Height: height})
	text := d.screen.View().Content
	lines := strings.Split(text, "\n")
	if len(lines) != height {
		d.t.Errorf("%d lines on a screen of %d", len(lines), height)
	}
	for i, line := range lines {
		if n := ansi.StringWidth(line); n > width {
			d.t.Errorf("line %d takes %d columns of %d: %q", i, n, width, line)
		}
		lines[i] = strings.TrimRight(ansi.Strip(line), " ")
	}
	return strings.Join(lines, "\n") + "\n"
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (go test ./watch -update writes it)", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("not as in %s (-golden +now):\n%s", file, diff)
	}
}

// company is some portals, and three looks at them: all is well, then something
// changes, then some fail.
func company() (names []string, rounds [][]watch.Answer) {
	wide := "日本語のポータル" // no profile is called so, but hosts may be
	names = []string{"acme", "beta.example.com", "gone", wide, "warehouse.example.com"}
	later, last := noon.Add(time.Minute), noon.Add(2*time.Minute)
	round := func(at time.Time, spent int64) []watch.Answer {
		return []watch.Answer{
			answer("acme", at, pocket{cents(14850-spent, "USD"), 32}, pocket{cents(2500, "EUR"), -1}),
			answer("beta.example.com", at, pocket{cents(123456789, "JPY"), 365}),
			refused("gone", at),
			answer(wide, at, pocket{cents(990, "EUR"), 5}),
			answer("warehouse.example.com", at),
		}
	}
	second := round(later, 120)
	second[4].TopUp.Enabled = false
	third := []watch.Answer{
		without(round(last, 120)[0], docspace.PartBalance, fleet.PartRunway),
		refused("beta.example.com", last), refused("gone", last), round(last, 120)[3], second[4],
	}
	third[4].At = last
	return names, [][]watch.Answer{round(noon, 0), second, third}
}

func TestScreen(t *testing.T) {
	for _, row := range []struct {
		name string
		do   func(d *desk)
	}{
		{"first", func(*desk) {}},
		{"changed", func(d *desk) { d.wait(time.Minute) }},
		{"failing", func(d *desk) { d.wait(time.Minute).wait(time.Minute).wait(40 * time.Second) }},
		{"details", func(d *desk) { d.wait(time.Minute).wait(time.Minute).wait(5 * time.Second).keys("<enter>") }},
		{"details-of-another", func(d *desk) { d.wait(time.Minute).keys("<down><down><enter>") }},
		{"filter", func(d *desk) { d.keys("/eur") }},
		{"filtered", func(d *desk) { d.keys("/eu<backspace>ur<enter>s") }},
		{"nothing-found", func(d *desk) { d.keys("/zzz<enter>") }},
		{"by-lasts", func(d *desk) { d.keys("s") }},
		{"by-change", func(d *desk) { d.wait(time.Minute).keys("sss") }},
		{"by-failure", func(d *desk) { d.keys("ssss") }},
	} {
		t.Run(row.name, func(t *testing.T) {
			names, rounds := company()
			d := newDesk(t, names, rounds...)
			d.run(d.screen.Init())
			row.do(d)
			golden(t, row.name+"-80x24", d.sees(80, 24))
			golden(t, row.name+"-40x20", d.sees(40, 20))
		})
	}
	t.Run("wide", func(t *testing.T) {
		names, rounds := company()
		d := newDesk(t, names, rounds...)
		d.run(d.screen.Init())
		golden(t, "wide-130x14", d.wait(time.Minute).sees(130, 14))
	})
}

// A screen that is not known yet, or hardly one, shows what it can.
func TestSmallScreens(t *testing.T) {
	names, rounds := company()
	d := newDesk(t, names, rounds...)
	if text := d.screen.View().Content; text != "" {
		t.Errorf("on a screen of no size: %q", text)
	}
	d.run(d.screen.Init())
	for _, size := range [][2]int{{1, 1}, {3, 2}, {10, 3}, {20, 5}, {57, 4}, {58, 9}, {77, 9}, {78, 9}, {110, 5}, {400, 100}} {
		d.sees(size[0], size[1])
		d.keys("<enter>")
		d.sees(size[0], size[1])
		d.keys("<esc>")
	}
}

// Hundreds of portals are scrolled through; the selected one is always on the screen.
func TestScrolling(t *testing.T) {
	var names []string
	var round []watch.Answer
	for i := range 500 {
		names = append(names, fmt.Sprintf("portal%03d", i))
		a := answer(names[i], noon, pocket{cents(int64(i), "USD"), 9}, pocket{cents(int64(i), "EUR"), 9})
		if i%3 == 0 {
			a = without(a, docspace.PartQuota)
		}
		round = append(round, a)
	}
	d := newDesk(t, names, round)
	d.run(d.screen.Init())
	at := 0
	for _, step := range []struct {
		key string
		by  int
	}{{"<down>", 1}, {"<down>", 1}, {"<pgdown>", 20}, {"<pgdown>", 20}, {"<up>", -1}, {"G", 1000}, {"<up>", -1}, {"<home>", -1000}, {"j", 1}, {"k", -1}, {"k", -1}} {
		d.sees(80, 24)
		d.keys(step.key)
		at = min(max(at+step.by, 0), 499)
		if want := fmt.Sprintf("› portal%03d", at); !strings.Contains(d.sees(80, 24), want) {
			t.Errorf("after %s there is no %q:\n%s", step.key, want, d.sees(80, 24))
		}
	}
}

// A look begins when it is due, or when somebody asks, and not while another goes on.
func TestLooking(t *testing.T) {
	names, rounds := company()
	d := newDesk(t, names, rounds...)
	d.run(d.screen.Init())
	for _, row := range []struct {
		do   func()
		want int
	}{
		{func() {}, 1},
		{func() { d.wait(59 * time.Second) }, 1},
		{func() { d.wait(time.Second) }, 2},
		{func() { d.keys("r") }, 3},
		{func() { d.wait(30 * time.Second) }, 3},
		{func() { d.wait(30 * time.Second) }, 4},
	} {
		if row.do(); d.looks != row.want {
			t.Errorf("%d looks, not %d", d.looks, row.want)
		}
	}
	_, first := d.screen.Update(tea.KeyPressMsg{Code: 'r', Text: "r"})
	if _, second := d.screen.Update(tea.KeyPressMsg{Code: 'r', Text: "r"}); first == nil || second != nil {
		t.Error("two looks go on at once")
	}
	if !strings.Contains(d.sees(80, 24), "looking 0/5") {
		t.Errorf("the screen does not say that it looks:\n%s", d.sees(80, 24))
	}
}

func TestQuitting(t *testing.T) {
	for _, row := range []struct {
		keys string
		quit bool
	}{{"q", true}, {"/q", false}, {"/q<esc>q", true}, {"<enter>q", true}} {
		names, rounds := company()
		d := newDesk(t, names, rounds...)
		d.run(d.screen.Init())
		if d.keys(row.keys); d.quit != row.quit {
			t.Errorf("%s: quit is %t", row.keys, d.quit)
		}
	}
	d := newDesk(t, []string{"a"}, []watch.Answer{refused("a", noon)})
	d.send(tea.KeyPressMsg{Code: 'c', Mod: tea.ModCtrl})
	if !d.quit {
		t.Error("ctrl+c does not quit")
	}
}

// What portals send is shown, and not obeyed.
func TestHostileTexts(t *testing.T) {
	const evil = "\x1b[2J\x1b]0;owned\a\u202eevil\u2066\r\nnext\u200b"
	a := answer("evil", noon, pocket{cents(100, evil), 9})
	a.Quota.Title, a.Customer.Payer.DisplayName, a.Report.Portal = evil, evil, "https://"+evil
	bad := refused("bad", noon)
	bad.Err = fmt.Errorf("no: %s", evil)
	d := newDesk(t, []string{"evil", "bad"}, []watch.Answer{a, bad})
	d.run(d.screen.Init())
	d.send(tea.PasteMsg{Content: evil})
	for _, keys := range []string{"", "j", "<enter>", "<esc>/" + "\u202e"} {
		d.keys(keys)
		text := d.sees(100, 24) + ansi.Strip(d.screen.View().Content)
		for _, r := range text {
			if r < ' ' && r != '\n' || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0x200b {
				t.Errorf("there is %U on the screen", r)
			}
		}
		if strings.Contains(d.screen.View().Content, "\x1b]") || strings.Contains(d.screen.View().Content, "\x1b[2J") {
			t.Error("the terminal would obey it")
		}
	}
}

// What comes while the screen is drawn is taken together, and the portals are sorted
// once for it.
func TestAnswersAreTakenTogether(t *testing.T) {
	var names []string
	var round []watch.Answer
	for i := range 200 {
		names = append(names, fmt.Sprintf("portal%03d", i))
		round = append(round, answer(names[i], noon, pocket{cents(int64(i), "USD"), 300 - i}))
	}
	d := newDesk(t, names, round)
	looked := make(chan struct{})
	look := d.screen.Look
	d.screen.Look = func(done func(watch.Answer) error) error {
		defer close(looked)
		return look(done)
	}
	d.keys("s")
	before := d.screen.ShownForTest()
	_, cmd := d.screen.Update(tea.KeyPressMsg{Code: 'r', Text: "r"})
	messages := 0
	for cmd != nil {
		message := cmd()
		<-looked // by then all that is left waits
		messages++
		_, cmd = d.screen.Update(message)
	}
	if messages > 3 { // some, the rest, and the end
		t.Errorf("%d messages", messages)
	}
	after := d.screen.ShownForTest()
	if before[0].Name != "portal000" || after[0].Name != "portal199" {
		t.Errorf("it begins with %s, and then with %s", before[0].Name, after[0].Name)
	}
	d.sees(80, 24)
	if again := d.screen.ShownForTest(); &again[0] != &after[0] {
		t.Error("it was sorted again, though nothing came")
	}
}
