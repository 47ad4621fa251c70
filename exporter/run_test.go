package exporter_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/bursarhq/bursar/docspacetest"
	"github.com/bursarhq/bursar/exporter"
	"github.com/bursarhq/bursar/fleet"
)

// patience is how long a test waits for what must come. It is reached only by what is
// broken.
const patience = time.Minute

// until waits for something to be so.
func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	tick, end := time.NewTicker(5*time.Millisecond), time.After(patience)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("it never came that %s", what)
		}
	}
}

// running has an exporter read until the test ends.
func running(t *testing.T, e *exporter.Exporter) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); e.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		select {
		case <-ended:
		case <-time.After(patience):
			t.Error("Run does not end")
		}
	})
}

func realTime(c *exporter.Config) { c.Now = time.Now }

func TestRunReadsAgainAndAgain(t *testing.T) {
	t.Parallel()
	portal, down := docspacetest.New(t), docspacetest.New(t)
	down.Inject(docspacetest.Failed())
	e := newExporter(&watcher{}, func(c *exporter.Config) {
		realTime(c)
		c.Interval = 50 * time.Millisecond
		c.Reader.Parallel = 1
	}, profileOf("acme", portal), profileOf("down", down))
	if e.Ready() {
		t.Error("it is ready before it has asked anybody")
	}
	want(t, shown(t, e), map[string]string{
		"docspace_exporter_ready": "0", "docspace_exporter_portals": "2", `docspace_up{portal="acme"}`: "", `docspace_requests_total{portal="acme"}`: "0",
	})
	running(t, e)
	until(t, "each was asked once", e.Ready)
	want(t, shown(t, e), map[string]string{
		"docspace_exporter_ready": "1", `docspace_up{portal="acme"}`: "1", `docspace_up{portal="down"}`: "0",
	})
	for _, p := range []*docspacetest.Portal{portal, down} {
		until(t, "a portal is asked four times", func() bool { return p.Requests("customerinfo") > 3 })
	}
	portal.SetBalance(usd(7_25))
	until(t, "the new balance shows", func() bool {
		return shown(t, e)[`docspace_wallet_balance{currency="USD",portal="acme"}`] == "7.25"
	})
}

func TestReload(t *testing.T) {
	t.Parallel()
	first, second := docspacetest.New(t), docspacetest.New(t)
	second.SetBalance(usd(2_00))
	e := newExporter(&watcher{}, realTime, profileOf("acme", first), profileOf("other", second))
	running(t, e)
	until(t, "it is ready", e.Ready)
	asked := first.Requests("customerinfo")

	// One is gone, one is new, and one has another group: what is known of it stays.
	grouped := profileOf("acme", first)
	grouped.Groups = []string{"paying"}
	e.Reload([]fleet.Profile{grouped, profileOf("new", second)})
	until(t, "the new one is read", func() bool { return shown(t, e)[`docspace_up{portal="new"}`] == "1" })
	got := shown(t, e)
	want(t, got, map[string]string{
		"docspace_exporter_portals": "2", "docspace_exporter_profiles_reload_success": "1", "docspace_exporter_ready": "1",
		`docspace_wallet_balance{currency="USD",portal="acme"}`: "148.5",
		`docspace_wallet_balance{currency="USD",portal="new"}`:  "2",
	})
	for name := range got {
		if has(map[string]string{name: ""}, "docspace_up") && name == `docspace_up{portal="other"}` {
			t.Error("the one that is gone is shown")
		}
	}
	if first.Requests("customerinfo") != asked {
		t.Error("another group is no reason to ask again")
	}

	// Another address is another portal: nothing of the old one is shown for it.
	moved := profileOf("acme", second)
	e.Reload([]fleet.Profile{moved})
	if balance := shown(t, e)[`docspace_wallet_balance{currency="USD",portal="acme"}`]; balance == "148.5" {
		t.Error("it shows what was at the old address")
	}
	until(t, "it is read at its new address", func() bool {
		return shown(t, e)[`docspace_wallet_balance{currency="USD",portal="acme"}`] == "2"
	})

	// Another key is worth asking at once.
	wrong := moved
	wrong.Key = fleet.Key{Plain: "sk-of-somebody-else"}
	e.Reload([]fleet.Profile{wrong})
	until(t, "the new key is refused", func() bool { return shown(t, e)[`docspace_up{portal="acme"}`] == "0" })

	e.ReloadFailed()
	want(t, shown(t, e), map[string]string{"docspace_exporter_profiles_reload_success": "0", "docspace_exporter_portals": "1"})
}

// Portals that are many are all read, and one that hangs holds no other up.
func TestManyPortals(t *testing.T) {
	t.Parallel()
	portal, hanging := docspacetest.New(t), docspacetest.New(t)
	hanging.Inject(docspacetest.Fault{Delay: 10 * patience})
	profiles := []fleet.Profile{profileOf("hanging", hanging)}
	for n := range 30 {
		profiles = append(profiles, profileOf(fmt.Sprintf("portal-%d", n), portal))
	}
	e := newExporter(&watcher{}, func(c *exporter.Config) {
		realTime(c)
		c.Reader.Parallel, c.Reader.Timeout = 4, 20*patience
	}, profiles...)
	running(t, e)
	until(t, "all but one are read", func() bool { return e.Answering() == 30 })
	want(t, shown(t, e), map[string]string{"docspace_exporter_ready": "0", `docspace_up{portal="hanging"}`: ""})
}
