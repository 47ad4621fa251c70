package exporter

import (
	"maps"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Describe says which metrics there are. It is for package prometheus.
func (e *Exporter) Describe(to chan<- *prometheus.Desc) {
	for _, d := range e.descriptions {
		to <- d.Desc
	}
}

// Collect says what is known, and asks no portal. It is for package prometheus.
func (e *Exporter) Collect(to chan<- prometheus.Metric) {
	for _, m := range e.metrics() {
		to <- m
	}
}

// metrics returns what is known.
func (e *Exporter) metrics() (all []prometheus.Metric) {
	e.mu.Lock()
	defer e.mu.Unlock()
	say := func(name, value string, labels ...string) {
		all = append(all, e.descriptions[name].metric(value, labels...))
	}
	say(exporterBuild, "1", label(e.Version))
	say(exporterPortals, whole(int64(len(e.portals))))
	say(exporterReady, flag(e.ready))
	say(exporterReloadOK, flag(e.reloadOK))
	now := e.now()
	for _, name := range slices.Sorted(maps.Keys(e.portals)) {
		p := e.portals[name]
		p.show(now, e.MaxAge, func(name, value string, labels ...string) {
			say(name, value, append([]string{label(p.profile.Name)}, labels...)...)
		})
	}
	return all
}

// show says what is known of a portal and not too old.
func (p *portal) show(now time.Time, maxAge time.Duration, say func(name, value string, labels ...string)) {
	say(portalInfo, "1", host(p.profile.URL), between(p.profile.Groups))
	say(requests, whole(p.requests))
	say(rateLimited, whole(p.limited))
	for _, f := range failures() {
		say(scrapeErrors, whole(p.errors[f.kind]), f.kind)
	}
	if !p.asked {
		return
	}
	say(up, flag(p.answers && now.Sub(p.answered) <= maxAge))
	say(scrapeDuration, seconds(p.took))
	if !p.answered.IsZero() {
		say(lastSuccess, unix(p.answered))
	}
	for _, part := range parts() {
		k, there := p.parts[part]
		if !there {
			continue
		}
		fresh := !k.at.IsZero() && now.Sub(k.at) <= maxAge
		say(partUp, flag(k.arrives && fresh), string(part))
		if !k.at.IsZero() {
			say(partSuccess, unix(k.at), string(part))
		}
		if !fresh {
			continue
		}
		for _, s := range k.all {
			say(s.name, s.value, s.labels...)
		}
	}
}
