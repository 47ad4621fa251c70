package docspace_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bursarhq/bursar/docspace"
)

// Storage is paid from the wallet: what it costs is known before it is bought.
func ExampleClient_BuyFromWallet() {
	portal := startPortal()
	defer portal.Close()
	client, err := docspace.New(docspace.Config{URL: portal.URL, Key: "sk-owner"})
	if err != nil {
		fmt.Println(err)
		return
	}

	ctx := context.Background()
	price, err := client.CalculateWallet(ctx, "storage", 100)
	if err != nil || price == nil {
		fmt.Println("no price:", err)
		return
	}
	fmt.Println("100 GB cost", price.Amount)
	bought, err := client.BuyFromWallet(ctx, "storage", 100, "order-2026-0007")
	var failure *docspace.Error
	switch {
	case errors.Is(err, docspace.ErrPaymentRequired):
		fmt.Println("the wallet has less:", err)
	case errors.As(err, &failure) && failure.MayHaveHappened():
		fmt.Println("not known; ask again, with the same key:", err)
	case err != nil:
		fmt.Println("refused, nothing was bought:", err)
	default:
		fmt.Println("bought:", bought)
	}
	// Output:
	// 100 GB cost 13.55 USD
	// bought: true
}

// Who is no administrator is told less of a tariff.
func ExampleClient_Tariff() {
	portal := startPortal()
	defer portal.Close()
	client, err := docspace.New(docspace.Config{URL: portal.URL, Key: "sk-owner"})
	if err != nil {
		fmt.Println(err)
		return
	}

	tariff, err := client.Tariff(context.Background())
	if err != nil || tariff == nil {
		fmt.Println("no tariff:", err)
		return
	}
	fmt.Println(tariff.State)
	if tariff.Dates != nil && !tariff.Dates.Due.IsZero() {
		fmt.Println("until", tariff.Dates.Due.Format("2006-01-02 15:04 -07:00"))
	}
	if tariff.Details != nil {
		for _, q := range tariff.Details.Quotas {
			fmt.Println(q.ID, "×", q.Quantity)
			if q.NextQuantity != nil {
				fmt.Println("  and from the next period on", *q.NextQuantity)
			}
		}
	}
	// Output:
	// paid
	// until 2026-07-31 14:39 +03:00
	// -9 × 10
	// -11 × 100
	//   and from the next period on 200
}

// The portal makes a spreadsheet of what happened in the wallet, and the client
// waits for it.
func ExampleClient_DownloadReport() {
	portal := startPortal()
	defer portal.Close()
	client, err := docspace.New(docspace.Config{URL: portal.URL, Key: "sk-owner"})
	if err != nil {
		fmt.Println(err)
		return
	}

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	june := docspace.OperationsQuery{
		From: time.Date(2026, time.June, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2026, time.June, 30, 23, 59, 59, 0, time.UTC),
	}
	if _, err := client.StartOperationsReport(ctx, june); err != nil {
		fmt.Println(err)
		return
	}
	task, err := client.AwaitReport(ctx, client.OperationsReport)
	if err != nil {
		fmt.Println(err)
		return
	}
	var file bytes.Buffer // or an *os.File
	n, err := client.DownloadReport(ctx, task, &file)
	if err != nil {
		fmt.Println("what there is of the file is to be thrown away:", err)
		return
	}
	fmt.Println(task.ResultFileName, n > 0)
	// Output: june.xlsx true
}

// AI prices are for so few tokens that no amount can hold them; they are numbers as
// the portal wrote them, until they are multiplied.
func ExampleDecimal_Times() {
	price, err := docspace.ParseDecimal("0.000000075")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(price.Times(1_000_000, "USD"))
	_, err = price.Times(1, "USD")
	fmt.Println(err)
	// Output:
	// 0.075 USD <nil>
	// more than eight decimal places: 0.000000075 × 1
}
