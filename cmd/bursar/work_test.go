package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
)

// What a server does by itself is logged when it begins to fail and when it works
// again, and never ends anything.
func TestFailingWorkIsLoggedOnce(t *testing.T) {
	var log bytes.Buffer
	w := worker{server: &server{log: slog.New(slog.NewTextHandler(&log, nil))}, failing: map[string]bool{}}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	for _, step := range []struct {
		ctx  context.Context
		err  error
		said string // "" for nothing
	}{
		{t.Context(), nil, ""},
		{t.Context(), errors.New("no disk"), "could not seal"},
		{t.Context(), errors.New("no disk"), ""},
		{stopped, context.Canceled, ""},
		{t.Context(), nil, "could seal"},
		{t.Context(), nil, ""},
		{stopped, context.Canceled, ""},
		{t.Context(), errors.New("no disk"), "no disk"},
	} {
		log.Reset()
		w.do(step.ctx, "seal", func(context.Context) error { return step.err })
		if got := log.String(); (step.said == "") != (got == "") || !strings.Contains(got, step.said) {
			t.Errorf("after %v it is logged: %q", step.err, got)
		}
	}
}
