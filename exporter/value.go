package exporter

import (
	"strconv"

	dto "github.com/prometheus/client_model/go"
)

// metric says a number that is given as decimal text. Prometheus knows no numbers but
// floating-point ones, so this is the edge at which an exact one becomes the nearest of
// those, for the library alone: nothing is ever worked out of it here. Up to 15 digits
// come out as they went in. What is no number is not said: nil.
func (d description) metric(text string, labels ...string) *dto.Metric {
	value, err := strconv.ParseFloat(text, 64)
	if err != nil || len(labels) != len(d.labels) {
		return nil
	}
	m := &dto.Metric{Label: d.pairs(labels)}
	if d.counter {
		m.Counter = &dto.Counter{Value: &value}
	} else {
		m.Gauge = &dto.Gauge{Value: &value}
	}
	return m
}
