package export

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/docspacetest"
	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/money"
)

// busy is a portal of Bursar's that a service charged so many times.
func busy(t *testing.T, p *docspacetest.Portal, charges int) *docspacetest.Portal {
	t.Helper()
	p.SetTimeZone("Europe/Berlin")
	p.SetBalance(money.FromUnits(1000*money.Scale, "USD"))
	for n := range charges {
		p.Charge(billing.Charge{Service: "backup", Quantity: 1, Amount: money.FromUnits(int64(n+1)*money.Scale/100, "USD"), Participant: fmt.Sprint("p", n%3)})
	}
	return p
}

func portalJob(t *testing.T, portals ...*docspacetest.Portal) Job {
	job := Job{
		Format: "ndjson", File: into(t, "o-{time}.ndjson"), Status: docspace.Completed,
		Now: func() time.Time { return noon }, page: 4,
	}
	for i, p := range portals {
		job.Portals = append(job.Portals, profileOf(fmt.Sprint("p", i), p.URL, p.Key))
	}
	return job
}

// whole is all that a portal tells, in the words of lines.
func whole(t *testing.T, p *docspacetest.Portal) (all []string) {
	t.Helper()
	page, err := p.Client().Operations(t.Context(), docspace.OperationsQuery{Limit: maxPage, Ascending: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range page.Operations {
		all = append(all, dateText(o.Date.UTC())+" "+fleet.Change(&o).Decimal()+" "+o.ParticipantName)
	}
	return all
}

// Whatever a portal does for a while, nothing is lost and nothing is there twice.
func TestFaultsThatPass(t *testing.T) {
	t.Parallel()
	const path = "customer/operations"
	for name, faults := range map[string][]docspacetest.Fault{
		"none":        nil,
		"a storm":     {{Path: path, Times: 1, Delay: time.Millisecond}, {Path: path, Status: 429, Times: 3}, {Path: path, Times: 1, Delay: time.Millisecond}, {Path: path, Status: 429, Times: 2}},
		"a proxy":     {{Path: path, Times: 2, Delay: time.Millisecond}, {Path: path, Times: 1, Status: 502, ContentType: "text/html", Body: "<html>502</html>"}},
		"cut":         {{Path: path, Times: 1, Delay: time.Millisecond}, {Path: path, Times: 1, CutAfter: 300}, {Path: path, Times: 1, Cut: true}},
		"unavailable": {{Path: path, Times: 2, Status: 503}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := busy(t, docspacetest.New(t), 20)
			for _, f := range faults {
				p.Inject(f)
			}
			result, err := do(t.Context(), portalJob(t, p))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(whole(t, p), lines(t, result.File)); diff != "" {
				t.Errorf("-told +exported:\n%s", diff)
			}
		})
	}
}

// A failure that stays ends the export without a file; when it is over, the export goes
// on, and what was read is not read again.
func TestFaultsThatStay(t *testing.T) {
	t.Parallel()
	const path = "customer/operations"
	for name, fault := range map[string]docspacetest.Fault{
		"refused":    docspacetest.Denied(),
		"failed":     docspacetest.Failed(),
		"login page": docspacetest.LoginPage(),
		"null":       {Null: true},
	} {
		p := busy(t, docspacetest.New(t), 20)
		fault.Path = path
		p.Inject(docspacetest.Fault{Path: path, Times: 3, Delay: time.Millisecond})
		p.Inject(fault)
		job := portalJob(t, p)
		if _, err := do(t.Context(), job); err == nil || name == "null" && !errors.Is(err, fleet.ErrNothingKnown) {
			t.Errorf("%s: %v", name, err)
		}
		if files, _ := filepath.Glob(filepath.Join(filepath.Dir(job.File), "*.ndjson")); len(files) > 0 {
			t.Errorf("%s: there is %v", name, files)
		}
		p.Heal()
		before := p.Requests(path)
		job.Resume = true
		result, err := do(t.Context(), job)
		if err != nil {
			t.Fatal(err)
		}
		if n := p.Requests(path) - before; n > 6 {
			t.Errorf("%s: it asks %d times more", name, n)
		}
		if diff := cmp.Diff(whole(t, p), lines(t, result.File)); diff != "" {
			t.Errorf("%s (-told +exported):\n%s", name, diff)
		}
	}
}

// Several portals are in one file, in the order of the job, and remembered one by one:
// one that fails is made up for.
func TestManyPortalsInOneFile(t *testing.T) {
	t.Parallel()
	all := docspacetest.Many(t, 5)
	for i, p := range all {
		busy(t, p, i+2)
	}
	job := portalJob(t, all...)
	job.State, job.Overlap = t.TempDir(), time.Hour
	now := noon
	job.Now = func() time.Time { now = now.Add(time.Second); return now }
	all[2].Inject(docspacetest.Denied())
	export := func(skip int) []string {
		t.Helper()
		run, err := Begin(job)
		if err != nil {
			t.Fatal(err)
		}
		defer run.Close()
		err = fleet.Each(t.Context(), reader(), job.Portals, func(ctx context.Context, p *fleet.Portal) (int, error) {
			return 0, run.Read(ctx, p, neverEnds)
		}, func(p fleet.Profile, _ int, err error) error {
			if failed := err != nil; failed != (skip >= 0 && p.Name == fmt.Sprint("p", skip)) {
				t.Errorf("%s: %v", p.Name, err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		result, err := run.Finish(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return lines(t, result.File)
	}
	want := slices.Concat(whole(t, all[0]), whole(t, all[1]), whole(t, all[3]), whole(t, all[4]))
	if diff := cmp.Diff(want, export(2)); diff != "" {
		t.Errorf("without one (-told +exported):\n%s", diff)
	}
	all[2].Heal()
	all[4].Charge(billing.Charge{Service: "backup", Quantity: 1, Amount: money.FromUnits(money.Scale, "USD"), Participant: "new"})
	told := whole(t, all[4])
	want = slices.Concat(whole(t, all[2]), told[len(told)-1:])
	if diff := cmp.Diff(want, export(-1)); diff != "" {
		t.Errorf("the next time (-told +exported):\n%s", diff)
	}
	if got := export(-1); len(got) != 0 {
		t.Errorf("then %v", got)
	}
}

// An export needs room for what it writes; where there is none it says so, and leaves
// what was there.
func TestFoldersThatAreNotThere(t *testing.T) {
	t.Parallel()
	job := plainJob(newClerk(t), filepath.Join(t.TempDir(), "missing", "o.csv"))
	if _, err := Begin(job); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
