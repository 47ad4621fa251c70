package exporter_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/bursarhq/bursar/docspacetest"
	"github.com/bursarhq/bursar/exporter"
	"github.com/bursarhq/bursar/fleet"
)

// That others are read first is no time of a portal's own.
func TestReadingsAreTimedOneByOne(t *testing.T) {
	t.Parallel()
	portal, w := docspacetest.New(t), &watcher{}
	keyless := profileOf("keyless", portal)
	keyless.Key = fleet.Key{Variable: "NOT_SET"}
	e := newExporter(w, func(c *exporter.Config) { c.Reader.Parallel = 1 }, profileOf("a", portal), profileOf("b", portal), keyless)
	if err := e.ReadOnce(t.Context(), func(fleet.Profile, error) { w.Move(10 * time.Minute) }); err != nil {
		t.Fatal(err)
	}
	want(t, shown(t, e), map[string]string{
		`docspace_scrape_duration_seconds{portal="a"}`: "0", `docspace_scrape_duration_seconds{portal="b"}`: "0",
		`docspace_scrape_duration_seconds{portal="keyless"}`: "", `docspace_up{portal="keyless"}`: "0",
	})
}

func TestReadOnceEndsWithTheContext(t *testing.T) {
	t.Parallel()
	portal := docspacetest.New(t)
	e := newExporter(&watcher{}, nil, profileOf("acme", portal))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := e.ReadOnce(ctx, func(fleet.Profile, error) { t.Error("it was read") }); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
