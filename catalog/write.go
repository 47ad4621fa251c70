package catalog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// YAML returns the catalogue as a file that Parse reads as the same catalogue. It
// has no comments.
func (c *Catalog) YAML() []byte {
	var b bytes.Buffer
	var codes []string
	for _, currency := range c.currencies {
		codes = append(codes, string(currency))
	}
	fmt.Fprintf(&b, "currencies: [%s]\n\n", strings.Join(codes, ", "))
	c.policy.write(&b)
	b.WriteString("\nplans:")
	for _, p := range c.plans {
		b.WriteByte('\n')
		p.write(&b)
	}
	c.ai.write(&b)
	return b.Bytes()
}

// member is a name of a policy and what stands behind it.
type member struct{ name, value string }

// members returns all that a policy says; what is about renewals under "renewal.".
func (p Policy) members() []member {
	var attempts []string
	for _, at := range p.Attempts {
		attempts = append(attempts, strconv.Itoa(int(at/time.Hour)))
	}
	return []member{
		{"grace_days", strconv.Itoa(p.GraceDays)},
		{"trial_days", strconv.Itoa(p.TrialDays)},
		{"max_quantity", strconv.FormatInt(p.MaxQuantity, 10)},
		{"runway_days", strconv.Itoa(p.RunwayDays)},
		{"renewal.notice_days", strconv.Itoa(p.NoticeDays)},
		{"renewal.ahead_hours", strconv.Itoa(int(p.Ahead / time.Hour))},
		{"renewal.attempts_hours", "[" + strings.Join(attempts, ", ") + "]"},
		{"renewal.service_grace_days", strconv.Itoa(p.ServiceGraceDays)},
		{"renewal.unpaid", string(p.Unpaid)},
		{"renewal.trial_end", string(p.TrialEnd)},
		{"renewal.overuse", string(p.Overuse)},
	}
}

func (p Policy) write(b *bytes.Buffer) {
	b.WriteString("policy:\n")
	inRenewal := false
	for _, m := range p.members() {
		name, ofRenewal := strings.CutPrefix(m.name, "renewal.")
		if ofRenewal && !inRenewal {
			b.WriteString("  renewal:\n")
			inRenewal = true
		}
		if ofRenewal {
			b.WriteString("  ")
		}
		fmt.Fprintf(b, "  %s: %s\n", name, m.value)
	}
}

func (p *Plan) write(b *bytes.Buffer) {
	fmt.Fprintf(b, "  - id: %d\n", p.ID)
	for _, field := range []struct{ name, value string }{
		{"name", p.Name}, {"title", p.Title}, {"description", p.Description}, {"unit", p.Unit},
		{"product", p.ProductID}, {"service", p.Service}, {"group", p.Group}, {"period", string(p.Period)},
	} {
		if field.value != "" {
			fmt.Fprintf(b, "    %s: %s\n", field.name, inQuotes(field.value))
		}
	}
	for _, field := range []struct {
		name string
		set  bool
	}{{"visible", p.Visible}, {"wallet", p.Wallet}, {"additional", p.Additional}} {
		if field.set {
			fmt.Fprintf(b, "    %s: true\n", field.name)
		}
	}
	if p.Minimum > 1 {
		fmt.Fprintf(b, "    minimum: %d\n", p.Minimum)
	}
	if features := p.Features.String(); features != "" {
		fmt.Fprintf(b, "    features: %s\n", inQuotes(strings.ReplaceAll(features, ",", ", ")))
	}
	if len(p.prices) == 1 && p.prices[0].From.IsZero() {
		if !p.prices[0].isFree() {
			fmt.Fprintf(b, "    price: { %s }\n", p.prices[0].members())
		}
		return
	}
	b.WriteString("    price:\n")
	for _, price := range p.prices {
		fmt.Fprintf(b, "      - { %s }\n", price.members())
	}
}

func (p Price) isFree() bool {
	for _, amount := range p.Amounts {
		if amount.Sign() != 0 {
			return false
		}
	}
	return true
}

// members returns "from: 2027-01-01, USD: 20.00".
func (p Price) members() string {
	var all []string
	if !p.From.IsZero() {
		all = append(all, "from: "+momentText(p.From))
	}
	for _, amount := range p.Amounts {
		all = append(all, fmt.Sprintf("%s: %s", amount.Currency(), amount.Decimal()))
	}
	return strings.Join(all, ", ")
}

// momentText returns a day where a moment is the first of it in UTC.
func momentText(at time.Time) string {
	if at.Equal(at.Truncate(24 * time.Hour)) {
		return at.Format(time.DateOnly)
	}
	return at.Format(time.RFC3339Nano)
}

func (list AI) write(b *bytes.Buffer) {
	fmt.Fprintf(b, "\nai:\n  currency: %s\n", list.Currency)
	line := func(m Model, prices string) {
		fmt.Fprintf(b, "    - { id: %s, alias: %s, provider: %s", inQuotes(m.ID), inQuotes(m.Alias), inQuotes(m.Provider))
		if m.Image != "" {
			fmt.Fprintf(b, ", image: %s", inQuotes(m.Image))
		}
		if m.Link != "" {
			fmt.Fprintf(b, ", link: %s", inQuotes(m.Link))
		}
		fmt.Fprintf(b, ", %s }\n", prices)
	}
	for i, m := range list.Chat {
		if i == 0 {
			b.WriteString("  chat:\n")
		}
		line(m.Model, fmt.Sprintf("prompt: %s, completion: %s", m.Prompt.Decimal(), m.Completion.Decimal()))
	}
	for i, m := range list.Embedding {
		if i == 0 {
			b.WriteString("  embedding:\n")
		}
		line(m.Model, "prompt: "+m.Prompt.Decimal())
	}
	for i, m := range list.WebSearch {
		if i == 0 {
			b.WriteString("  web_search:\n")
		}
		line(m.Model, "price: "+m.Price.Decimal())
	}
}

// inQuotes returns a text as YAML takes for nothing else: as JSON writes it.
func inQuotes(s string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a text can always be encoded
	return strings.TrimSuffix(b.String(), "\n")
}
