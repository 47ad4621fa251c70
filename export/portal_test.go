package export

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/money"
)

// clerk is a portal whose operations may come late, with an older date, which those of
// Bursar never do: accountings of stock portals promise nothing of that.
type clerk struct {
	t interface {
		Helper()
		Fatal(...any)
	}
	url string

	mu     sync.Mutex
	all    []docspace.Operation // by date, those of one moment as they came
	asked  int
	before func() // is called before each answer, without the lock
	silent bool
}

func newClerk(t *testing.T) *clerk {
	c := &clerk{t: t}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	c.url = server.URL
	return c
}

// post adds an operation where its date belongs.
func (c *clerk) post(all ...docspace.Operation) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, o := range all {
		i := 0
		for i < len(c.all) && !c.all[i].Date.After(o.Date.Time) {
			i++
		}
		c.all = slices.Insert(c.all, i, o)
	}
}

func (c *clerk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if c.before != nil {
		c.before()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked++
	q := r.URL.Query()
	bound := func(name string) time.Time {
		at, err := time.Parse(time.RFC3339Nano, q.Get(name))
		if q.Get(name) != "" && err != nil {
			c.t.Fatal(err)
		}
		return at
	}
	number := func(name string) int {
		n, _ := strconv.Atoi(q.Get(name))
		return n
	}
	if q.Get("orderType") != "Ascending" && q.Get("limit") != "1" {
		c.t.Fatal("the order is not asked for")
	}
	from, to := bound("startDate"), bound("endDate")
	var some []docspace.Operation
	for _, o := range c.all {
		if !o.Date.Before(from) && (to.IsZero() || !o.Date.After(to)) {
			some = append(some, o)
		}
	}
	page := docspace.OperationsPage{Total: int64(len(some)), Offset: int64(number("offset")), Limit: int64(number("limit"))}
	some = some[min(len(some), number("offset")):]
	page.Operations = some[:min(len(some), number("limit"))]
	w.Header().Set("Content-Type", "application/json")
	answer := map[string]any{"response": page, "count": 1, "links": []string{}, "status": 0, "statusCode": 200}
	if c.silent {
		delete(answer, "response")
	}
	text, err := json.Marshal(answer)
	if err != nil {
		c.t.Fatal(err)
	}
	_, _ = w.Write(text)
}

// reader opens portals by the keys in their profiles.
func reader() *fleet.Reader { return &fleet.Reader{Keys: &fleet.Keys{}, Timeout: time.Hour} }

func profileOf(name, url, key string) fleet.Profile {
	return fleet.Profile{Name: name, URL: url, Key: fleet.Key{Plain: key}, PerMinute: 1_000_000}
}

var (
	noon      = time.Date(2026, 7, 15, 12, 0, 0, 0, time.UTC)
	moscow    = time.FixedZone("", 3*60*60)
	newYork   = time.FixedZone("", -4*60*60)
	errCrash  = errors.New("the power fails")
	neverEnds = func(int64, int64) {}
)

// paid is something that is paid for, so many cents.
func paid(at time.Time, cents int64, who string) docspace.Operation {
	return docspace.Operation{
		Date: docspace.Time{Time: at.In(moscow)}, Service: "backup", Description: "Backup", Details: "Automatic backup", ServiceUnit: "Backup", Quantity: 1,
		Credit: money.FromUnits(0, "USD"), Debit: money.FromUnits(cents*money.Scale/100, "USD"),
		ParticipantName: who, ParticipantDisplayName: who, Type: docspace.ServicePayment,
	}
}

// export makes an export from its beginning to its end, or to where it fails. What is
// left to go on with stays, and locks do not.
func do(ctx context.Context, job Job) (result Result, err error) {
	run, err := Begin(job)
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, run.Close()) }()
	r := reader()
	r.Parallel = 1
	var failed error
	err = fleet.Each(ctx, r, job.Portals, func(ctx context.Context, p *fleet.Portal) (int, error) {
		return 0, run.Read(ctx, p, neverEnds)
	}, func(p fleet.Profile, _ int, err error) error {
		if err != nil {
			failed = fmt.Errorf("%s: %w", p.Name, err)
		}
		return failed
	})
	if err != nil {
		return Result{}, err
	}
	return run.Finish(ctx)
}

// lines are the objects in a file of lines, each in a few words.
func lines(t interface {
	Helper()
	Fatal(...any)
}, file string) (all []string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var o object
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Fatal(err)
		}
		all = append(all, o.DateUTC+" "+o.Amount+" "+o.Participant)
	}
	return all
}

// brief is an operation in the same words.
func brief(o docspace.Operation) string {
	return dateText(o.Date.UTC()) + " " + o.Debit.Neg().Decimal() + " " + o.ParticipantName
}

func briefs(all []docspace.Operation) (texts []string) {
	for _, o := range all {
		texts = append(texts, brief(o))
	}
	return texts
}

// there returns what is in a folder.
func there(t *testing.T, dir string) (names []string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		names = append(names, f.Name())
	}
	return names
}

func into(t *testing.T, name string) string { return filepath.Join(t.TempDir(), name) }
