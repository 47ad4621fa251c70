package deploy_test

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/cli"
	"github.com/bursarhq/bursar/docspacetest"
	"github.com/bursarhq/bursar/testenv"
)

// steady is a text that many write and read.
type steady struct {
	mu sync.Mutex
	b  strings.Builder
}

// Write adds to it.
func (s *steady) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(b)
}

func (s *steady) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// export runs bursar exporter for some portals until the test ends, and returns where it
// listens.
func export(t *testing.T, portals map[string]*docspacetest.Portal) string {
	t.Helper()
	path, text := filepath.Join(t.TempDir(), "portals.yaml"), "portals:\n"
	for name, p := range portals {
		text += fmt.Sprintf("  %s: {url: '%s', key: %s}\n", name, p.URL, p.Key)
	}
	write(t, path, text)
	var stderr steady
	root := cli.New(cli.Env{
		Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: &stderr, Now: time.Now, Version: "test",
		Getenv: func(name string) string { return map[string]string{"BURSAR_PROFILES": path}[name] },
	})
	root.SetArgs([]string{"exporter", "--all", "--listen", "127.0.0.1:0", "--interval", "1s", "--runway-interval", "0s"})
	root.SilenceErrors, root.SilenceUsage = true, true
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- root.ExecuteContext(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the exporter ended with %v", err)
		}
	})
	form := regexp.MustCompile(`address=http://(\S+)`)
	until(t, "the exporter listens", func() bool { return form.MatchString(stderr.String()) })
	return form.FindStringSubmatch(stderr.String())[1]
}

// The whole way, with the real Prometheus: three portals are watched, one of them drains,
// and somebody is told before it is dry.
func TestAnAlertFiresOnADrainingWallet(t *testing.T) {
	t.Parallel()
	testenv.Program(t, prometheusPackage, "prometheus")
	healthy, draining, down := docspacetest.New(t), docspacetest.New(t), docspacetest.New(t)
	for _, p := range []*docspacetest.Portal{healthy, draining, down} {
		spend(p, 16)
	}
	draining.ClearTopUpRule()
	server := watch(t, export(t, map[string]*docspacetest.Portal{"healthy": healthy, "draining": draining, "down": down}))
	until(t, "all portals are seen", func() bool {
		n, err := server.results(`docspace_up == 1`)
		return err == nil && n == 3
	})
	for _, quiet := range []string{"DocSpaceWalletLow", "DocSpaceRunwayShort", "DocSpacePortalNotReadable"} {
		for _, portal := range []string{"healthy", "draining", "down"} {
			if a, fires := server.firing(quiet, portal); fires {
				t.Errorf("it fires before anything happened: %+v", a)
			}
		}
	}

	down.Inject(docspacetest.BadGateway())
	for left := usd(108_50); left.Units() > usd(12_50).Units(); {
		draining.Charge(billing.Charge{Service: "ai-tools", Quantity: 1, Amount: usd(24_00), Participant: "agent"})
		var err error
		if left, err = left.Sub(usd(24_00)); err != nil {
			t.Fatal(err)
		}
	}
	for name, portal := range map[string]string{
		"DocSpaceWalletLow": "draining", "DocSpaceRunwayShort": "draining", "DocSpacePortalNotReadable": "down",
	} {
		until(t, name+" fires", func() bool { _, fires := server.firing(name, portal); return fires })
		a, _ := server.firing(name, portal)
		t.Logf("%s fires: %s", name, a.Annotations["summary"])
		if _, fires := server.firing(name, "healthy"); fires {
			t.Errorf("%s fires for a portal that is well", name)
		}
	}
	if a, _ := server.firing("DocSpaceWalletLow", "draining"); a.Annotations["summary"] != "The wallet of draining has 12.50 USD left" {
		t.Errorf("%+v", a)
	}

	// The dashboard finds something for each of its questions.
	for _, q := range dashboard(t).queries {
		until(t, "there is something for "+q, func() bool {
			n, err := server.results(variables.Replace(q))
			if err != nil {
				t.Fatalf("%s: %v", q, err)
			}
			return n > 0
		})
	}
}
