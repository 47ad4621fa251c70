package exporter

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// said is a sample as it is shown, made once and shown often. Nobody changes it.
type said struct {
	name string
	*dto.Metric
}

// say makes a sample of a portal ready to be shown.
func (e *Exporter) say(portal string, s sample) (said, bool) {
	m := e.descriptions[s.name].metric(s.value, append([]string{portal}, s.labels...)...)
	return said{s.name, m}, m != nil
}

// Gather says what is known, and asks no portal. It is for package prometheus, whose
// registry would look at each sample anew at each scrape: they differ, because portals
// do by name, and those of one by what samples.add sees to.
func (e *Exporter) Gather() ([]*dto.MetricFamily, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := map[string]*dto.MetricFamily{}
	add := func(s said) {
		if all[s.name] == nil {
			all[s.name] = e.descriptions[s.name].empty()
		}
		all[s.name].Metric = append(all[s.name].Metric, s.Metric)
	}
	for _, s := range []sample{
		{exporterBuild, "1", []string{label(e.Version)}},
		{exporterPortals, whole(int64(len(e.portals))), nil},
		{exporterReady, flag(e.ready), nil},
		{exporterReloadOK, flag(e.reloadOK), nil},
	} {
		add(said{s.name, e.descriptions[s.name].metric(s.value, s.labels...)})
	}
	now := e.now()
	for _, name := range slices.Sorted(maps.Keys(e.portals)) {
		p, shown := e.portals[name], label(name)
		for _, s := range p.health(now, e.MaxAge) {
			if one, ok := e.say(shown, s); ok {
				add(one)
			}
		}
		for _, part := range parts() {
			if k := p.parts[part]; k.fresh(now, e.MaxAge) {
				for _, one := range k.all {
					add(one)
				}
			}
		}
	}
	return byName(slices.Collect(maps.Values(all))), nil
}

func byName(all []*dto.MetricFamily) []*dto.MetricFamily {
	slices.SortFunc(all, func(a, b *dto.MetricFamily) int { return cmp.Compare(a.GetName(), b.GetName()) })
	return all
}

// fresh reports whether a part is known, and not too old.
func (k known) fresh(now time.Time, maxAge time.Duration) bool {
	return !k.at.IsZero() && now.Sub(k.at) <= maxAge
}

// health says how it went to read a portal.
func (p *portal) health(now time.Time, maxAge time.Duration) []sample {
	all := []sample{
		{portalInfo, "1", []string{host(p.profile.URL), between(p.profile.Groups)}},
		{requests, whole(p.requests), nil},
		{rateLimited, whole(p.limited), nil},
	}
	for _, f := range failures() {
		all = append(all, sample{scrapeErrors, whole(p.errors[f.kind]), []string{f.kind}})
	}
	if !p.asked {
		return all
	}
	all = append(all, sample{up, flag(p.answers && now.Sub(p.answered) <= maxAge), nil})
	if p.took != nil {
		all = append(all, sample{scrapeDuration, seconds(*p.took), nil})
	}
	if !p.answered.IsZero() {
		all = append(all, sample{lastSuccess, unix(p.answered), nil})
	}
	for _, part := range parts() {
		k, there := p.parts[part]
		if !there {
			continue
		}
		all = append(all, sample{partUp, flag(k.arrives && k.fresh(now, maxAge)), []string{string(part)}})
		if !k.at.IsZero() {
			all = append(all, sample{partSuccess, unix(k.at), []string{string(part)}})
		}
	}
	return all
}

// beside has the portals' metrics, and those of a registry, which have other names.
type beside struct {
	*Exporter
	registry *prometheus.Registry
}

// Gather returns both.
func (b beside) Gather() ([]*dto.MetricFamily, error) {
	own, err := b.registry.Gather()
	if err != nil {
		return nil, err
	}
	all, err := b.Exporter.Gather()
	return byName(append(all, own...)), err
}
