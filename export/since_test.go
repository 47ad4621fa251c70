package export

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestStateOfAnotherExport(t *testing.T) {
	t.Parallel()
	c := newClerk(t)
	job := plainJob(c, into(t, "{time}.ndjson"))
	job.State = t.TempDir()
	if _, err := do(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	job.Service = "backup"
	if _, err := do(t.Context(), job); !errors.Is(err, ErrOther) {
		t.Error(err)
	}
	job.Service = ""
	state := filepath.Join(job.State, memoryFile)
	good, err := os.ReadFile(state)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"", "{", strings.Replace(string(good), `"version": 1`, `"version": 2`, 1)} {
		if err := os.WriteFile(state, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := do(t.Context(), job); !errors.Is(err, ErrState) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if err := os.WriteFile(state, good, 0o600); err != nil {
		t.Fatal(err)
	}
	seen, _ := filepath.Glob(filepath.Join(job.State, "*"+seenSuffix))
	if err := os.Truncate(seen[0], 2); err != nil {
		t.Fatal(err)
	}
	job.Force = true
	if _, err := do(t.Context(), job); !errors.Is(err, ErrState) {
		t.Error(err)
	}
}

// night is a nightly job, and what somebody has taken of its files.
type night struct {
	c     *clerk
	job   Job
	dir   string
	now   time.Time
	taken []string
}

func newNight(t *testing.T, c *clerk) *night {
	n := &night{c: c, dir: quickDir(t), now: noon}
	n.job = plainJob(c, filepath.Join(n.dir, "o-{time}.ndjson"))
	n.job.State, n.job.Overlap = quickDir(t), time.Hour
	n.job.Now = func() time.Time { n.now = n.now.Add(time.Second); return n.now }
	return n
}

// quickDir is a folder in memory, where there is that: a test waits for no disk.
func quickDir(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "bursar-*")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// run runs the job once; whoever takes its files comes right after it, or not yet.
func (n *night) run(t interface {
	Helper()
	Fatal(...any)
}, take bool) error {
	t.Helper()
	_, err := do(context.Background(), n.job)
	if take {
		n.take(t)
	}
	return err
}

func (n *night) take(t interface {
	Helper()
	Fatal(...any)
}) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(n.dir, "*.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		n.taken = append(n.taken, lines(t, file)...)
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
}

// Every operation is in one file, once: whatever comes late, between pages and alike,
// whatever the portal renames, wherever the job crashes, whatever its clock says.
func TestSinceLast(t *testing.T) {
	t.Parallel()
	c := newClerk(t)
	rapid.Check(t, func(r *rapid.T) {
		c.all, c.before = nil, nil
		n := newNight(t, c)
		n.job.Overlap = time.Duration(rapid.IntRange(0, 100).Draw(r, "overlap")) * time.Minute
		n.job.page = int64(rapid.IntRange(2, 6).Draw(r, "page"))
		n.now = noon.Add(time.Duration(rapid.IntRange(-300, 300).Draw(r, "clock")) * time.Minute)
		clock := noon
		post := func() {
			var at time.Time
			if rapid.IntRange(0, 3).Draw(r, "late") == 0 {
				at = clock.Add(-time.Duration(rapid.IntRange(0, 500).Draw(r, "by")) * time.Minute)
			} else {
				clock = clock.Add(time.Duration(rapid.IntRange(0, 2).Draw(r, "minutes")*10) * time.Minute)
				at = clock
			}
			c.post(paid(at, int64(rapid.IntRange(1, 2).Draw(r, "cents")), "a"))
		}
		for range rapid.IntRange(1, 5).Draw(r, "nights") {
			for range rapid.IntRange(0, 6).Draw(r, "posted") {
				post()
			}
			if rapid.IntRange(0, 4).Draw(r, "renamed") == 0 {
				name := rapid.StringMatching("[A-Z][a-z]{3}").Draw(r, "name")
				for i := range c.all {
					c.all[i].ParticipantDisplayName, c.all[i].Description = name, name
					c.all[i].Date.Time = c.all[i].Date.In(newYork)
				}
			}
			between := rapid.IntRange(0, 3).Draw(r, "between")
			c.before = func() {
				if between--; between >= 0 {
					post()
				}
			}
			crash := rapid.IntRange(0, 12).Draw(r, "crash")
			n.job.step = func(string) error {
				if crash--; crash == 0 {
					return errCrash
				}
				return nil
			}
			if err := n.run(r, rapid.Bool().Draw(r, "take")); err != nil && !errors.Is(err, errCrash) {
				r.Fatal(err)
			}
			c.before = nil
		}
		n.job.step = nil
		for range 2 { // what came behind the reading is found by the next
			if err := n.run(r, true); err != nil {
				r.Fatal(err)
			}
		}
		want := briefs(c.all)
		slices.Sort(want)
		slices.Sort(n.taken)
		if diff := cmp.Diff(want, n.taken); diff != "" {
			r.Fatalf("-posted +exported:\n%s", diff)
		}
		if left := there(t, n.dir); len(left) != 0 {
			r.Fatalf("there is %v", left)
		}
		if left := there(t, n.job.State); len(left) != 3 { // the lock, the state, what was seen
			r.Fatalf("there is %v", left)
		}
	})
}

// A crash at each step of its own, and whoever takes the file may come before or after
// the next run.
func TestCrashAtEachStep(t *testing.T) {
	t.Parallel()
	steps := []string{"page", "written", "decided", "published", "remembered"}
	for _, at := range steps {
		for _, take := range []bool{false, true} {
			c := newClerk(t)
			n := newNight(t, c)
			for i := range 7 {
				c.post(paid(noon.Add(time.Duration(i)*time.Minute), 1, "a"))
			}
			crashed := false
			n.job.step = func(step string) error {
				if step == at {
					crashed = true
					return errCrash
				}
				return nil
			}
			if err := n.run(t, take); !errors.Is(err, errCrash) || !crashed {
				t.Fatalf("%s: %v", at, err)
			}
			want := map[string]int{"published": 7, "remembered": 7}[at]
			if take && len(n.taken) != want {
				t.Errorf("%s: %d are in a file", at, len(n.taken))
			}
			n.job.step = nil
			c.post(paid(noon.Add(time.Hour), 2, "b"))
			if err := n.run(t, true); err != nil {
				t.Fatalf("%s: %v", at, err)
			}
			slices.Sort(n.taken)
			if diff := cmp.Diff(briefs(c.all), n.taken); diff != "" {
				t.Errorf("%s, taken before: %t (-posted +exported):\n%s", at, take, diff)
			}
			if left := there(t, n.dir); len(left) != 0 {
				t.Errorf("%s: there is %v", at, left)
			}
		}
	}
}

// A portal's clock that is far ahead makes nothing be missed, nor does one of this
// machine that is.
func TestClocksThatAreWrong(t *testing.T) {
	t.Parallel()
	c := newClerk(t)
	n := newNight(t, c)
	c.post(paid(noon.AddDate(50, 0, 0), 1, "ahead"))
	n.job.Overlap = 0
	for i := range 5 {
		c.post(paid(noon.Add(time.Duration(i)*time.Hour), 1, "a"))
		n.now = noon.AddDate(0, (i-2)*12, 0)
		if err := n.run(t, true); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(n.taken)
	if diff := cmp.Diff(briefs(c.all), n.taken); diff != "" {
		t.Errorf("-posted +exported:\n%s", diff)
	}
}

// The next run reads no more than it must.
func TestSinceLastReadsLittle(t *testing.T) {
	t.Parallel()
	c := newClerk(t)
	n := newNight(t, c)
	for i := range 60 {
		c.post(paid(noon.Add(time.Duration(i-60)*time.Hour), 1, "a"))
	}
	if err := n.run(t, true); err != nil || len(n.taken) != 60 {
		t.Fatalf("%d: %v", len(n.taken), err)
	}
	asked := c.asked
	if err := n.run(t, true); err != nil || len(n.taken) != 60 || c.asked-asked > 3 {
		t.Errorf("%d, asked %d times: %v", len(n.taken), c.asked-asked, err)
	}
	c.post(paid(noon.Add(-50*time.Hour), 2, "very late"))
	if err := n.run(t, true); err != nil || len(n.taken) != 61 {
		t.Errorf("%d: %v", len(n.taken), err)
	}
}
