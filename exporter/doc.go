// Package exporter tells Prometheus how portals stand: it reads them in the background,
// each within what it allows, and shows what it knows to whoever asks, as often as they
// like. What is not known is not there; it is never nought.
package exporter
