package catalog

// Policy is what holds for every plan.
type Policy struct {
	// GraceDays is for how many days after a plan should have been paid the portal
	// still has it.
	GraceDays int
	// TrialDays is how many days a trial lasts.
	TrialDays int
	// MaxQuantity is how many units of one plan a portal may have.
	MaxQuantity int64
}

// The limits of a policy, and what holds where a catalogue says nothing.
const (
	maxGraceDays = 365
	maxTrialDays = 365
	maxQuantity  = 1_000_000
)

// standardPolicy is DocSpace's own. Source: contract, "State" and "Configuration
// keys".
func standardPolicy() Policy { return Policy{GraceDays: 10, TrialDays: 30, MaxQuantity: 999} }

// Policy returns what holds for every plan.
func (c *Catalog) Policy() Policy { return c.policy }

func (r *reader) policy(o object) Policy {
	p := standardPolicy()
	if o.has("grace_days") {
		p.GraceDays = int(o.whole("grace_days", 0, maxGraceDays))
	}
	if o.has("trial_days") {
		p.TrialDays = int(o.whole("trial_days", 1, maxTrialDays))
	}
	if o.has("max_quantity") {
		p.MaxQuantity = o.whole("max_quantity", 1, maxQuantity)
	}
	return p
}
