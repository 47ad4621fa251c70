package cli_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bursarhq/bursar/cli"
	"github.com/bursarhq/bursar/docspacetest"
	"github.com/bursarhq/bursar/money"
)

// Portals of another age or maker leave out what they don't know.
func TestStockPortalsAreShown(t *testing.T) {
	t.Parallel()
	portal := docspacetest.NewStock(t)
	world := map[string]string{"DOCSPACE_URL": portal.URL, "DOCSPACE_API_KEY": portal.Key}
	for _, line := range []string{"plan show", "plan upcoming", "service list", "topup-rule show", "plan set --quantity 12 --dry-run", "operations list"} {
		for _, format := range []string{"", " -o json"} {
			stdout, _, err := runCLI(t, world, words(line+format)...)
			if err != nil || stdout == "" {
				t.Errorf("bursar %s: %v", line, err)
			}
		}
	}
	portal.Inject(docspacetest.Fault{Null: true})
	for _, line := range []string{"plan show", "plan upcoming", "plan balance", "service list", "topup-rule show"} {
		stdout, _, err := runCLI(t, world, words(line)...)
		if err != nil || !strings.Contains(stdout, "The portal does not say.") {
			t.Errorf("bursar %s: %v\n%s", line, err, stdout)
		}
	}
	for _, line := range []string{"operations list", "operations list --all", "operations usage", "operations usage --monthly"} {
		stdout, _, err := runCLI(t, world, words(line)...)
		if cli.ExitCode(err) != cli.ExitFailed || stdout != "" || !strings.Contains(printed(err), "the portal does not say") {
			t.Errorf("bursar %s: %v\n%s", line, err, stdout)
		}
	}
}

func TestPlansAreShown(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	text := d.must("plan show")
	for _, want := range []string{"BOUGHT\n", "State     paid", "Business        10  card ", "storage        100  wallet", "PLAN\n", "PLANS ON OFFER\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	d.must("service schedule storage --cancel --yes")
	var shown struct {
		Tariff struct {
			State string
			Parts []struct {
				ID           int
				Quantity     int64
				PaidFrom     string
				NextQuantity *int64
			}
		}
		Quota  struct{ Title string }
		Quotas []struct{ ID int }
	}
	decode(t, d.must("plan show -o json"), &shown)
	parts := shown.Tariff.Parts
	if shown.Tariff.State != "paid" || shown.Quota.Title != "Business" || len(shown.Quotas) != 2 || len(parts) != 2 ||
		parts[0].Quantity != 10 || parts[0].PaidFrom != "card" || parts[1].ID != -11 || parts[1].NextQuantity == nil || *parts[1].NextQuantity != 0 {
		t.Errorf("%+v", shown)
	}
	if text := d.must("plan upcoming"); !strings.Contains(text, "200.00 USD") || strings.Contains(text, "torage") {
		t.Errorf("upcoming are\n%s", text)
	}
	if text := d.must("service list"); !strings.Contains(text, "storage  1 GB storage    0.14 USD  yes       100     0") &&
		!strings.Contains(text, "100     0") {
		t.Errorf("the services are\n%s", text)
	}
}

// A plan that is bought for the first time is bought in a browser.
func TestFirstPlansAreBoughtAtAPage(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.SetPurchases()
	link := d.must("plan buy admin --quantity 5")
	if !strings.HasPrefix(link, "http") || strings.Count(link, "\n") != 1 {
		t.Errorf("the link is %q", link)
	}
	var page map[string]any
	decode(t, d.must("plan buy admin --quantity 5 -o json --back-url "+d.URL+"/back --success-url "+d.URL+"/done"), &page)
	if page["product"] != "admin" || page["quantity"] != 5. || page["portal"] != d.URL || !strings.HasPrefix(page["url"].(string), "http") {
		t.Errorf("%v", page)
	}
	if text := d.refuse(cli.ExitFailed, "plan buy admin --quantity 5 --back-url https://elsewhere.example.com/"); !strings.Contains(text, "BackUrl") {
		t.Errorf("it says %s", text)
	}
}

// The plan moves from the card to the wallet: what is left of it is given back.
func TestPlansMoveToTheWallet(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.SetPurchases()
	d.must("plan set --quantity 6 --yes") // paid by card, and so there is something to give back
	var left struct {
		TotalCost, RemainingInWallet money.Amount
		DaysElapsed                  int
	}
	decode(t, d.must("plan balance -o json"), &left)
	if text := d.must("plan balance"); !strings.Contains(text, "LEFT OF THE PLAN") || !strings.Contains(text, left.RemainingInWallet.String()) {
		t.Errorf("it says %s", text)
	}
	if left.TotalCost != amount(t, "120.00", "USD") {
		t.Errorf("%+v", left)
	}
	text := d.must("plan move --quantity 6 --dry-run")
	for _, want := range []string{left.RemainingInWallet.String() + ", what is left of the plan", "120.00 USD", "the plan to the wallet, as 6 of adminwallet"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	d.Inject(docspacetest.Fault{Path: "calculatewallet", Status: 404, Times: 1}) // as of a wallet that was never used
	if text := d.must("plan move --quantity 6 --dry-run"); !strings.Contains(text, "Costs       120.00 USD\n") {
		t.Errorf("it costs\n%s", text)
	}
	d.must("plan move --quantity 6 --yes --idempotency-key move")
	after := d.snapshot()
	d.must("plan move --quantity 6 --yes --idempotency-key move")
	if again := d.snapshot(); again != after {
		t.Errorf("it moved twice (-once +twice):\n%s", cmp.Diff(after, again))
	}
	if text := d.must("plan show"); !strings.Contains(text, " 6  wallet") {
		t.Errorf("it is not the wallet that pays:\n%s", text)
	}
}
