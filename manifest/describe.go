package manifest

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/bursarhq/bursar/fleet"
)

// Head is how a manifest begins whose portals Describe words.
const Head = "version: 1\nportals:\n"

// Describe words how portals are now as members of a manifest, so many at once as the
// reader says: done has each as it arrives, in no order, as lines to stand under Head.
// What a manifest can't say is in a comment. It returns the context's error, and done's
// first.
func (e *Engine) Describe(ctx context.Context, profiles []fleet.Profile, done func(p fleet.Profile, lines string, err error) error) error {
	return fleet.Each(ctx, e.Reader, profiles, describe, done)
}

func describe(ctx context.Context, portal *fleet.Portal) (string, error) {
	w := Wanted{Rule: &Rule{}, Plan: &Plan{}}
	for _, p := range products {
		w.Services = append(w.Services, Switch{Service: p.name})
		if p.least > 0 {
			w.Quantities = append(w.Quantities, Quantity{Product: p.name})
		}
	}
	s := &site{Portal: portal, wanted: w}
	st, err := s.read(ctx, false)
	if err != nil {
		return "", err
	}
	if st.offers, err = s.WalletServices(ctx); err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "  %s:\n", plainName(portal.Name))
	b.WriteString(st.ruleLine())
	b.WriteString(st.serviceLine())
	b.WriteString(st.quantityLines())
	b.WriteString(st.planLine())
	return b.String(), nil
}

func (s *state) ruleLine() string {
	rule := s.hasRule()
	switch {
	case rule.None:
		return "    topup_rule: none\n"
	case rule.Min.Currency() == "" || rule.Min.Currency() != rule.UpTo.Currency() || rule.Min.Sign() <= 0 || rule.UpTo.Units() <= rule.Min.Units():
		return "    # its top-up rule makes no sense: " + rule.String() + "\n"
	}
	return fmt.Sprintf("    topup_rule: {enabled: %t, min: %s, up_to: %s, currency: %s}\n", rule.Enabled, rule.Min.Decimal(), rule.UpTo.Decimal(), rule.Min.Currency())
}

func (s *state) serviceLine() string {
	var all []string
	for _, p := range products {
		on := s.isOn(p.name)
		if !on && (s.offer(p.id) == nil || p.least > 0) { // what is bought is not switched on besides
			continue
		}
		all = append(all, p.name+": "+map[bool]string{true: "on", false: "off"}[on])
	}
	if all == nil {
		return ""
	}
	return "    services: {" + strings.Join(all, ", ") + "}\n"
}

func (s *state) quantityLines() string {
	var all []string
	for _, p := range products {
		has := s.part(int(p.id))
		if p.least == 0 || has.Quantity == 0 {
			continue
		}
		text := fmt.Sprintf("      %s: %d\n", p.name, has.Quantity)
		switch {
		case has.Overdue || has.Next != nil && *has.Next > has.Quantity:
			text = fmt.Sprintf("      %s: leave # %s now, and another number from the next period on, or not paid\n", p.name, count(has.Quantity))
		case has.Next != nil:
			text = fmt.Sprintf("      %s: %d # %d until the period ends\n", p.name, *has.Next, has.Quantity)
		}
		all = append(all, text)
	}
	if all == nil {
		return ""
	}
	return "    quantities:\n" + strings.Join(all, "")
}

func (s *state) planLine() string {
	has := s.plan()
	if s.quota == nil || s.quota.Free || s.quota.Trial || has.Quantity == 0 || s.isWalletPlan(has.ID) {
		return ""
	}
	return fmt.Sprintf("    plan: {quantity: %d}\n", has.Quantity)
}

var plainForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._-]*$`)

// plainName returns a name as YAML takes it for a text.
func plainName(name string) string {
	words := []string{"true", "false", "yes", "no", "on", "off", "null", "y", "n"}
	if plainForm.MatchString(name) && !slices.Contains(words, strings.ToLower(name)) {
		return name
	}
	return `"` + name + `"`
}
