package event

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Type is what kind of thing happened: a noun, a dot, and what became of it.
type Type string

// What can happen. Each has a struct of nearly the same name that says what is told.
const (
	TypeBalanceLow            Type = "balance.low"
	TypeRunwayLow             Type = "runway.low"
	TypeTopUpPlanned          Type = "topup.planned"
	TypeTopUpSucceeded        Type = "topup.succeeded"
	TypeTopUpDeclined         Type = "topup.declined"
	TypeTopUpUnknown          Type = "topup.unknown"
	TypeTopUpSuspended        Type = "topup.suspended"
	TypeTopUpResumed          Type = "topup.resumed"
	TypeTopUpSkipped          Type = "topup.skipped"
	TypeDepositSettled        Type = "deposit.settled"
	TypeSubscriptionRenewed   Type = "subscription.renewed"
	TypeSubscriptionDue       Type = "subscription.due"
	TypeSubscriptionPastDue   Type = "subscription.past_due"
	TypeSubscriptionChanged   Type = "subscription.changed"
	TypeSubscriptionCancelled Type = "subscription.cancelled"
	TypeHoldExpired           Type = "hold.expired"
	TypeChargeRefunded        Type = "charge.refunded"

	// TypeWebhookTest is of no event: a message of this type is sent to a webhook when
	// somebody tries it out. It has no place in the line.
	TypeWebhookTest Type = "webhook.test"
)

// Types returns all types of events, in the order of their names.
func Types() []Type {
	var all []Type
	for _, d := range every() {
		if d.Type() != TypeWebhookTest {
			all = append(all, d.Type())
		}
	}
	slices.Sort(all)
	return all
}

// Known reports whether there are events of a type.
func Known(t Type) bool { return slices.Contains(Types(), t) }

// Data is what an event says: one of this package's structs.
type Data interface {
	// Type is the same for all values of the struct.
	Type() Type
}

// Read returns what an event of a type says, as it was written. It fails on a type that
// is not known.
func Read(t Type, text []byte) (Data, error) {
	for _, d := range every() {
		if d.Type() != t {
			continue
		}
		read := reflect.New(reflect.TypeOf(d))
		if err := json.Unmarshal(text, read.Interface()); err != nil {
			return nil, fmt.Errorf("read %s: %w", t, err)
		}
		return read.Elem().Interface().(Data), nil
	}
	return nil, fmt.Errorf("no event is called %q", t)
}

// every returns an empty value of each struct.
func every() []Data {
	return []Data{
		BalanceLow{}, RunwayLow{},
		TopUpPlanned{}, TopUpSucceeded{}, TopUpDeclined{}, TopUpUnknown{}, TopUpSuspended{}, TopUpResumed{}, TopUpSkipped{},
		DepositSettled{},
		SubscriptionRenewed{}, SubscriptionDue{}, SubscriptionPastDue{}, SubscriptionChanged{}, SubscriptionCancelled{},
		HoldExpired{}, ChargeRefunded{}, WebhookTest{},
	}
}

// Event is one thing that happened, as it is told.
// Source: Standard Webhooks, "Payload structure", for type, timestamp and data.
type Event struct {
	// ID names the event, in all portals, for ever: who has seen it has seen the event.
	ID string `json:"id"`
	// Type says what happened, and with that what data has.
	Type Type `json:"type"`
	// Timestamp is when it happened.
	Timestamp Time `json:"timestamp"`
	// PortalID is the portal in which it happened.
	PortalID string `json:"portalId"`
	// Position is its place in the line of the events of all portals, by which they are
	// read and sent; not there when it has none.
	Position int64 `json:"position,omitzero"`
	// Data is what the type's schema says.
	Data json.RawMessage `json:"data"`
}

// ID returns the id of a portal's event by its number, which begins at 1:
// "e12.portal".
func ID(number int64, portalID string) string { return fmt.Sprintf("e%d.%s", number, portalID) }

// ParseID returns what ID was made of, and whether it is an id at all.
func ParseID(id string) (number int64, portalID string, ok bool) {
	digits, portalID, found := strings.Cut(id, ".")
	if !found || portalID == "" || !strings.HasPrefix(digits, "e") {
		return 0, "", false
	}
	number, err := strconv.ParseInt(digits[1:], 10, 64)
	if err != nil || number < 1 || ID(number, portalID) != id {
		return 0, "", false
	}
	return number, portalID, true
}
