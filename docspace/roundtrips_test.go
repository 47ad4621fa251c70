package docspace_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/money"
)

func TestTheWholeWireLosesNothing(t *testing.T) {
	t.Run("Decimal", func(t *testing.T) { survives(t, decimals()) })
	t.Run("ID", func(t *testing.T) { survives(t, ids()) })
	t.Run("Payment", func(t *testing.T) { survives(t, payments()) })
	t.Run("Prices", func(t *testing.T) { survives(t, productPrices()) })
	t.Run("PriceRecord", func(t *testing.T) { survives(t, priceRecords()) })
	t.Run("AccountingCurrency", func(t *testing.T) { survives(t, rapid.Make[docspace.AccountingCurrency]()) })
	t.Run("Service", func(t *testing.T) { survives(t, rapid.Make[docspace.Service]()) })
	t.Run("WalletService", func(t *testing.T) { survives(t, walletServices(2)) })
	t.Run("ServicesSettings", func(t *testing.T) { survives(t, servicesSettings()) })
	t.Run("ServiceState", func(t *testing.T) { survives(t, rapid.Make[docspace.ServiceState]()) })
	t.Run("ActiveService", func(t *testing.T) { survives(t, rapid.Make[docspace.ActiveService]()) })
	t.Run("ReportTask", func(t *testing.T) { survives(t, tasks()) })
	t.Run("Tariff", func(t *testing.T) { survives(t, tariffs()) })
	t.Run("UpcomingPayment", func(t *testing.T) { survives(t, upcoming()) })
	t.Run("SubscriptionBalance", func(t *testing.T) { survives(t, subscriptionBalances()) })
	t.Run("TenantQuota", func(t *testing.T) { survives(t, tenantQuotas()) })
	t.Run("PaymentSettings", func(t *testing.T) { survives(t, paymentSettings()) })
	t.Run("TenantExtra", func(t *testing.T) { survives(t, tenantExtras()) })
	t.Run("MonthlyUsage", func(t *testing.T) { survives(t, monthlyUsage()) })
	t.Run("UsagePage", func(t *testing.T) { survives(t, usagePages()) })
	t.Run("AIPrices", func(t *testing.T) { survives(t, aiPrices()) })
	t.Run("AIRestrictions", func(t *testing.T) { survives(t, rapid.Make[docspace.AIRestrictions]()) })
	t.Run("APIKey", func(t *testing.T) { survives(t, apiKeys()) })
	t.Run("KeyRequest", func(t *testing.T) { survives(t, rapid.Make[docspace.KeyRequest]()) })
	t.Run("QuantityRequest", func(t *testing.T) { survives(t, rapid.Make[docspace.QuantityRequest]()) })
	t.Run("DepositRequest", func(t *testing.T) { survives(t, rapid.Make[docspace.DepositRequest]()) })
	t.Run("TopUpRequest", func(t *testing.T) { survives(t, topUpRequests()) })
	t.Run("AICreditRequest", func(t *testing.T) { survives(t, aiCredits()) })
	t.Run("SalesRequest", func(t *testing.T) { survives(t, rapid.Make[docspace.SalesRequest]()) })
	t.Run("ServicePurchase", func(t *testing.T) { survives(t, rapid.Make[docspace.ServicePurchase]()) })
	t.Run("ReportRequest", func(t *testing.T) { survives(t, reportRequests()) })
}

func decimals() *rapid.Generator[docspace.Decimal] {
	return rapid.OneOf(rapid.Map(amountsInAny(), docspace.DecimalOf), rapid.Map(
		rapid.StringMatching(`-?[1-9][0-9]{0,20}(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?`), func(text string) docspace.Decimal {
			d, err := docspace.ParseDecimal(text)
			if err != nil {
				panic(err)
			}
			return d
		}))
}

func ids() *rapid.Generator[docspace.ID] {
	return rapid.OneOf(rapid.SampledFrom([]docspace.ID{"", "0", "7", "-3", "007", "1e5", "123456789012345678", "1234567890123456789012"}), rapid.Map(rapid.String(), func(s string) docspace.ID { return docspace.ID(s) }))
}

// raws are JSON of any kind, as short as it can be.
func raws() *rapid.Generator[json.RawMessage] {
	return rapid.Map(rapid.SampledFrom([]string{"", `{"a":[1,"b"]}`, `"2026-01-01"`, `7.50`, `[]`, `false`}), func(text string) json.RawMessage {
		if text == "" {
			return nil
		}
		return json.RawMessage(text)
	})
}

func payments() *rapid.Generator[docspace.Payment] {
	return rapid.Custom(func(t *rapid.T) docspace.Payment {
		return docspace.Payment{
			OperationID: rapid.Int64().Draw(t, "id"), Amount: amountsInAny().Draw(t, "amount"), Quantity: rapid.Int64().Draw(t, "quantity"),
			SubscriptionID: ids().Draw(t, "subscription"), StartDate: moments().Draw(t, "start"), EndDate: moments().Draw(t, "end"),
		}
	})
}

func productPrices() *rapid.Generator[docspace.Prices] {
	return rapid.Map(rapid.MapOf(rapid.String(), amounts("")), func(m map[string]money.Amount) docspace.Prices { return m })
}

func priceRecords() *rapid.Generator[docspace.PriceRecord] {
	n := rapid.Int64()
	return rapid.Custom(func(t *rapid.T) docspace.PriceRecord {
		return docspace.PriceRecord{
			ID: n.Draw(t, "id"), AccountNumber: n.Draw(t, "account"), ServiceID: n.Draw(t, "service"),
			TimeUnit:  docspace.TimeUnit(rapid.String().Draw(t, "unit")),
			CostPrice: amounts("").Draw(t, "cost"), ExtraCharge: amounts("").Draw(t, "extra"), ServicePrice: amounts("").Draw(t, "price"),
			Quota: rapid.OneOf(rapid.Just(docspace.Decimal{}), decimals()).Draw(t, "quota"), TimeBound: raws().Draw(t, "bound"),
			Status: docspace.PriceStatus(rapid.String().Draw(t, "status")), Created: moments().Draw(t, "created"),
			DiscountCategoryID: ids().Draw(t, "category"), DiscountCategory: raws().Draw(t, "discount"),
		}
	})
}

func walletServices(depth int) *rapid.Generator[docspace.WalletService] {
	return rapid.Custom(func(t *rapid.T) docspace.WalletService {
		s := docspace.WalletService{ServiceName: rapid.String().Draw(t, "service"), Quota: quotas().Draw(t, "quota")}
		if depth > 0 {
			s.InnerServices = rapid.SliceOfN(walletServices(depth-1), 0, 2).Draw(t, "inner")
		}
		return s
	})
}

func servicesSettings() *rapid.Generator[docspace.ServicesSettings] {
	return rapid.Custom(func(t *rapid.T) docspace.ServicesSettings {
		return docspace.ServicesSettings{
			EnabledServices: rapid.SliceOfN(rapid.Make[docspace.Service](), 0, 4).Draw(t, "services"), LastModified: moments().Draw(t, "modified"),
		}
	})
}

func tasks() *rapid.Generator[docspace.ReportTask] {
	text := rapid.String()
	return rapid.Custom(func(t *rapid.T) docspace.ReportTask {
		return docspace.ReportTask{
			ID: text.Draw(t, "id"), Failure: text.Draw(t, "error"), Percentage: rapid.Int().Draw(t, "percentage"),
			IsCompleted: rapid.Bool().Draw(t, "completed"), Status: docspace.TaskStatus(rapid.IntRange(-1, 9).Draw(t, "status")),
			ResultFileID: ids().Draw(t, "file"), ResultFileName: text.Draw(t, "name"), ResultFileURL: text.Draw(t, "URL"),
		}
	})
}

func tariffs() *rapid.Generator[docspace.Tariff] {
	dates := rapid.Custom(func(t *rapid.T) docspace.TariffDates {
		return docspace.TariffDates{Due: moments().Draw(t, "due"), DelayDue: moments().Draw(t, "delay")}
	})
	row := rapid.Custom(func(t *rapid.T) docspace.TariffQuota {
		return docspace.TariffQuota{
			ID: rapid.Int().Draw(t, "quota"), Quantity: rapid.Int64().Draw(t, "quantity"), Wallet: rapid.Bool().Draw(t, "wallet"),
			Additional: rapid.Ptr(rapid.Bool(), true).Draw(t, "additional"), DueDate: moments().Draw(t, "row's due"),
			NextQuantity: rapid.Ptr(rapid.Int64(), true).Draw(t, "next"), State: rapid.Ptr(rapid.Make[docspace.QuotaState](), true).Draw(t, "row's state"),
		}
	})
	details := rapid.Custom(func(t *rapid.T) docspace.TariffDetails {
		flag := rapid.Bool()
		return docspace.TariffDetails{
			OpenSource: flag.Draw(t, "open"), Enterprise: flag.Draw(t, "enterprise"), Developer: flag.Draw(t, "developer"),
			LicenseDate: moments().Draw(t, "license"), CustomerID: rapid.String().Draw(t, "customer"),
			Quotas: rapid.SliceOfN(row, 0, 3).Draw(t, "quotas"),
		}
	})
	return rapid.Custom(func(t *rapid.T) docspace.Tariff {
		return docspace.Tariff{
			ID: rapid.Int64().Draw(t, "id"), State: docspace.TariffState(rapid.IntRange(-1, 9).Draw(t, "state")),
			Dates: rapid.Ptr(dates, true).Draw(t, "dates"), Details: rapid.Ptr(details, true).Draw(t, "details"),
		}
	})
}

func upcoming() *rapid.Generator[docspace.UpcomingPayment] {
	text := rapid.String()
	return rapid.Custom(func(t *rapid.T) docspace.UpcomingPayment {
		return docspace.UpcomingPayment{
			ID: rapid.Int().Draw(t, "id"), Name: text.Draw(t, "name"), Title: text.Draw(t, "title"), UnitOfMeasure: text.Draw(t, "unit"),
			Quantity: rapid.Int64().Draw(t, "quantity"), Wallet: rapid.Bool().Draw(t, "wallet"), DueDate: moments().Draw(t, "due"),
			Amount: amountsInAny().Draw(t, "amount"),
		}
	})
}

func subscriptionBalances() *rapid.Generator[docspace.SubscriptionBalance] {
	return rapid.Custom(func(t *rapid.T) docspace.SubscriptionBalance {
		currency := codes().Draw(t, "currency")
		return docspace.SubscriptionBalance{
			TotalCost: amounts(currency).Draw(t, "cost"), Remaining: amounts(currency).Draw(t, "rest"), RemainingInWallet: amountsInAny().Draw(t, "wallet"),
			PeriodStart: moments().Draw(t, "start"), PeriodEnd: moments().Draw(t, "end"), PeriodUsedUntil: moments().Draw(t, "used"),
			DaysElapsed: rapid.Int().Draw(t, "days"),
		}
	})
}

// tenantQuotas have every member drawn, by its kind.
func tenantQuotas() *rapid.Generator[docspace.TenantQuota] {
	return rapid.Custom(func(t *rapid.T) docspace.TenantQuota {
		q := docspace.TenantQuota{
			Price: prices().Draw(t, "price"), ProductID: rapid.Ptr(rapid.String(), true).Draw(t, "product"),
			Additional: rapid.Ptr(rapid.Bool(), true).Draw(t, "additional"), DueDate: moments().Draw(t, "due"),
		}
		for i, fields := 0, reflect.ValueOf(&q).Elem(); i < fields.NumField(); i++ {
			name, field := fields.Type().Field(i).Name, fields.Field(i)
			switch field.Kind() {
			case reflect.Bool:
				field.SetBool(rapid.Bool().Draw(t, name))
			case reflect.String:
				field.SetString(rapid.String().Draw(t, name))
			case reflect.Int, reflect.Int64:
				field.SetInt(rapid.Int64().Draw(t, name))
			}
		}
		return q
	})
}

func paymentSettings() *rapid.Generator[docspace.PaymentSettings] {
	license := rapid.Custom(func(t *rapid.T) docspace.License {
		return docspace.License{Trial: rapid.Bool().Draw(t, "trial"), DueDate: moments().Draw(t, "due")}
	})
	return rapid.Custom(func(t *rapid.T) docspace.PaymentSettings {
		return docspace.PaymentSettings{
			SalesEmail: rapid.String().Draw(t, "e-mail"), BuyURL: rapid.String().Draw(t, "URL"), Standalone: rapid.Bool().Draw(t, "alone"),
			CurrentLicense: rapid.Ptr(license, true).Draw(t, "license"), Max: rapid.Int64().Draw(t, "max"),
		}
	})
}

func tenantExtras() *rapid.Generator[docspace.TenantExtra] {
	flag := rapid.Bool()
	return rapid.Custom(func(t *rapid.T) docspace.TenantExtra {
		return docspace.TenantExtra{
			CustomMode: flag.Draw(t, "custom"), OpenSource: flag.Draw(t, "open"), Enterprise: flag.Draw(t, "enterprise"), Developer: flag.Draw(t, "developer"),
			Tariff: rapid.Ptr(tariffs(), true).Draw(t, "tariff"), Quota: rapid.Ptr(quotas(), true).Draw(t, "quota"), NotPaid: flag.Draw(t, "paid"),
			LicenseAccept: rapid.String().Draw(t, "accept"), EnableTariffPage: flag.Draw(t, "page"),
			DocServerUserQuota: raws().Draw(t, "users"), DocServerLicense: raws().Draw(t, "license"),
		}
	})
}

func monthlyUsage() *rapid.Generator[docspace.MonthlyUsage] {
	return rapid.Custom(func(t *rapid.T) docspace.MonthlyUsage {
		return docspace.MonthlyUsage{
			Year: rapid.Int().Draw(t, "year"), Month: rapid.Int().Draw(t, "month"), Amount: amountsInAny().Draw(t, "amount"),
			OperationCount: rapid.Int64().Draw(t, "count"),
		}
	})
}

func usagePages() *rapid.Generator[docspace.UsagePage] {
	text, n := rapid.String(), rapid.Int64()
	item := rapid.Custom(func(t *rapid.T) docspace.UsageItem {
		currency := codes().Draw(t, "currency")
		return docspace.UsageItem{
			Service: text.Draw(t, "service"), Title: text.Draw(t, "title"), ServiceUnit: text.Draw(t, "unit"), Quantity: n.Draw(t, "quantity"),
			Amount: amounts(currency).Draw(t, "amount"), OperationCount: n.Draw(t, "count"),
			Price: rapid.Ptr(amounts(currency), true).Draw(t, "price"), Subscription: rapid.Ptr(rapid.Bool(), true).Draw(t, "subscription"),
		}
	})
	return rapid.Custom(func(t *rapid.T) docspace.UsagePage {
		return docspace.UsagePage{
			Items: rapid.SliceOfN(item, 0, 3).Draw(t, "items"), Offset: n.Draw(t, "offset"), Limit: n.Draw(t, "limit"), Total: n.Draw(t, "total"),
			TotalPages: n.Draw(t, "pages"), Page: n.Draw(t, "page"),
		}
	})
}

func aiPrices() *rapid.Generator[docspace.AIPrices] {
	model := rapid.Make[docspace.AIModel]()
	return rapid.Custom(func(t *rapid.T) docspace.AIPrices {
		p := docspace.AIPrices{Currency: rapid.Make[docspace.AICurrency]().Draw(t, "currency")}
		for range rapid.IntRange(0, 2).Draw(t, "many") {
			p.Chat = append(p.Chat, docspace.ChatModel{AIModel: model.Draw(t, "chat"), Price: docspace.ChatPrice{
				Prompt: decimals().Draw(t, "in"), Completion: decimals().Draw(t, "out")}})
			p.Embedding = append(p.Embedding, docspace.EmbeddingModel{
				AIModel: model.Draw(t, "embedding"), Price: docspace.EmbeddingPrice{Prompt: decimals().Draw(t, "in")}})
			p.WebSearch = append(p.WebSearch, docspace.SearchEngine{AIModel: model.Draw(t, "search"), Price: decimals().Draw(t, "price")})
		}
		return p
	})
}

func apiKeys() *rapid.Generator[docspace.APIKey] {
	text := rapid.String()
	return rapid.Custom(func(t *rapid.T) docspace.APIKey {
		return docspace.APIKey{
			ID: text.Filter(func(s string) bool { return s != "" }).Draw(t, "id"), Name: text.Draw(t, "name"), Key: text.Draw(t, "key"),
			KeyPostfix: text.Draw(t, "postfix"), Permissions: rapid.SliceOf(text).Draw(t, "permissions"), CreateOn: moments().Draw(t, "created"),
			CreateBy: rapid.Ptr(rapid.Make[docspace.Person](), true).Draw(t, "by"), IsActive: rapid.Bool().Draw(t, "active"),
			ExpiresAt: moments().Draw(t, "expires"), LastUsed: moments().Draw(t, "used"),
		}
	})
}

func topUpRequests() *rapid.Generator[docspace.TopUpRequest] {
	return rapid.Map(rapid.Ptr(topUps(), true), func(s *docspace.TopUpSettings) docspace.TopUpRequest { return docspace.TopUpRequest{Settings: s} })
}

func aiCredits() *rapid.Generator[docspace.AICreditRequest] {
	return rapid.Map(amountsInAny(), func(a money.Amount) docspace.AICreditRequest { return docspace.AICreditRequest{Amount: a} })
}

func reportRequests() *rapid.Generator[docspace.ReportRequest] {
	text := rapid.String()
	return rapid.Custom(func(t *rapid.T) docspace.ReportRequest {
		return docspace.ReportRequest{
			Service: text.Draw(t, "service"), From: moments().Draw(t, "from"), To: moments().Draw(t, "to"), Participant: text.Draw(t, "participant"),
			Credit: rapid.Bool().Draw(t, "credit"), Debit: rapid.Bool().Draw(t, "debit"), Type: docspace.OperationType(text.Draw(t, "type")),
			Status: docspace.OperationStatus(text.Draw(t, "status")), Metadata: rapid.MapOf(text, text).Draw(t, "metadata"),
		}
	})
}
