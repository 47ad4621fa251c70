package docspace_test

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path"

	"github.com/bursarhq/bursar/docspace"
)

func Example() {
	portal := startPortal() // in place of https://portal.example.com
	defer portal.Close()

	client, err := docspace.New(docspace.Config{
		URL: portal.URL,
		Key: "sk-owner", // better from os.Getenv("DOCSPACE_API_KEY")
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	info, err := client.CustomerInfo(context.Background())
	switch {
	case err != nil:
		fmt.Println(err)
	case info == nil:
		fmt.Println("nobody pays for this portal")
	default:
		fmt.Printf("%s pays; payment method: %s\n", info.Email, info.PaymentMethodStatus)
	}
	// Output: owner@example.com pays; payment method: set
}

func ExampleNew() {
	_, err := docspace.New(docspace.Config{URL: "https://portal.example.com"})
	fmt.Println(err)
	fmt.Println(errors.Is(err, docspace.ErrConfig))
	// Output:
	// invalid configuration: Key is empty
	// true
}

// A config can be printed and logged; its key can't.
func ExampleConfig() {
	config := docspace.Config{
		URL: "https://portal.example.com",
		Key: "sk-00112233445566778899aabbccddeeff",
	}
	fmt.Println(config)
	// Output: {URL:https://portal.example.com Key:sk-***eeff Refresh:false Country: Timeout:0s MaxAttempts:0}
}

// All six reads at once take as long as the slowest. What could not be read does
// not spoil the rest: a user who is no administrator sees the plan, and no more.
func ExampleClient_Report() {
	portal := startPortal()
	defer portal.Close()
	client, err := docspace.New(docspace.Config{URL: portal.URL, Key: "sk-user"})
	if err != nil {
		fmt.Println(err)
		return
	}

	report := client.Report(context.Background(), docspace.PartBalance, docspace.PartQuota)
	if report.Quota != nil {
		fmt.Println("Plan:", report.Quota.Title)
	}
	for _, part := range report.Asked {
		if err := report.Failed[part]; err != nil {
			fmt.Println(part, "is missing:", err)
		}
	}
	// Output:
	// Plan: Business
	// balance is missing: Failed to get balance: 403 - Access denied
}

// A balance that is not known is nil, and never nought. Amounts are exact.
func ExampleClient_Balance() {
	portal := startPortal()
	defer portal.Close()
	client, err := docspace.New(docspace.Config{URL: portal.URL, Key: "sk-owner"})
	if err != nil {
		fmt.Println(err)
		return
	}

	balance, err := client.Balance(context.Background())
	switch {
	case err != nil:
		fmt.Println(err)
	case balance == nil:
		fmt.Println("not known")
	default:
		for _, sub := range balance.SubAccounts {
			fmt.Println(sub.Amount)
		}
	}
	// Output:
	// 148.50 USD
	// 1200 JPY
}

func ExampleClient_Quota() {
	portal := startPortal()
	defer portal.Close()
	client, err := docspace.New(docspace.Config{URL: portal.URL, Key: "sk-owner"})
	if err != nil {
		fmt.Println(err)
		return
	}

	quota, err := client.Quota(context.Background())
	if err != nil || quota == nil {
		fmt.Println("no plan:", err)
		return
	}
	fmt.Println(quota.Title)
	if quota.Price != nil {
		fmt.Println("costs", quota.Price.Amount)
	}
	if !quota.DueDate.IsZero() {
		fmt.Println("due", quota.DueDate.Format("2 January 2006"))
	}
	if storage, ok := quota.Feature("total_size"); ok {
		if limit, ok := storage.Value.Number(); ok {
			fmt.Println("storage", docspace.SizeText(limit))
		}
	}
	// Output:
	// Business
	// costs 200.00 USD
	// due 31 July 2026
	// storage 2.54 TB
}

func ExampleClient_TopUpSettings() {
	portal := startPortal()
	defer portal.Close()
	client, err := docspace.New(docspace.Config{URL: portal.URL, Key: "sk-owner"})
	if err != nil {
		fmt.Println(err)
		return
	}

	settings, err := client.TopUpSettings(context.Background())
	if err != nil || settings == nil {
		fmt.Println("no settings:", err)
		return
	}
	if settings.Enabled {
		fmt.Printf("below %s the wallet is refilled to %s\n", settings.MinBalance, settings.UpToBalance)
	}
	// Output: below 20.00 USD the wallet is refilled to 100.00 USD
}

// A stock portal sends a sign where the currency's code should be; Code and Sign
// tell them apart.
func ExampleClient_Currencies() {
	portal := startPortal()
	defer portal.Close()
	client, err := docspace.New(docspace.Config{URL: portal.URL, Key: "sk-owner"})
	if err != nil {
		fmt.Println(err)
		return
	}

	currencies, err := client.Currencies(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range currencies {
		fmt.Println(c.Code(), c.Sign(), c.NativeName)
	}
	// Output:
	// USD $ US Dollar
	// EUR € euro
}

// All that was paid for backups, page by page.
func ExampleClient_AllOperations() {
	portal := startPortal()
	defer portal.Close()
	client, err := docspace.New(docspace.Config{URL: portal.URL, Key: "sk-owner"})
	if err != nil {
		fmt.Println(err)
		return
	}

	for operation, err := range client.AllOperations(context.Background(), docspace.OperationsQuery{Service: "backup", Debit: true}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(operation.Date.Format("2006-01-02 15:04 -07:00"), operation.Description, operation.Debit)
	}
	// Output:
	// 2026-06-30 11:15 +03:00 Backup 10.00 USD
	// 2026-06-21 11:15 +03:00 Backup 9.50 USD
}

// The key names the deposit: whatever goes wrong on the way, the same call again
// charges nothing a second time, and tells what came of it.
func ExampleClient_Deposit() {
	portal := startPortal()
	defer portal.Close()
	client, err := docspace.New(docspace.Config{URL: portal.URL, Key: "sk-owner"})
	if err != nil {
		fmt.Println(err)
		return
	}

	paid, err := client.Deposit(context.Background(), 100, "USD", "invoice-2026-0042")
	var failure *docspace.Error
	switch {
	case errors.As(err, &failure) && failure.Status >= 400 && failure.Status < 500:
		fmt.Println("refused, nothing was charged:", err)
	case err != nil:
		fmt.Println("not known; ask again, with the same key:", err)
	case paid:
		fmt.Println("the money is in the wallet")
	default:
		fmt.Println("the bank declined")
	}
	// Output: the money is in the wallet
}

// With errors.Is a program learns what can be done about a failure; with
// errors.As, what the portal said.
func ExampleError() {
	portal := startPortal()
	defer portal.Close()
	client, err := docspace.New(docspace.Config{URL: portal.URL, Key: "sk-user"})
	if err != nil {
		fmt.Println(err)
		return
	}

	_, err = client.Balance(context.Background())
	var failure *docspace.Error
	switch {
	case errors.Is(err, docspace.ErrUnauthorized):
		fmt.Println("the key has expired; make another")
	case errors.Is(err, docspace.ErrForbidden):
		fmt.Println("the key must be an administrator's")
	case errors.Is(err, docspace.ErrUnreachable), errors.Is(err, docspace.ErrTimeout):
		fmt.Println("the portal is down; try later")
	}
	if errors.As(err, &failure) {
		fmt.Printf("while trying to %s: status %d, %q\n", failure.Operation, failure.Status, failure.Message)
	}
	// Output:
	// the key must be an administrator's
	// while trying to get balance: status 403, "Access denied"
}

func ExampleParsePart() {
	part, err := docspace.ParsePart("topup")
	fmt.Println(part, err)
	_, err = docspace.ParsePart("invoices")
	fmt.Println(err)
	// Output:
	// topup <nil>
	// no part "invoices"; there are customer, balance, quota, quotas, topup, currencies
}

func ExampleSizeText() {
	fmt.Println(docspace.SizeText(2791728742400))
	fmt.Println(docspace.SizeText(docspace.Unlimited))
	// Output:
	// 2.54 TB
	// unlimited
}

// startPortal starts what answers like a portal to the keys sk-owner and, for the
// plan alone, sk-user. Tests of your own have a whole one in package docspacetest.
func startPortal() *httptest.Server {
	answers := map[string]string{
		"customerinfo": `{"portalId":"docspace.io123","paymentMethodStatus":1,"email":"owner@example.com"}`,
		"balance":      `{"accountNumber":100482,"subAccounts":[{"currency":"USD","amount":148.5},{"currency":"JPY","amount":1200}]}`,
		"quota": `{"id":-9,"title":"Business","price":{"value":200.0000,"currencySymbol":"$","isoCurrencySymbol":"USD"},
			"features":[{"id":"total_size","title":"","value":2791728742400,"type":"size"}],"dueDate":"2026-07-31T11:39:43"}`,
		"operations": `{"collection":[
			{"date":"2026-06-30T11:15:30.0000000+03:00","service":"backup","description":"Backup","details":"Automatic backup","serviceUnit":"Backup",
				"quantity":1,"currency":"USD","credit":0,"debit":10,"type":"ServicePayment"},
			{"date":"2026-06-21T11:15:30.0000000+03:00","service":"backup","description":"Backup","details":"","serviceUnit":"Backup",
				"quantity":1,"currency":"USD","credit":0,"debit":9.5,"type":"ServicePayment"}],
			"offset":0,"limit":200,"totalQuantity":2,"totalPage":1,"currentPage":1}`,
		"deposit":         "true",
		"updatewallet":    "true",
		"calculatewallet": `{"operationId":0,"amount":13.55,"currency":"USD","quantity":100}`,
		"tariff": `{"openSource":false,"enterprise":false,"developer":false,"id":81234,"state":1,"dueDate":"2026-07-31T14:39:43.0000000+03:00",
			"delayDueDate":"0001-01-01T00:00:00.0000000Z","licenseDate":"0001-01-01T00:00:00.0000000Z","customerId":"owner@example.com",
			"quotas":[{"id":-9,"quantity":10,"wallet":false},
				{"id":-11,"quantity":100,"wallet":true,"dueDate":"2026-07-31T11:39:43","nextQuantity":200,"state":0}]}`,
		"operationsreport": `{"id":"DocumentBuilderTask_1","error":"","percentage":100,"isCompleted":true,"status":2,"resultFileId":7,
			"resultFileName":"june.xlsx","resultFileUrl":"/files/june.xlsx"}`,
		"topupsettings": `{"enabled":true,"minBalance":20,"upToBalance":100,"currency":"USD","lastModified":"2026-06-21T08:15:30"}`,
		"currencies": `[{"isoCountryCode":"US","isoCurrencySymbol":"$","currencyNativeName":"US Dollar"},
			{"isoCountryCode":"ES","isoCurrencySymbol":"€","currencyNativeName":"euro"}]`,
	}
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := path.Base(r.URL.Path)
		if key := r.Header.Get("Authorization"); key != "Bearer sk-owner" && (key != "Bearer sk-user" || name != "quota") {
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `{"error":{"message":"Access denied"},"status":1,"statusCode":403}`)
			return
		}
		if name == "june.xlsx" {
			file := zip.NewWriter(w)
			_, _ = file.Create("xl/workbook.xml")
			_ = file.Close()
			return
		}
		_, _ = io.WriteString(w, `{"response":`+answers[name]+`,"count":1,"status":0,"statusCode":200}`)
	}))
}
