package subscription

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/bursarhq/bursar/catalog"
	"github.com/bursarhq/bursar/docspace"
)

// limits are the features that have a limit, with the sentence about it: {0}
// stands for the limit. Those that are checked before a plan is changed come
// first, in the order in which they are. Source: contract, "Limit checks", which
// has no sentence for users in a room.
var limits = []struct {
	feature string
	text    string
	checked bool
}{
	{"manager", "The number of admins should not exceed {0}", true},
	{"users", "The number of users should not exceed {0}", true},
	{"total_size", "The used storage size should not exceed {0}", true},
	{"room", "The number of rooms should not exceed {0}", true},
	{"usersInRoom", "The number of users in a room should not exceed {0}", true},
	{"aiagent", "The number of AI agents should not exceed {0}", true},
	{"free_backup", "The number of free backups should not exceed {0} within a month", false},
}

// LimitError says that more is used of a feature than is allowed.
type LimitError struct {
	// Feature is its name in the catalogue: "total_size".
	Feature string
	// Limit is what is allowed: pieces, or bytes.
	Limit int64
}

// Error returns the sentence that a portal shows, with a size as a portal writes
// sizes: "The used storage size should not exceed 250 GB".
func (e *LimitError) Error() string {
	value := strconv.FormatInt(e.Limit, 10)
	if kind, _ := catalog.KindOf(e.Feature); kind == catalog.Size || kind == catalog.LargestSize {
		value = docspace.SizeText(e.Limit)
	}
	for _, limit := range limits {
		if limit.feature == e.Feature {
			return strings.Replace(limit.text, "{0}", value, 1)
		}
	}
	return fmt.Sprintf("The use of %s should not exceed %s", e.Feature, value)
}

// Check returns the first limit that what is used exceeds, as a *LimitError; nil if
// there is none. Used is by the feature's name, in pieces or bytes; what is not in
// it is not counted, and exceeds nothing.
//
// In this order: admins, users, storage, rooms, users in a room, AI agents. Free
// backups are no reason against a plan. Source: contract, "Limit checks".
func Check(allowed catalog.Features, used map[string]int64) error {
	for _, limit := range limits {
		n, counted := used[limit.feature]
		if most := allowed.Limit(limit.feature); limit.checked && counted && most != catalog.Unlimited && n > most {
			return &LimitError{Feature: limit.feature, Limit: most}
		}
	}
	return nil
}
