package exporter

import (
	"errors"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
)

// failures are the kinds of what can go wrong with a portal, as the label says them.
func failures() []failure {
	return []failure{
		{"config", []error{docspace.ErrConfig, fleet.ErrProfiles}},
		{"key", []error{fleet.ErrKey}},
		{"unauthorized", []error{docspace.ErrUnauthorized}},
		{"forbidden", []error{docspace.ErrForbidden}},
		{"not_found", []error{docspace.ErrNotFound}},
		{"rate_limited", []error{docspace.ErrRateLimited}},
		{"refused", []error{docspace.ErrRefused, docspace.ErrPaymentRequired}},
		{"portal_failed", []error{docspace.ErrPortalFailed}},
		{"unreachable", []error{docspace.ErrUnreachable}},
		{"timeout", []error{docspace.ErrTimeout}},
		{"malformed", []error{docspace.ErrMalformed, docspace.ErrTooLarge, docspace.ErrRedirect}},
		{kindOther, nil},
	}
}

type failure struct {
	kind string
	errs []error
}

const kindOther = "other"

// kindOf returns the kind of an error.
func kindOf(err error) string {
	for _, f := range failures() {
		for _, known := range f.errs {
			if errors.Is(err, known) {
				return f.kind
			}
		}
	}
	return kindOther
}
