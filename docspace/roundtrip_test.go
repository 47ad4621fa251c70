package docspace_test

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/money"
)

// survives checks that every value drawn is the same after it was on the wire.
func survives[T any](t *testing.T, values *rapid.Generator[T]) {
	t.Helper()
	exact := cmp.Options{cmp.AllowUnexported(money.Amount{}, docspace.FeatureValue{}, docspace.Decimal{}), cmpopts.EquateEmpty()}
	rapid.Check(t, func(t *rapid.T) {
		value := values.Draw(t, "value")
		data, err := json.Marshal(value)
		if err != nil {
			t.Fatalf("%+v: %v", value, err)
		}
		var back T
		if err := json.Unmarshal(data, &back); err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		if d := cmp.Diff(value, back, exact); d != "" {
			t.Fatalf("%s came back otherwise (-sent +got):\n%s", data, d)
		}
		again, err := json.Marshal(back)
		if err != nil || string(again) != string(data) {
			t.Fatalf("%s became %s, %v", data, again, err)
		}
	})
}

func TestTheWireLosesNothing(t *testing.T) {
	t.Run("Time", func(t *testing.T) { survives(t, moments()) })
	t.Run("CustomerInfo", func(t *testing.T) { survives(t, customers()) })
	t.Run("Balance", func(t *testing.T) { survives(t, balances()) })
	t.Run("SubAccount", func(t *testing.T) { survives(t, subAccounts()) })
	t.Run("LastCredit", func(t *testing.T) { survives(t, lastCredits()) })
	t.Run("TopUpSettings", func(t *testing.T) { survives(t, topUps()) })
	t.Run("Price", func(t *testing.T) { survives(t, prices()) })
	t.Run("FeatureValue", func(t *testing.T) { survives(t, values()) })
	t.Run("Feature", func(t *testing.T) { survives(t, features()) })
	t.Run("Quota", func(t *testing.T) { survives(t, quotas()) })
	t.Run("Operation", func(t *testing.T) { survives(t, wireOperations()) })
	t.Run("OperationsPage", func(t *testing.T) { survives(t, pages()) })
	t.Run("Currency", func(t *testing.T) { survives(t, currencies()) })
}

// moments are to the tenth of a microsecond, as the wire is, within the years
// that do not stand for "never"; one of them is no date.
func moments() *rapid.Generator[docspace.Time] {
	first := time.Date(2, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	last := time.Date(9998, 12, 31, 23, 59, 59, 0, time.UTC).Unix()
	return rapid.Custom(func(t *rapid.T) docspace.Time {
		if rapid.Bool().Draw(t, "never") {
			return docspace.Time{}
		}
		ticks := rapid.Int64Range(0, 9_999_999).Draw(t, "ticks")
		return docspace.Time{Time: time.Unix(rapid.Int64Range(first, last).Draw(t, "second"), ticks*100).UTC()}
	})
}

func codes() *rapid.Generator[money.Currency] {
	return rapid.SampledFrom([]money.Currency{"", "USD", "EUR", "JPY", "KWD", "CLF", "XYZ"})
}

func amounts(c money.Currency) *rapid.Generator[money.Amount] {
	return rapid.Custom(func(t *rapid.T) money.Amount {
		return money.FromUnits(rapid.Int64Range(-math.MaxInt64, math.MaxInt64).Draw(t, "units"), c)
	})
}

func amountsInAny() *rapid.Generator[money.Amount] {
	return rapid.Custom(func(t *rapid.T) money.Amount { return amounts(codes().Draw(t, "currency")).Draw(t, "amount") })
}

func customers() *rapid.Generator[docspace.CustomerInfo] {
	people := rapid.Make[docspace.Person]()
	return rapid.Custom(func(t *rapid.T) docspace.CustomerInfo {
		return docspace.CustomerInfo{
			PortalID:             rapid.String().Draw(t, "portal"),
			PaymentMethodStatus:  docspace.PaymentMethodStatus(rapid.IntRange(-1, 9).Draw(t, "status")),
			PaymentMethodType:    rapid.String().Draw(t, "type"),
			DelayedPaymentMethod: rapid.Bool().Draw(t, "delayed"),
			Email:                rapid.String().Draw(t, "e-mail"),
			Payer:                rapid.Ptr(people, true).Draw(t, "payer"),
		}
	})
}

func subAccounts() *rapid.Generator[docspace.SubAccount] {
	return rapid.Map(amountsInAny(), func(a money.Amount) docspace.SubAccount { return docspace.SubAccount{Amount: a} })
}

func lastCredits() *rapid.Generator[docspace.LastCredit] {
	return rapid.Custom(func(t *rapid.T) docspace.LastCredit {
		return docspace.LastCredit{Date: moments().Draw(t, "date"), Amount: amountsInAny().Draw(t, "amount")}
	})
}

func balances() *rapid.Generator[docspace.Balance] {
	return rapid.Custom(func(t *rapid.T) docspace.Balance {
		return docspace.Balance{
			AccountNumber:    rapid.Int64().Draw(t, "account"),
			SubAccountNumber: rapid.Int64().Draw(t, "sub-account"),
			AccountName:      rapid.String().Draw(t, "name"),
			AccountCurrency:  codes().Draw(t, "currency"),
			SubAccounts:      rapid.SliceOf(subAccounts()).Draw(t, "sub-accounts"),
			LastCredit:       rapid.Ptr(lastCredits(), true).Draw(t, "last credit"),
		}
	})
}

func topUps() *rapid.Generator[docspace.TopUpSettings] {
	return rapid.Custom(func(t *rapid.T) docspace.TopUpSettings {
		currency := codes().Draw(t, "currency")
		return docspace.TopUpSettings{
			Enabled:      rapid.Bool().Draw(t, "enabled"),
			MinBalance:   amounts(currency).Draw(t, "min"),
			UpToBalance:  amounts(currency).Draw(t, "up to"),
			LastModified: moments().Draw(t, "modified"),
		}
	})
}

func prices() *rapid.Generator[docspace.Price] {
	return rapid.Custom(func(t *rapid.T) docspace.Price {
		return docspace.Price{Amount: amountsInAny().Draw(t, "amount"), Symbol: rapid.String().Draw(t, "symbol")}
	})
}

func values() *rapid.Generator[docspace.FeatureValue] {
	return rapid.OneOf(
		rapid.Just(docspace.FeatureValue{}),
		rapid.Map(rapid.Bool(), docspace.FlagValue),
		rapid.Map(rapid.Int64(), docspace.NumberValue),
	)
}

func features() *rapid.Generator[docspace.Feature] {
	return rapid.Custom(func(t *rapid.T) docspace.Feature {
		return docspace.Feature{
			ID: rapid.String().Draw(t, "id"), Title: rapid.String().Draw(t, "title"), Image: rapid.String().Draw(t, "image"),
			Value: values().Draw(t, "value"), Type: docspace.FeatureType(rapid.String().Draw(t, "type")),
			Used:       rapid.Ptr(rapid.Make[docspace.FeatureUsed](), true).Draw(t, "used"),
			PriceTitle: rapid.String().Draw(t, "price title"),
		}
	})
}

func quotas() *rapid.Generator[docspace.Quota] {
	limits := rapid.Ptr(rapid.Make[docspace.DefaultQuota](), true)
	custom := rapid.Custom(func(t *rapid.T) docspace.CustomQuota {
		return docspace.CustomQuota{
			Enabled: rapid.Bool().Draw(t, "enabled"), Quota: rapid.Int64().Draw(t, "quota"), LastModified: moments().Draw(t, "modified"),
		}
	})
	return rapid.Custom(func(t *rapid.T) docspace.Quota {
		return docspace.Quota{
			ID: rapid.Int().Draw(t, "id"), Title: rapid.String().Draw(t, "title"),
			Price:    rapid.Ptr(prices(), true).Draw(t, "price"),
			Free:     rapid.Bool().Draw(t, "free"),
			Trial:    rapid.Bool().Draw(t, "trial"),
			Features: rapid.SliceOfN(features(), 0, 5).Draw(t, "features"), NonProfit: rapid.Bool().Draw(t, "non-profit"),
			UsersQuota: limits.Draw(t, "users"), RoomsQuota: limits.Draw(t, "rooms"), AIAgentsQuota: limits.Draw(t, "agents"),
			TenantCustomQuota: rapid.Ptr(custom, true).Draw(t, "custom"),
			DueDate:           moments().Draw(t, "due"),
		}
	})
}

func currencies() *rapid.Generator[docspace.Currency] { return rapid.Make[docspace.Currency]() }

// wireOperations have dates: an operation without one did not happen.
func wireOperations() *rapid.Generator[docspace.Operation] {
	text := rapid.String()
	return rapid.Custom(func(t *rapid.T) docspace.Operation {
		currency := codes().Draw(t, "currency")
		return docspace.Operation{
			Date:    moments().Filter(func(at docspace.Time) bool { return !at.IsZero() }).Draw(t, "date"),
			Service: text.Draw(t, "service"), Description: text.Draw(t, "description"), Details: text.Draw(t, "details"),
			ServiceUnit: text.Draw(t, "unit"), Quantity: rapid.Int64().Draw(t, "quantity"),
			Credit: amounts(currency).Draw(t, "credit"), Debit: amounts(currency).Draw(t, "debit"),
			ParticipantName: text.Draw(t, "participant"), ParticipantDisplayName: text.Draw(t, "name"),
			AgentID: text.Draw(t, "agent"), AgentTitle: text.Draw(t, "title"), Type: docspace.OperationType(text.Draw(t, "type")),
		}
	})
}

func pages() *rapid.Generator[docspace.OperationsPage] {
	n := rapid.Int64()
	return rapid.Custom(func(t *rapid.T) docspace.OperationsPage {
		return docspace.OperationsPage{
			Operations: rapid.SliceOfN(wireOperations(), 0, 3).Draw(t, "operations"),
			Offset:     n.Draw(t, "offset"), Limit: n.Draw(t, "limit"), Total: n.Draw(t, "total"),
			TotalPages: n.Draw(t, "pages"), Page: n.Draw(t, "page"),
		}
	})
}
