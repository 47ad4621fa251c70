package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"

	"github.com/bursarhq/bursar/catalog"
)

// drawCatalog returns the stock catalogue with a policy that chance makes. Few worlds
// watch for how long the money of wallets lasts: that is a look a day at each portal.
func drawCatalog(random *rand.Rand) (*catalog.Catalog, error) {
	text := catalog.Stock().YAML()
	from, to := bytes.Index(text, []byte("\npolicy:")), bytes.Index(text, []byte("\nplans:"))
	if from < 0 || to < from {
		return nil, fmt.Errorf("the stock catalogue has no policy before its plans")
	}
	pick := func(of ...string) string { return of[random.IntN(len(of))] }
	policy := fmt.Sprintf(`
policy:
  grace_days: %d
  trial_days: 30
  max_quantity: 999
  runway_days: %s
  renewal:
    notice_days: %s
    ahead_hours: %s
    attempts_hours: %s
    service_grace_days: %d
    unpaid: %s
    trial_end: %s
    overuse: %s
`, random.IntN(14), pick("0", "0", "0", "0", "0", "0", "0", "7"), pick("0", "3", "7", "7"), pick("0", "6", "24", "24", "72"),
		pick("[0]", "[0, 24]", "[0, 24, 72, 120]"), random.IntN(6), pick("close", "free"), pick("close", "free"), pick("notify", "raise", "ignore"))
	return catalog.Parse(bytes.Join([][]byte{text[:from], []byte(policy), text[to:]}, nil))
}
