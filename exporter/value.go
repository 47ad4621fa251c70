package exporter

import (
	"fmt"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// metric says a number that is given as decimal text. Prometheus knows no numbers but
// floating-point ones, so this is the edge at which an exact one becomes the nearest of
// those, for the library alone: nothing is ever worked out of it here. Up to 15 digits
// come out as they went in.
func (d description) metric(text string, labels ...string) prometheus.Metric {
	value, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return prometheus.NewInvalidMetric(d.Desc, fmt.Errorf("%q is no number", text))
	}
	said, err := prometheus.NewConstMetric(d.Desc, d.kind, value, labels...)
	if err != nil {
		return prometheus.NewInvalidMetric(d.Desc, err)
	}
	return said
}
