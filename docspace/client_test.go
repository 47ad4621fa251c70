package docspace_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/docspacetest"
	"github.com/bursarhq/bursar/money"
)

// Both sides of the wire agree: what a real portal holds is what its client says.
func TestClientReadsARealPortal(t *testing.T) {
	portal := docspacetest.New(t)
	report := portal.Client().Report(t.Context())
	if err := report.Err(); err != nil {
		t.Fatal(err)
	}
	diff(t, "portal", report.Portal, portal.URL)
	diff(t, "payer", report.Customer.Payer.DisplayName, "Olivia Owner")
	diff(t, "e-mail", report.Customer.Email, "owner@example.com")
	diff(t, "method", report.Customer.PaymentMethodStatus, docspace.PaymentMethodSet)
	diff(t, "balance", report.Balance.SubAccounts, []docspace.SubAccount{
		{Amount: amount("148.50", "USD")}, {Amount: amount("25", "EUR")},
	})
	diff(t, "last credit", report.Balance.LastCredit.Amount, amount("100", "USD"))
	diff(t, "plan", report.Quota.Title, "Business")
	diff(t, "price", *report.Quota.Price, docspace.Price{Amount: amount("200", "USD"), Symbol: "$"})
	admins, ok := report.Quota.Feature("manager")
	if n, counted := admins.Value.Number(); !ok || !counted || n != 10 || *admins.Used.Value != 4 {
		t.Errorf("admins: %+v", admins)
	}
	diff(t, "floor", report.TopUp.MinBalance, amount("20", "USD"))
	diff(t, "target", report.TopUp.UpToBalance, amount("100", "USD"))
	diff(t, "currency", report.Currencies[0].Code(), money.Currency("USD"))
	for _, quota := range report.Quotas {
		if quota.Price == nil || quota.Price.Amount.Currency() != "USD" {
			t.Errorf("price of %d: %+v", quota.ID, quota.Price)
		}
	}
	services, err := portal.Client().WalletQuotas(t.Context())
	if err != nil || len(services) == 0 || services[0].Price.Amount != amount("0.14", "USD") {
		t.Errorf("services: %+v, %v", services, err)
	}
}

func TestClientServesManyAtOnce(t *testing.T) {
	portal := docspacetest.New(t)
	client := portal.Client()
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			for _, op := range operations() {
				want := !strings.HasSuffix(op.path, "/aibalance") // the sample has none
				if present, err := op.do(t.Context(), client); present != want || err != nil {
					t.Errorf("%s: a value: %t, %v", op.path, present, err)
				}
			}
		})
	}
	all.Wait()
}

// Once its portal is gone, a client leaves no connection and nothing else behind,
// whatever happened to its reads.
func TestClientLeavesNothingRunning(t *testing.T) {
	before := goleak.IgnoreCurrent()
	released := make(chan struct{})
	server, _ := serve(t, false, func(w http.ResponseWriter, r *http.Request) {
		switch name := strings.TrimPrefix(r.URL.Path, "/api/2.0/portal/payment/"); name {
		case "customerinfo":
			panic(http.ErrAbortHandler)
		case "customer/balance": // too large
			for {
				if _, err := io.WriteString(w, strings.Repeat(" ", 1<<16)); err != nil {
					return
				}
			}
		case "quota": // not before the client has given up
			select {
			case <-r.Context().Done():
			case <-released:
			}
		case "quotas":
			_, _ = io.WriteString(w, `{"response":[`)
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		default:
			answering(envelope(payloads[name]))(w, r)
		}
	})
	client := newClient(t, docspace.Config{URL: server.URL, MaxAttempts: 1, MaxBody: 1 << 20})
	ctx, cancel := context.WithCancel(t.Context())
	rest := []docspace.Part{docspace.PartCustomer, docspace.PartBalance, docspace.PartQuotas, docspace.PartTopUp, docspace.PartCurrencies}
	report := client.Report(ctx, rest...)
	for part, kind := range map[docspace.Part]error{
		docspace.PartCustomer: docspace.ErrUnreachable, docspace.PartBalance: docspace.ErrTooLarge, docspace.PartQuotas: docspace.ErrUnreachable,
	} {
		failureOf(t, report.Failed[part], kind)
	}
	ended := make(chan error)
	go func() {
		_, err := client.Quota(ctx)
		ended <- err
	}()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	_, err := newClient(t, docspace.Config{URL: server.URL, MaxAttempts: 1, Timeout: time.Millisecond}).Quota(t.Context())
	failureOf(t, err, docspace.ErrTimeout)

	close(released)
	server.Close()
	if err := leftRunning(before); err != nil {
		t.Error(err)
	}
}
