package notice

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/bursarhq/bursar/event"
)

// maxWords is how many characters of what others typed in are shown.
const maxWords = 80

// line returns what somebody else typed in as it stands in a notice: on one line, with
// nothing in it that can't be seen or turns the direction of reading, and not too long.
func line(text string) string {
	text = strings.ToValidUTF8(text, "\ufffd")
	text = strings.Join(strings.FieldsFunc(text, func(c rune) bool {
		return unicode.IsSpace(c) || unicode.IsControl(c) || unicode.Is(unicode.Cf, c)
	}), " ")
	if all := []rune(text); len(all) > maxWords {
		text = strings.TrimRight(string(all[:maxWords-1]), " ") + "…"
	}
	return text
}

// money says an amount: "1,250.00 USD"; "" for none.
func (w *writer) money(m event.Money) string {
	a, err := m.Parse()
	if err != nil && w.err == nil {
		w.err = fmt.Errorf("%s %s: %w", line(m.Amount), line(m.Currency), err)
	}
	if err != nil || a.IsZero() {
		return ""
	}
	return a.Grouped() + " " + string(a.Currency())
}

// moment says when something is by the portal's clocks: "8 July 2026, 13:39
// (Europe/Berlin)"; "" for the zero Time.
func (w *writer) moment(at event.Time) string {
	if at.IsZero() {
		return ""
	}
	zone := w.notice.Portal.Zone
	if zone == nil {
		zone = time.UTC
	}
	return at.In(zone).Format("2 January 2006, 15:04") + " (" + zone.String() + ")"
}

// portalName returns what the portal is called; "" for none.
func (w *writer) portalName() string {
	p := w.notice.Portal
	if name := line(p.Name); name != "" {
		return name
	}
	return line(p.ID)
}

// portal says which portal it is: "Acme, acme.example.com". Operators are told its id.
func (w *writer) portal() string {
	p, all := w.notice.Portal, []string{}
	for _, part := range []string{w.portalName(), line(p.Address)} {
		if part != "" {
			all = append(all, part)
		}
	}
	if id := line(p.ID); w.toOperator() && id != "" && id != w.portalName() {
		all = append(all, "portal "+id)
	}
	return strings.Join(all, ", ")
}

// footer says why the reader gets the mail.
func (w *writer) footer() string {
	if w.toOperator() {
		return "You get this mail as the operator of Bursar. Nobody reads answers."
	}
	return "You get this mail as the payer of this portal. Nobody reads answers."
}

// subject returns a subject that begins with the portal's name.
func (w *writer) subject(text string) string {
	if name := w.portalName(); name != "" {
		return name + ": " + text
	}
	return "Bursar: " + text
}

// product says what a subscription is of, without its quantity: "Business".
func (w *writer) product(s event.Subscribed) string {
	if p := w.notice.Plan; p != nil && line(p.Title) != "" {
		return line(p.Title)
	}
	name := []rune(line(s.Name))
	if len(name) > 0 {
		name[0] = unicode.ToUpper(name[0])
	}
	return string(name)
}

// counted says how many there are of what is subscribed to: "5 Admins", "100 GB".
func (w *writer) counted(n int64) string {
	unit := ""
	if p := w.notice.Plan; p != nil {
		unit = line(p.Unit)
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", n, unit))
}

// kind says what a subscription is: a plan, or a service beside it.
func kind(s event.Subscribed) string {
	if s.Service != "" {
		return "service"
	}
	return "plan"
}

// days says a number of days.
func days(n int64) string {
	switch {
	case n < 1:
		return "less than a day"
	case n == 1:
		return "1 day"
	}
	return fmt.Sprintf("%d days", n)
}

// why says a provider's reason as people read it; "" for none.
func why(reason string) string {
	switch reason {
	case "":
		return ""
	case "insufficient_funds":
		return "There is not enough money."
	case "expired_card":
		return "The card has expired."
	case "authentication_required":
		return "The bank wants its holder to confirm the payment."
	case "card_declined", "generic_decline", "do_not_honor":
		return "The bank declined, and did not say why."
	}
	return line(strings.ReplaceAll(reason, "_", " "))
}

// whatToDo says how a payer can see to it that a card pays again.
func whatToDo(reason string) string {
	switch reason {
	case "insufficient_funds":
		return "Please see to it that the card covers it, use another payment method in the payment settings of the portal, or put money in yourself."
	case "expired_card":
		return "Please add the new card in the payment settings of the portal."
	case "authentication_required":
		return "Please put money in yourself in the payment settings of the portal: the bank asks for your confirmation there. Another payment method may not need it."
	}
	return "Please ask your bank, use another payment method in the payment settings of the portal, or put money in yourself."
}

// informed says whether the payer was told, for operators; "" to payers.
func (w *writer) informed() string {
	switch email := line(w.notice.PayerEmail); {
	case !w.toOperator():
		return ""
	case email != "":
		return "The payer, " + email + ", gets a mail of their own."
	}
	return "There is no payer to write to."
}

// orElse returns a text, or another where it is empty.
func orElse(text, other string) string {
	if text == "" {
		return other
	}
	return text
}
