package export

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bursarhq/bursar/disk"
	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
)

// plainJob is an export of one portal into lines.
func plainJob(c *clerk, file string) Job {
	return Job{
		Format: "ndjson", Portals: []fleet.Profile{profileOf("acme", c.url, "key")}, File: file,
		Now: func() time.Time { return noon }, page: 3,
	}
}

func TestAllIsReadOnce(t *testing.T) {
	t.Parallel()
	c := newClerk(t)
	for n := range 20 {
		c.post(paid(noon.Add(time.Duration(n/8)*time.Second), int64(n%3), "a")) // many at a moment, many alike
	}
	for page := int64(1); page < 30; page++ {
		job := plainJob(c, into(t, "o.ndjson"))
		job.page = page
		result, err := do(t.Context(), job)
		if err != nil || result.Operations != 20 || result.File != job.File {
			t.Fatalf("pages of %d: %+v, %v", page, result, err)
		}
		if diff := cmp.Diff(briefs(c.all), lines(t, job.File)); diff != "" {
			t.Errorf("pages of %d (-posted +exported):\n%s", page, diff)
		}
		if left := there(t, filepath.Dir(job.File)); len(left) != 1 {
			t.Errorf("there is %v", left)
		}
	}
}

// What comes between two pages does not move what was there: before or behind where the
// reading is, nothing is lost and nothing is read twice.
func TestRowsThatArriveBetweenPages(t *testing.T) {
	t.Parallel()
	for _, seed := range []uint64{1, 2, 3, 4, 5, 6, 7, 8} {
		random := rand.New(rand.NewPCG(seed, 0))
		c := newClerk(t)
		for n := range 30 {
			c.post(paid(noon.Add(time.Duration(n/3)*time.Second), 1, "before"))
		}
		before := briefs(c.all)
		come := 0
		c.before = func() {
			if come++; come < 12 {
				c.post(paid(noon.Add(time.Duration(random.IntN(12))*time.Second), 2, "late"))
			}
		}
		job := plainJob(c, into(t, "o.ndjson"))
		if _, err := do(t.Context(), job); err != nil {
			t.Fatal(err)
		}
		got := lines(t, job.File)
		late := slices.DeleteFunc(slices.Clone(got), func(s string) bool { return !strings.HasSuffix(s, "late") })
		if diff := cmp.Diff(before, slices.DeleteFunc(got, func(s string) bool { return strings.HasSuffix(s, "late") })); diff != "" || len(late) > 11 {
			t.Errorf("seed %d: %d late ones (-before +exported):\n%s", seed, len(late), diff)
		}
	}
}

// An interrupted export goes on where it was, wherever that is, and half a line is none.
func TestResume(t *testing.T) {
	t.Parallel()
	c := newClerk(t)
	for n := range 20 {
		c.post(paid(noon.Add(time.Duration(n/2)*time.Second), int64(n), "a"))
	}
	for stop := 1; stop < 9; stop++ {
		job := plainJob(c, into(t, "o.ndjson"))
		pages := 0
		job.step = func(at string) error {
			if pages++; at == "page" && pages == stop {
				return errCrash
			}
			return nil
		}
		if _, err := do(t.Context(), job); !errors.Is(err, errCrash) {
			t.Fatalf("page %d: %v", stop, err)
		}
		job.step = nil
		if got := there(t, filepath.Dir(job.File)); !slices.Equal(got, []string{"o.ndjson.part"}) {
			t.Errorf("there is %v", got)
		}
		if _, err := do(t.Context(), job); !errors.Is(err, ErrUnfinished) {
			t.Errorf("without resume: %v", err)
		}
		spools, _ := filepath.Glob(filepath.Join(job.File+".part", "*.rows"))
		torn, err := os.OpenFile(spools[0], os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = torn.WriteString(`{"date":"2026-07-15T15:00:09.0000000+03:00","descr`)
		_ = torn.Close()
		job.Resume = true
		other := job
		other.Service = "backup"
		if _, err := do(t.Context(), other); !errors.Is(err, ErrOther) {
			t.Errorf("another one: %v", err)
		}
		asked := c.asked
		result, err := do(t.Context(), job)
		if err != nil || result.Operations != 20 {
			t.Fatalf("page %d: %+v, %v", stop, result, err)
		}
		if diff := cmp.Diff(briefs(c.all), lines(t, job.File)); diff != "" {
			t.Errorf("page %d (-posted +exported):\n%s", stop, diff)
		}
		if again := c.asked - asked; stop > 5 && again > 8 {
			t.Errorf("it asks %d times after page %d", again, stop)
		}
		if _, err := do(t.Context(), job); !errors.Is(err, fs.ErrExist) {
			t.Errorf("the file is there: %v", err)
		}
		if left := there(t, filepath.Dir(job.File)); len(left) != 1 {
			t.Errorf("there is %v", left)
		}
	}
}

// Whoever interrupts it can go on.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	c := newClerk(t)
	for n := range 20 {
		c.post(paid(noon.Add(time.Duration(n)*time.Second), int64(n), "a"))
	}
	ctx, interrupt := context.WithCancel(t.Context())
	c.before = func() {
		if c.asked == 4 {
			interrupt()
		}
	}
	job := plainJob(c, into(t, "o.ndjson"))
	if _, err := do(ctx, job); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if _, err := os.Stat(job.File); err == nil {
		t.Error("there is a file")
	}
	c.before = func() {}
	job.Resume = true
	if _, err := do(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(briefs(c.all), lines(t, job.File)); diff != "" {
		t.Errorf("-posted +exported:\n%s", diff)
	}
}

// What a portal does not say is neither nothing nor all.
func TestNothingAndNotKnown(t *testing.T) {
	t.Parallel()
	c := newClerk(t)
	job := plainJob(c, into(t, "o.csv"))
	job.Format = "csv"
	result, err := do(t.Context(), job)
	text, _ := os.ReadFile(job.File)
	if err != nil || result.Operations != 0 || string(text) != strings.Join(columns(), ",")+"\n" {
		t.Errorf("%+v, %v: %s", result, err, text)
	}
	c.silent = true
	job.File = into(t, "o.csv")
	if _, err := do(t.Context(), job); !errors.Is(err, fleet.ErrNothingKnown) {
		t.Error(err)
	}
	if _, err := os.Stat(job.File); err == nil {
		t.Error("there is a file")
	}
	c.silent = false
	c.post(paid(noon, 1, "a"))
	c.before = func() { c.silent = c.asked > 0 }
	c.asked, job.File = 0, into(t, "o.csv")
	job.page = 1
	if _, err := do(t.Context(), job); !errors.Is(err, fleet.ErrNothingKnown) {
		t.Errorf("silent in the middle: %v", err)
	}
}

func TestListsThatContradictThemselves(t *testing.T) {
	t.Parallel()
	c := newClerk(t)
	c.post(paid(noon, 1, "a"), paid(noon.Add(time.Second), 2, "b"))
	slices.Reverse(c.all)
	job := plainJob(c, into(t, "o.csv"))
	if _, err := do(t.Context(), job); !errors.Is(err, ErrList) {
		t.Error(err)
	}
}

// Days are those that dates show, in whatever zone: the one next to midnight belongs to
// the day on the portal's clock.
func TestDaysAreThePortals(t *testing.T) {
	t.Parallel()
	c := newClerk(t)
	at := func(text string) docspace.Operation {
		date, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			t.Fatal(err)
		}
		o := paid(date, 1, text)
		o.Date.Time = date
		return o
	}
	in := []docspace.Operation{at("2026-07-01T00:00:00+14:00"), at("2026-07-01T00:00:00+03:00"), at("2026-07-02T23:59:59.9999999-12:00")}
	out := []docspace.Operation{at("2026-06-30T23:59:59.9999999+03:00"), at("2026-07-03T00:00:00+14:00"), at("2026-07-03T00:00:00-12:00"), at("2026-06-30T12:00:00-12:00")}
	c.post(slices.Concat(in, out)...)
	for _, span := range []Span{
		{FirstDay: "2026-07-01", LastDay: "2026-07-02"},
		{FirstDay: "2026-07-01", To: in[2].Date.Time},
	} {
		job := plainJob(c, into(t, "o.ndjson"))
		job.Span = span
		if _, err := do(t.Context(), job); err != nil {
			t.Fatal(err)
		}
		want := briefs(in)
		if span.LastDay == "" {
			want = briefs([]docspace.Operation{in[0], out[1], in[1], in[2]})
		}
		slices.Sort(want)
		got := lines(t, job.File)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", span, diff)
		}
	}
}

func TestJobsThatCantBe(t *testing.T) {
	t.Parallel()
	c := newClerk(t)
	for name, spoil := range map[string]func(*Job){
		"format":  func(j *Job) { j.Format = "pdf" },
		"twice":   func(j *Job) { j.Portals = append(j.Portals, profileOf("again", c.url+"/", "key")) },
		"no file": func(j *Job) { j.State, j.File = t.TempDir(), "" },
		"end":     func(j *Job) { j.State, j.Span.LastDay = t.TempDir(), "2026-07-01" },
		"overlap": func(j *Job) { j.Overlap = -1 },
	} {
		job := plainJob(c, into(t, "o.csv"))
		spoil(&job)
		if _, err := Begin(job); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Two at one export: the second is told so, and harms nothing.
func TestTwoAtOnce(t *testing.T) {
	t.Parallel()
	c := newClerk(t)
	c.post(paid(noon, 1, "a"))
	for _, state := range []string{"", t.TempDir()} {
		job := plainJob(c, into(t, "{time}.ndjson"))
		job.State = state
		first, err := Begin(job)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Begin(job); !errors.Is(err, disk.ErrBusy) {
			t.Error(err)
		}
		elsewhere := job
		elsewhere.File = into(t, "other.ndjson")
		if run, err := Begin(elsewhere); state != "" != errors.Is(err, disk.ErrBusy) {
			t.Errorf("state %q: %v", state, err)
		} else if err == nil {
			_ = run.Close()
		}
		if err := first.Close(); err != nil {
			t.Error(err)
		}
		job.Resume = true
		if result, err := do(t.Context(), job); err != nil || result.Operations != 1 || filepath.Base(result.File) != "20260715T120000Z.ndjson" {
			t.Errorf("%+v, %v", result, err)
		}
	}
}
