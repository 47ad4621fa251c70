package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/webpage"
)

// runReportPage writes one page on the portals that the flags choose, with what happened
// in their wallets. Nothing is written where nothing could be read.
func runReportPage(ctx context.Context, env Env, flags *reportFlags, only []docspace.Part) error {
	if err := flags.checkPage(only); err != nil {
		return err
	}
	chosen, err := flags.portals()
	if err != nil {
		return err
	}
	reader, err := flags.reader()
	if err != nil {
		return err
	}
	flags.warnOfClear(chosen)
	page := &webpage.Page{
		Now: env.Now(), Many: flags.many(), Overview: len(chosen) > webpage.MaxPortals && !flags.full, FeatureName: featureName,
	}
	defer page.Close()
	var failed manyFailed
	arrived := false
	bar := newProgress(env, flags.quiet, len(chosen), "Reading portals")
	err = fleet.Each(ctx, reader, chosen, func(ctx context.Context, p *fleet.Portal) (webpage.Portal, error) {
		return webpage.Read(ctx, p, env.Now(), only...), nil
	}, func(p fleet.Profile, one webpage.Portal, err error) error {
		bar.step()
		if err != nil {
			if !flags.many() {
				return err // the command is wrong, or its key
			}
			one = webpage.Portal{Name: p.Name, Err: err}
			failed.add(p.Name, err)
		} else {
			failed.report(portalReport{p, one.Snapshot})
			arrived = arrived || len(one.Failed) < len(one.Asked)
			if one.HistoryErr != nil {
				failed.note(p.Name, fmt.Errorf("read what happened in the wallet: %w", one.HistoryErr))
			}
		}
		return page.Add(&one)
	})
	bar.stop()
	if err != nil {
		return err
	}
	if arrived {
		if err := page.Finish(env.Stdout); err != nil {
			return err
		}
	}
	return failed.outcome(env, len(chosen), errors.New("portals could not be read"))
}

// checkPage refuses what a page can't be made with.
func (f *reportFlags) checkPage(only []docspace.Part) error {
	for _, part := range only {
		if !slices.Contains(webpage.Parts(), part) {
			var names []string
			for _, one := range webpage.Parts() {
				names = append(names, string(one))
			}
			return usage("--only: a page has no %s; it has %s", part, strings.Join(names, ", "))
		}
	}
	switch {
	case f.rates != "":
		return usage("--rates: -o html adds nothing up across currencies")
	case f.full && !f.many():
		return usage("--full is for many portals: --all or --group")
	}
	return nil
}

// writePage writes a page on a report that was read already, without what happened in
// the wallet.
func writePage(w io.Writer, env Env, r *docspace.Report, lasts *fleet.Runway) error {
	page := &webpage.Page{Now: env.Now(), FeatureName: featureName}
	defer page.Close()
	portal := webpage.Portal{Name: addressed(r.Portal).Name, Snapshot: fleet.Snapshot{Report: r, Runway: lasts}}
	if err := page.Add(&portal); err != nil {
		return err
	}
	return page.Finish(w)
}
