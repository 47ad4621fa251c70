//go:build !linux

package main

import "errors"

// serveFleet needs an address for each portal, which other systems don't have.
func serveFleet(file, portals string) error {
	return errors.New("thousands of portals on one machine need Linux, where all of 127.0.0.0/8 is the machine")
}
