// Package check says what is wrong with how a portal stands: too little in its wallet,
// or for too short a time, payments to come that nothing covers, a plan that is not paid
// or outgrown, a top-up rule that does nothing, and whatever could not be found out.
package check

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Severity says how bad it is. A larger one is worse: what is not known may be
// critical, and what is a warning is not.
type Severity int

const (
	OK Severity = iota
	Warning
	Unknown
	Critical
)

// String returns "ok", "warning", "unknown" or "critical".
func (s Severity) String() string {
	names := []string{"ok", "warning", "unknown", "critical"}
	if s < 0 || int(s) >= len(names) {
		return fmt.Sprintf("severity %d", int(s))
	}
	return names[s]
}

// MarshalText writes what String returns.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Rule is a thing that is looked at.
type Rule string

const (
	RuleRead    Rule = "read"    // whether the portal answers
	RuleAge     Rule = "age"     // how old the answers may be
	RuleBalance Rule = "balance" // what is in the wallet
	RuleRunway  Rule = "runway"  // for how long that lasts
	RuleDue     Rule = "due"     // what falls due, and is covered or not
	RulePlan    Rule = "plan"    // whether it is paid for, and enough
	RuleTopUp   Rule = "topup"   // whether the top-up rule does what it says
	RulePayer   Rule = "payer"   // whether somebody may change what is paid
)

// Code is what is wrong, for programs. It is the name of its rule, a hyphen, and more;
// what one stands for never changes.
type Code string

const (
	ReadPortal     Code = "read-portal"     // nothing could be read
	ReadPart       Code = "read-part"       // a part could not be read
	AgeOver        Code = "age-over"        // what was read is too old
	BalanceLow     Code = "balance-low"     // less than the limit is in the wallet
	BalanceUnknown Code = "balance-unknown" // the portal does not say what is in it
	RunwayShort    Code = "runway-short"    // the wallet lasts less long than the limit
	RunwayUnknown  Code = "runway-unknown"  // too little is known of what was spent
	DueUncovered   Code = "due-uncovered"   // something falls due that can't be paid
	DueUnknown     Code = "due-unknown"     // something falls due, and who knows what it costs
	DueTrial       Code = "due-trial"       // a trial ends
	PlanUnpaid     Code = "plan-unpaid"     // the plan is not paid
	PlanOverdue    Code = "plan-overdue"    // it is not paid, and works for some days yet
	PlanService    Code = "plan-service"    // a service that the wallet should pay is overdue
	PlanOver       Code = "plan-over"       // more is used than the plan allows
	TopUpOff       Code = "topup-off"       // the rule is off, and should be on
	TopUpMethod    Code = "topup-method"    // the rule is on, with nothing to charge
	TopUpInert     Code = "topup-inert"     // the rule is on, and can't act as it is
	PayerOrphaned  Code = "payer-orphaned"  // no user has the customer's address
)

// Rule returns the rule that a code belongs to.
func (c Code) Rule() Rule {
	rule, _, _ := strings.Cut(string(c), "-")
	return Rule(rule)
}

// Problem is one thing that is wrong with a portal.
type Problem struct {
	Code     Code     `json:"code"`
	Severity Severity `json:"severity"`
	// Portal is what the portal is called.
	Portal string `json:"portal"`
	// Subject is what of it is meant: a currency, a feature, a service, a part of the
	// report; "" for the portal as a whole.
	Subject string `json:"subject,omitempty"`
	// Text is a sentence for people, without the portal's name and a full stop. It may
	// repeat what the portal sent.
	Text string `json:"text"`
	// Value is what was found, and Limit what it should be: decimal numbers, or moments
	// as in RFC 3339. "" where there is no such thing.
	Value string `json:"value,omitempty"`
	Limit string `json:"limit,omitempty"`
	// Unit is what both count: a currency, "days", "seconds", "bytes", "pieces"; "" for
	// moments and for nothing.
	Unit string `json:"unit,omitempty"`
}

// Worst returns the worst severity of problems; OK when there are none.
func Worst(problems []Problem) Severity {
	worst := OK
	for _, p := range problems {
		worst = max(worst, p.Severity)
	}
	return worst
}

// Sort puts problems in order: by portal, the worst first.
func Sort(problems []Problem) {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Portal, b.Portal), cmp.Compare(b.Severity, a.Severity), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Subject, b.Subject))
	})
}
