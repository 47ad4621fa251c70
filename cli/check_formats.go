package cli

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"
	"time"

	"github.com/bursarhq/bursar/check"
)

// write prints what was found in one of the formats.
func (c *checked) write(env Env, format string) error {
	c.sort()
	var b bytes.Buffer
	switch format {
	case "json":
		if err := printJSON(&b, c.document()); err != nil {
			return err
		}
	case "junit":
		if err := c.junit(&b); err != nil {
			return err
		}
	case "nagios":
		c.nagios(&b)
	default:
		for _, p := range c.problems {
			fmt.Fprintf(&b, "%s\n", cleaned(problemText(p)))
		}
	}
	_, err := env.Stdout.Write(b.Bytes())
	return err
}

// problemText is a problem on one line: "CRITICAL acme balance-low: 12.50 USD is left, …".
func problemText(p check.Problem) string {
	return fmt.Sprintf("%s %s %s: %s", strings.ToUpper(p.Severity.String()), p.Portal, p.Code, p.Text)
}

// checkDocument is what a check found, as JSON has it. It only ever grows.
type checkDocument struct {
	Schema    string            `json:"schema"`
	CheckedAt time.Time         `json:"checkedAt"`
	State     check.Severity    `json:"state"`
	Rules     []check.Rule      `json:"rules"`
	Portals   []checkedPortal   `json:"portals"`
	Problems  []check.Problem   `json:"problems"`
	Measures  []measureDocument `json:"measures"`
}

// measureDocument is a number that was looked at, whether it is well or not.
type measureDocument struct {
	Portal   string `json:"portal"`
	Name     string `json:"name"`
	Value    string `json:"value"`
	Warn     string `json:"warn,omitempty"`
	Critical string `json:"critical,omitempty"`
	Unit     string `json:"unit"`
}

const checkSchemaID = "https://github.com/bursarhq/bursar/check/v1"

func (c *checked) document() checkDocument {
	d := checkDocument{
		Schema: checkSchemaID, CheckedAt: c.at.UTC().Truncate(time.Second), State: check.Worst(c.problems), Rules: c.rules,
		Portals: c.portals, Problems: c.problems, Measures: []measureDocument{},
	}
	if d.Problems == nil {
		d.Problems = []check.Problem{}
	}
	for _, m := range c.measures {
		d.Measures = append(d.Measures, measureDocument(m))
	}
	return d
}

// nagios prints a line with the state and the numbers, and one more for each problem.
// Source: Monitoring Plugins Development Guidelines, "Plugin Output for Nagios" and
// "Performance data".
func (c *checked) nagios(b *bytes.Buffer) {
	fmt.Fprintf(b, "BURSAR %s - %s", strings.ToUpper(check.Worst(c.problems).String()), c.summary())
	for i, m := range c.measures {
		if i == 0 {
			b.WriteString(" |")
		}
		fmt.Fprintf(b, " %s=%s;%s;%s", nagiosLabel(m), m.Value, nagiosFloor(m.Warn), nagiosFloor(m.Critical))
	}
	b.WriteByte('\n')
	if len(c.problems) < 2 {
		return
	}
	for _, p := range c.problems {
		fmt.Fprintf(b, "%s\n", nagiosText(problemText(p)))
	}
}

// summary says it in a line: the problem if there is one, else how many.
func (c *checked) summary() string {
	if len(c.problems) == 1 {
		p := c.problems[0]
		return nagiosText(p.Portal + ": " + p.Text)
	}
	where := countText(len(c.portals), "portal")
	if len(c.problems) > 1 {
		return countText(len(c.problems), "problem") + " in " + where
	}
	if len(c.portals) == 1 {
		return nagiosText(c.portals[0].Portal) + " is well"
	}
	return where + " are well"
}

// nagiosText takes out of a text what would begin the numbers.
func nagiosText(text string) string { return strings.ReplaceAll(cleaned(text), "|", "/") }

// nagiosLabel is what a number is called; neither a quote nor an equals sign may be in it.
func nagiosLabel(m check.Measure) string {
	return "'" + strings.NewReplacer("'", "", "=", "").Replace(nagiosText(m.Portal+" "+m.Name)) + "'"
}

// nagiosFloor is a range from a number up: below it there is an alert.
func nagiosFloor(limit string) string {
	if limit == "" {
		return ""
	}
	return limit + ":"
}

// The elements of JUnit's XML, as far as they are of use here. Each portal is a suite,
// each rule a case in it, a problem its failure, and what is unknown its error.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name      string      `xml:"name,attr"`
		Tests     int         `xml:"tests,attr"`
		Failures  int         `xml:"failures,attr"`
		Errors    int         `xml:"errors,attr"`
		Skipped   int         `xml:"skipped,attr"`
		Timestamp string      `xml:"timestamp,attr"`
		Cases     []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name    string      `xml:"name,attr"`
		Class   string      `xml:"classname,attr"`
		Failure *junitFault `xml:"failure"` // one of the three at most
		Error   *junitFault `xml:"error"`
		Skipped *junitFault `xml:"skipped"`
	}
	junitFault struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr,omitempty"`
		Text    string `xml:",chardata"`
	}
)

// junit prints one suite a portal. What could not be looked at because the portal does
// not answer is skipped.
func (c *checked) junit(b *bytes.Buffer) error {
	all := junitSuites{Name: "bursar check"}
	problems := c.problems // in the order of the portals
	for _, portal := range c.portals {
		n := 0
		for n < len(problems) && problems[n].Portal == portal.Portal {
			n++
		}
		suite := junitSuite{Name: cleaned(portal.Portal), Timestamp: c.at.UTC().Format("2006-01-02T15:04:05")}
		for _, rule := range c.rules {
			suite.add(rule, problems[:n])
		}
		problems = problems[n:]
		all.Tests, all.Failures, all.Errors = all.Tests+suite.Tests, all.Failures+suite.Failures, all.Errors+suite.Errors
		all.Suites = append(all.Suites, suite)
	}
	b.WriteString(xml.Header)
	enc := xml.NewEncoder(b)
	enc.Indent("", "  ")
	if err := enc.Encode(all); err != nil {
		return err
	}
	b.WriteByte('\n')
	return nil
}

// add adds the case of a rule, with one fault for all of its problems, as the schema
// has it. It is an error if all that is wrong is that something is unknown.
func (s *junitSuite) add(rule check.Rule, problems []check.Problem) {
	one := junitCase{Name: string(rule), Class: s.Name}
	var (
		fault junitFault
		worst check.Severity
		lines []string
	)
	unread, allUnknown := false, true
	for _, p := range problems {
		unread = unread || p.Code == check.ReadPortal
		if p.Code.Rule() != rule {
			continue
		}
		if lines == nil || p.Severity > worst {
			worst, fault.Message, fault.Type = p.Severity, cleaned(p.Text), p.Severity.String()+" "+string(p.Code)
		}
		allUnknown = allUnknown && p.Severity == check.Unknown
		lines = append(lines, cleaned(problemText(p)))
	}
	fault.Text = strings.Join(lines, "\n")
	s.Tests++
	switch {
	case lines == nil && unread:
		s.Skipped++
		one.Skipped = &junitFault{Message: "the portal could not be read"}
	case lines == nil:
	case allUnknown:
		s.Errors++
		one.Error = &fault
	default:
		s.Failures++
		one.Failure = &fault
	}
	s.Cases = append(s.Cases, one)
}
