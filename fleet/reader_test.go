package fleet_test

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/docspacetest"
	"github.com/bursarhq/bursar/fleet"
)

// somewhere is profiles that nobody answers for.
func somewhere(n int) (all []fleet.Profile) {
	for i := range n {
		all = append(all, fleet.Profile{Name: fmt.Sprintf("p%04d", i), URL: "http://127.0.0.1:1", Key: fleet.Key{Plain: "sk-x"}})
	}
	return all
}

func profileOf(name string, portal *docspacetest.Portal) fleet.Profile {
	return fleet.Profile{Name: name, URL: portal.URL, Key: fleet.Key{Plain: portal.Key}}
}

func TestEachIsBoundedAndDoneOneAtATime(t *testing.T) {
	before := goleak.IgnoreCurrent()
	var asked, most, inDone atomic.Int32
	reader := &fleet.Reader{Keys: &fleet.Keys{}, Parallel: 7}
	portals := somewhere(300)
	seen := map[string]string{}
	err := fleet.Each(t.Context(), reader, portals, func(_ context.Context, p *fleet.Portal) (string, error) {
		now := asked.Add(1)
		defer asked.Add(-1)
		for was := most.Load(); now > was && !most.CompareAndSwap(was, now); was = most.Load() {
		}
		if strings.HasSuffix(p.Name, "13") {
			return "", errors.New("unlucky")
		}
		return "asked " + p.Name, nil
	}, func(p fleet.Profile, answer string, err error) error {
		if inDone.Add(1) != 1 {
			t.Error("done is called twice at once")
		}
		defer inDone.Add(-1)
		if unlucky := strings.HasSuffix(p.Name, "13"); unlucky != (err != nil) {
			t.Errorf("%s: %v", p.Name, err)
		}
		seen[p.Name] = answer
		return nil
	})
	if err != nil || len(seen) != len(portals) || seen["p0007"] != "asked p0007" || seen["p0013"] != "" {
		t.Errorf("%v, %d of %d done: %q %q", err, len(seen), len(portals), seen["p0007"], seen["p0013"])
	}
	if most.Load() > 7 {
		t.Errorf("%d were asked at once", most.Load())
	}
	goleak.VerifyNone(t, before)
}

func TestEachOfNobody(t *testing.T) {
	err := fleet.Each(t.Context(), &fleet.Reader{Keys: &fleet.Keys{}}, nil,
		func(context.Context, *fleet.Portal) (int, error) { t.Error("asked"); return 0, nil },
		func(fleet.Profile, int, error) error { t.Error("done"); return nil })
	if err != nil {
		t.Error(err)
	}
}

// Whoever is slow keeps one place, and nobody's result.
func TestEachGoesOnBesideASlowPortal(t *testing.T) {
	const n = 50
	others := make(chan struct{})
	var arrived []string
	err := fleet.Each(t.Context(), &fleet.Reader{Keys: &fleet.Keys{}, Parallel: 2}, somewhere(n),
		func(ctx context.Context, p *fleet.Portal) (int, error) {
			if p.Name != "p0000" {
				return 0, nil
			}
			select {
			case <-others: // all others are done
				return 0, nil
			case <-ctx.Done():
				return 0, ctx.Err()
			}
		},
		func(p fleet.Profile, _ int, err error) error {
			if err != nil {
				t.Errorf("%s: %v", p.Name, err)
			}
			if arrived = append(arrived, p.Name); len(arrived) == n-1 {
				close(others)
			}
			return nil
		})
	if err != nil || len(arrived) != n || arrived[n-1] != "p0000" {
		t.Errorf("%v, the last of %d was %q", err, len(arrived), arrived[len(arrived)-1])
	}
}

func TestEachEndsWithDonesError(t *testing.T) {
	before := goleak.IgnoreCurrent()
	full := errors.New("the disk is full")
	calls := 0
	err := fleet.Each(t.Context(), &fleet.Reader{Keys: &fleet.Keys{}, Parallel: 4}, somewhere(1000),
		func(ctx context.Context, p *fleet.Portal) (int, error) {
			if p.Name == "p0003" {
				<-ctx.Done() // ends what is under way
				return 0, ctx.Err()
			}
			return 0, nil
		},
		func(fleet.Profile, int, error) error {
			if calls++; calls == 10 {
				return full
			}
			return nil
		})
	if !errors.Is(err, full) || calls != 10 {
		t.Errorf("%v after %d calls", err, calls)
	}
	goleak.VerifyNone(t, before)
}

func TestEachEndsWithItsContext(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	calls := 0
	err := fleet.Each(ctx, &fleet.Reader{Keys: &fleet.Keys{}, Parallel: 4}, somewhere(1000),
		func(ctx context.Context, _ *fleet.Portal) (int, error) { return 0, nil },
		func(fleet.Profile, int, error) error {
			if calls++; calls == 5 {
				stop()
			}
			return nil
		})
	if !errors.Is(err, context.Canceled) || calls != 5 {
		t.Errorf("%v after %d calls", err, calls)
	}
}

// A portal that never answers is given up after the time for one.
func TestEachGivesUpOnAPortalInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		err := fleet.Each(t.Context(), &fleet.Reader{Keys: &fleet.Keys{}, Timeout: 7 * time.Second}, somewhere(3),
			func(ctx context.Context, _ *fleet.Portal) (int, error) {
				<-ctx.Done()
				return 0, ctx.Err()
			},
			func(p fleet.Profile, _ int, err error) error {
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%s: %v", p.Name, err)
				}
				return nil
			})
		if took := time.Since(start); err != nil || took != 7*time.Second {
			t.Errorf("%v after %s", err, took)
		}
	})
}

func TestEachSaysWhatCannotBeOpened(t *testing.T) {
	noCerts := filepath.Join(t.TempDir(), "none.pem")
	if err := os.WriteFile(noCerts, []byte("not PEM"), 0o600); err != nil {
		t.Fatal(err)
	}
	portals := []fleet.Profile{
		{Name: "keyless", URL: "http://127.0.0.1:1", Key: fleet.Key{Variable: "NONE"}},
		{Name: "nowhere", URL: "http://", Key: fleet.Key{Plain: "sk-x"}},
		{Name: "untrusted", URL: "https://127.0.0.1:1", Key: fleet.Key{Plain: "sk-x"}, CACert: noCerts},
		{Name: "garbled", URL: "https://127.0.0.1:1", Key: fleet.Key{Plain: "sk-secret key"}},
	}
	want := map[string]error{"keyless": fleet.ErrKey, "nowhere": docspace.ErrConfig, "untrusted": fleet.ErrProfiles, "garbled": docspace.ErrConfig}
	err := fleet.Each(t.Context(), &fleet.Reader{Keys: &fleet.Keys{}}, portals,
		func(context.Context, *fleet.Portal) (int, error) { t.Error("asked"); return 0, nil },
		func(p fleet.Profile, _ int, err error) error {
			if !errors.Is(err, want[p.Name]) || strings.Contains(err.Error(), "secret") {
				t.Errorf("%s: %v", p.Name, err)
			}
			delete(want, p.Name)
			return nil
		})
	if err != nil || len(want) > 0 {
		t.Errorf("%v, not done: %v", err, want)
	}
}

func TestOpenTrustsACertificateOfTheProfile(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"response":{"portalId":"p1","paymentMethodStatus":1},"status":0,"statusCode":200}`)
	}))
	defer server.Close()
	certificate := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(certificate, text, 0o600); err != nil {
		t.Fatal(err)
	}
	reader := &fleet.Reader{Keys: &fleet.Keys{}, Config: docspace.Config{MaxAttempts: 1}}
	profile := fleet.Profile{Name: "acme", URL: server.URL, Key: fleet.Key{Plain: "sk-x"}}
	for _, trusted := range []string{certificate, certificate, ""} { // known by then, and still of use
		profile.CACert = trusted
		portal, err := reader.Open(t.Context(), profile)
		if err != nil {
			t.Fatal(err)
		}
		customer, err := portal.CustomerInfo(t.Context())
		if portal.Close(); trusted == "" && err == nil || trusted != "" && (err != nil || customer.PortalID != "p1") {
			t.Errorf("trusting %q: %v", trusted, err)
		}
	}
}

// The requests of a portal go out no faster than its profile says, however they come.
func TestReaderKeepsToARate(t *testing.T) {
	portal := docspacetest.New(t)
	profile := profileOf("acme", portal)
	profile.PerMinute = 1 // no burst, and the second after a minute
	reader := &fleet.Reader{Keys: &fleet.Keys{}, Timeout: 45 * time.Second, Config: docspace.Config{MaxAttempts: 1}}
	var late []error
	err := fleet.Each(t.Context(), reader, []fleet.Profile{profile}, func(ctx context.Context, p *fleet.Portal) (int, error) {
		report := p.Report(ctx)
		for _, err := range report.Failed {
			late = append(late, err)
		}
		return 0, nil
	}, func(_ fleet.Profile, _ int, err error) error { return err })
	if err != nil {
		t.Fatal(err)
	}
	if sent := portal.Requests(""); sent != 1 || len(late) != 5 {
		t.Errorf("%d requests were sent, %d are late", sent, len(late))
	}
	for _, err := range late {
		if !errors.Is(err, docspace.ErrTimeout) && !errors.Is(err, docspace.ErrUnreachable) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("it fails with %v", err)
		}
	}
}

func TestReadOfGoodAndBadPortals(t *testing.T) {
	good, bad, unknown, busy := docspacetest.New(t), docspacetest.New(t), docspacetest.New(t), docspacetest.New(t)
	bad.Inject(docspacetest.BadGateway())
	unknown.Inject(docspacetest.Fault{Path: "customer/balance", Null: true})
	busy.Inject(docspacetest.TooMany(time.Hour))
	portals := []fleet.Profile{profileOf("good", good), profileOf("bad", bad), profileOf("unknown", unknown), profileOf("busy", busy)}
	reader := &fleet.Reader{Keys: &fleet.Keys{}, Timeout: time.Minute, Config: docspace.Config{MaxAttempts: 1}}
	var (
		seen  = map[string]fleet.Snapshot{}
		parts = []docspace.Part{docspace.PartBalance, docspace.PartQuota, fleet.PartRunway}
	)
	err := fleet.Each(t.Context(), reader, portals, func(ctx context.Context, p *fleet.Portal) (fleet.Snapshot, error) {
		return fleet.Read(ctx, p, good.Now(), parts...), nil
	}, func(p fleet.Profile, s fleet.Snapshot, err error) error {
		seen[p.Name] = s
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if s := seen["good"]; s.Err() != nil || s.Balance == nil || s.Runway == nil || s.Quota == nil {
		t.Errorf("good: %v", s.Err())
	}
	if s := seen["unknown"]; s.Err() != nil || s.Balance != nil || s.Runway != nil || !s.Arrived(docspace.PartBalance) {
		t.Errorf("unknown: %v, %v", s.Err(), s.Balance)
	}
	for name, want := range map[string]error{"bad": docspace.ErrPortalFailed, "busy": docspace.ErrRateLimited} {
		s := seen[name]
		if len(s.Failed) != len(parts) || slices.ContainsFunc(parts, func(p docspace.Part) bool { return !errors.Is(s.Failed[p], want) }) {
			t.Errorf("%s: %v", name, s.Failed)
		}
	}
	if tried := busy.Requests("customer/balance"); tried != 1 {
		t.Errorf("a portal that asks for a pause of an hour is asked %d times", tried)
	}
}

// connections counts those that are open at once, and all there were.
type connections struct {
	mu         sync.Mutex
	open, most int
	all        int
}

func (c *connections) watch(_ net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state {
	case http.StateNew:
		c.open++
		c.all++
		c.most = max(c.most, c.open)
	case http.StateClosed, http.StateHijacked:
		c.open--
	}
}

// Where many portals are read at once, each is read over few connections; a portal alone
// over as many as there are questions. HTTP/2 needs no more than a few in either case.
func TestEachIsSparingOfConnections(t *testing.T) {
	portal := docspacetest.New(t)
	to, err := url.Parse(portal.URL)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		parallel, most int
		http2          bool
	}{{48, 8, false}, {64, 6, false}, {128, 3, false}, {512, 2, false}, {512, 2, true}} {
		var seen connections
		server := httptest.NewUnstartedServer(httputil.NewSingleHostReverseProxy(to))
		server.Config.ConnState = seen.watch
		server.EnableHTTP2 = test.http2
		if test.http2 {
			server.StartTLS()
		} else {
			server.Start()
		}
		profile := fleet.Profile{Name: "acme", URL: server.URL, Key: fleet.Key{Plain: portal.Key}}
		if test.http2 {
			profile.CACert = filepath.Join(t.TempDir(), "ca.pem")
			text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
			if err := os.WriteFile(profile.CACert, text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		// The others are nowhere, and given up at once: they only make it many.
		portals := append(somewhere(test.parallel), profile)
		reader := &fleet.Reader{Keys: &fleet.Keys{}, Parallel: test.parallel}
		parts := []docspace.Part{docspace.PartCustomer, docspace.PartBalance, docspace.PartQuota, docspace.PartTopUp, fleet.PartRunway}
		err := fleet.Each(t.Context(), reader, portals, func(ctx context.Context, p *fleet.Portal) (*fleet.Snapshot, error) {
			if p.Name != "acme" {
				return nil, nil
			}
			s := fleet.Read(ctx, p, portal.Now(), parts...)
			return &s, s.Err()
		}, func(p fleet.Profile, s *fleet.Snapshot, err error) error {
			if p.Name == "acme" && (err != nil || s.Runway == nil || s.Balance == nil || s.Customer == nil || s.Quota == nil || s.TopUp == nil) {
				t.Errorf("%+v: %v", test, err)
			}
			return nil
		})
		server.Close()
		if err != nil || seen.most > test.most || seen.all > test.most {
			t.Errorf("%+v: %v, %d connections, %d at once", test, err, seen.all, seen.most)
		}
	}
}

// Certificates that are replaced count from the next time on that a portal is opened.
func TestCertificatesAreReadAgain(t *testing.T) {
	portal := docspacetest.New(t)
	to, err := url.Parse(portal.URL)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewTLSServer(httputil.NewSingleHostReverseProxy(to))
	defer server.Close()
	profile := fleet.Profile{Name: "acme", URL: server.URL, Key: fleet.Key{Plain: portal.Key}, CACert: filepath.Join(t.TempDir(), "ca.pem")}
	reader := &fleet.Reader{Keys: &fleet.Keys{}, Config: docspace.Config{MaxAttempts: 1}}
	read := func() error {
		p, err := reader.Open(t.Context(), profile)
		if err != nil {
			return err
		}
		defer p.Close()
		return fleet.Read(t.Context(), p, portal.Now(), docspace.PartBalance).Err()
	}
	if err := read(); !errors.Is(err, fleet.ErrProfiles) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without a file: %v", err)
	}
	good := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	for _, step := range []struct {
		text []byte
		want error
	}{{good, nil}, {[]byte("none"), fleet.ErrProfiles}, {good, nil}} {
		if err := os.WriteFile(profile.CACert, step.text, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := read(); !errors.Is(err, step.want) {
			t.Errorf("%.40q: %v, want %v", step.text, err, step.want)
		}
	}
}
