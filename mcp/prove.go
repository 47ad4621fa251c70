package mcp

import (
	"context"
	"time"

	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/reconcile"
)

// proveQuestion says which wallets are to be rebuilt.
type proveQuestion struct {
	which
	From string `json:"from,omitempty" jsonschema:"first day or moment, as 2026-07-01; whether the balance agrees can't be told then. Leave out for all operations"`
}

// maxFindings is how many findings of a wallet are passed on, and maxConcerned how many
// operations of one.
const (
	maxFindings  = 30
	maxConcerned = 5
)

func (s *server) reconcile(ctx context.Context, q proveQuestion) (out answers[reconcile.Document], err error) {
	from, err := parseMoment("from", q.From, 0)
	if err != nil {
		return out, err
	}
	one := func(ctx context.Context, p *fleet.Portal) (reconcile.Document, error) {
		result, _, err := reconcile.Read(ctx, p.Client, reconcile.Reading{Now: s.Now, Pause: time.Second, Config: reconcile.Config{From: from}})
		if err != nil {
			return reconcile.Document{}, err
		}
		return cleanDocument(result.Document(p.Name)), nil
	}
	return ask(ctx, s, q.which, maxProven, one, func(name string, err error) reconcile.Document {
		return reconcile.Document{Portal: name, Verdict: reconcile.Unproven, Error: text(err.Error()),
			Pockets: []reconcile.PocketDocument{}, Findings: []reconcile.FindingDocument{}, Unproven: []string{}, Notes: []string{}}
	})
}

// cleanDocument makes data of what portals say, and leaves out what is too much.
func cleanDocument(d reconcile.Document) reconcile.Document {
	if more := len(d.Findings) - maxFindings; more > 0 {
		d.Findings = d.Findings[:maxFindings]
		d.Notes = append(d.Notes, "there are more findings: bursar reconcile prints them all")
	}
	for i := range d.Findings {
		f := &d.Findings[i]
		f.Text = text(f.Text)
		if more := len(f.Operations) - maxConcerned; more > 0 {
			f.Operations, f.More = f.Operations[:maxConcerned], f.More+more
		}
		for n := range f.Operations {
			f.Operations[n] = cleanOperation(f.Operations[n])
		}
	}
	for _, all := range [][]string{d.Unproven, d.Notes} {
		for i := range all {
			all[i] = text(all[i])
		}
	}
	return d
}
