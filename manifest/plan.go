package manifest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/bursarhq/bursar/disk"
)

// planVersion is the form that files of plans have.
const planVersion = 1

// maxPlan is how many bytes a file of a plan may have.
const maxPlan = 256 << 20

// Plan file: what was found to change, to be applied later as it was agreed to.
type planFile struct {
	Version int          `json:"bursarPlan"`
	Made    time.Time    `json:"made"`
	Portals []planPortal `json:"portals"`
}

type planPortal struct {
	Portal  string   `json:"portal"`
	URL     string   `json:"url"`
	Before  string   `json:"before"`
	Wanted  Wanted   `json:"wanted"`
	Changes []Change `json:"changes"`
	// FreeOnly says that what costs something was left out.
	FreeOnly bool `json:"freeOnly,omitempty"`
}

// SavePlan writes what is to be changed to a file, whole or not at all and for its
// owner alone: portals with nothing to change, and with problems, are left out. No key
// is in it.
func SavePlan(path string, now time.Time, diffs []Diff) error {
	file := planFile{Version: planVersion, Made: now.UTC(), Portals: []planPortal{}}
	for _, d := range diffs {
		if d.Err == nil && len(d.Problems) == 0 && len(d.Changes) > 0 {
			file.Portals = append(file.Portals, planPortal{d.Portal, d.URL, d.Before, d.Wanted, d.Changes, d.FreeOnly})
		}
	}
	slices.SortFunc(file.Portals, func(a, b planPortal) int { return cmp.Compare(a.Portal, b.Portal) })
	text, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		return fmt.Errorf("write plan: %w", err)
	}
	return disk.WriteWhole(path, append(text, '\n'))
}

// IsPlan reports whether a file has a plan in it, rather than a manifest. It fails as
// the system does.
func IsPlan(path string) (bool, error) {
	file, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer file.Close()
	start := make([]byte, 256)
	n, err := io.ReadFull(file, start)
	if err != nil && n == 0 {
		return false, nil // a folder is told by who reads it
	}
	return bytes.HasPrefix(bytes.Join(bytes.Fields(start[:n]), nil), []byte(`{"bursarPlan":`)), nil
}

// LoadPlan reads a file that SavePlan wrote. It fails with ErrPlan, or as the system
// does.
func LoadPlan(path string) ([]Diff, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxPlan+1))
	if err != nil {
		return nil, err
	}
	wrong := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s: %s", ErrPlan, path, fmt.Sprintf(format, args...))
	}
	if len(text) > maxPlan {
		return nil, wrong("it is larger than %d bytes", maxPlan)
	}
	var plan planFile
	in := json.NewDecoder(bytes.NewReader(text))
	in.DisallowUnknownFields()
	if err := in.Decode(&plan); err != nil {
		return nil, wrong("%v", err)
	}
	if plan.Version != planVersion {
		return nil, wrong("it is of version %d, and not %d", plan.Version, planVersion)
	}
	var all []Diff
	seen := map[string]bool{}
	for _, p := range plan.Portals {
		if seen[p.Portal] {
			return nil, wrong("portal %q stands there twice", p.Portal)
		}
		if caps := p.Wanted.Rule; caps != nil && caps.Caps != nil && p.Wanted.Operator == nil {
			return nil, wrong("portal %q: there are caps, and no operator", p.Portal)
		}
		seen[p.Portal] = true
		all = append(all, Diff{Portal: p.Portal, URL: p.URL, Wanted: p.Wanted, Before: p.Before, Changes: p.Changes, FreeOnly: p.FreeOnly})
	}
	return all, nil
}
