package billing_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/payment"
	"github.com/bursarhq/bursar/payment/sandbox"
	"github.com/bursarhq/bursar/wallet"
)

func settingDeeds() map[string]traced {
	rule := func(ctx context.Context, d *desk, floor, target string) error {
		return d.SetTopUpRule(ctx, "p", true, amount(floor), amount(target))
	}
	return map[string]traced{
		"SetCustomer": {
			do: func(ctx context.Context, d *desk) error {
				return d.SetCustomer(ctx, "p", billing.CustomerChange{Email: "new@p.example", MethodStatus: "expired"})
			},
			fails: func(ctx context.Context, d *desk) error {
				return d.SetCustomer(ctx, "p", billing.CustomerChange{Email: "new@p.example", LastCredit: amount("5 JPY")})
			},
			want: []string{`customer.change 100001 {"email":"owner@p.example","payer":"ID","method":"set","type":"card"} > {"email":"new@p.example","method":"expired","type":"card"}`},
		},
		"SetPurchases": {
			do: func(ctx context.Context, d *desk) error {
				return d.SetPurchases(ctx, "p", []billing.Purchase{{Plan: -9, Quantity: 3}})
			},
			fails: func(ctx context.Context, d *desk) error {
				return d.SetPurchases(ctx, "p", []billing.Purchase{{Plan: -9, Quantity: 0}})
			},
			want: []string{`subscription.change  [] > [{"plan":-9,"quantity":3}]`},
		},
		"SetUsage": {
			before: func(d *desk) { d.must(d.SetUsage(d.t.Context(), "p", map[string]int64{"room": 1, "users": 4})) },
			do: func(ctx context.Context, d *desk) error {
				return d.SetUsage(ctx, "p", map[string]int64{"room": 2, "users": 4, "manager": 3})
			},
			fails: func(ctx context.Context, d *desk) error {
				return d.SetUsage(ctx, "p", map[string]int64{"room": -2})
			},
			want: []string{`usage.report  {"room":1} > {"manager":3,"room":2}`},
		},
		"SetServices": {
			do:    func(ctx context.Context, d *desk) error { return d.SetServices(ctx, "p", []int{-12, -11}) },
			fails: func(ctx context.Context, d *desk) error { return d.SetServices(ctx, "p", []int{-9}) },
			want:  []string{`services.change   > [-11,-12]`},
		},
		"SwitchService": {
			do: func(ctx context.Context, d *desk) error {
				_, err := d.SwitchService(ctx, d.me(), "backup", true)
				return err
			},
			fails: func(ctx context.Context, d *desk) error {
				_, err := d.SwitchService(ctx, d.me(), "nothing", true)
				return err
			},
			want: []string{`services.change backup  > [-12]`},
		},
		"RestrictModels": {
			do: func(ctx context.Context, d *desk) error {
				_, err := d.RestrictModels(ctx, d.me(), []string{"b", "a"})
				return err
			},
			fails: func(ctx context.Context, d *desk) error {
				_, err := d.RestrictModels(ctx, d.me(), []string{""})
				return err
			},
			want: []string{`models.restrict   > ["a","b"]`},
		},
		"SetCreditLimit": {
			do: func(ctx context.Context, d *desk) error {
				return d.SetCreditLimit(ctx, "p", ledger.Main, amount("10 USD"))
			},
			fails: func(ctx context.Context, d *desk) error {
				return d.SetCreditLimit(ctx, "p", ledger.Main, amount("-10 USD"))
			},
			want: []string{`credit_limit.change main "0.00 USD" > "10.00 USD"`},
		},
		"SetTopUpRule": {
			do:    func(ctx context.Context, d *desk) error { return rule(ctx, d, "20 USD", "100 USD") },
			fails: func(ctx context.Context, d *desk) error { return rule(ctx, d, "20 USD", "10 USD") },
			want:  []string{`top_up_rule.change   > {"enabled":true,"minBalance":"20.00 USD","upTo":"100.00 USD"}`},
		},
		"SetTopUp": {
			do: func(ctx context.Context, d *desk) error {
				return d.SetTopUp(ctx, "p", billing.TopUp{Floor: amount("20 USD"), Target: amount("100 USD"), Caps: &wallet.Caps{Charge: amount("50 USD"), Count: 2}})
			},
			fails: func(ctx context.Context, d *desk) error {
				return d.SetTopUp(ctx, "p", billing.TopUp{Caps: &wallet.Caps{}})
			},
			want: []string{`top_up_rule.change   > {"enabled":false,"minBalance":"20.00 USD","upTo":"100.00 USD","maxCharge":"50.00 USD","maxCount":2}`},
		},
		"ClearTopUpRule": {
			before: func(d *desk) { d.must(rule(d.t.Context(), d, "20 USD", "100 USD")) },
			do:     func(ctx context.Context, d *desk) error { return d.ClearTopUpRule(ctx, "p") },
			want:   []string{`top_up_rule.change  {"enabled":true,"minBalance":"20.00 USD","upTo":"100.00 USD"} > `},
		},
		"ResumeTopUps": {
			before: func(d *desk) {
				d.must(rule(d.t.Context(), d, "20 USD", "100 USD"))
				d.saveCard("first")
				d.bank.behaves(sandbox.Behaviour{Decline: payment.CardDeclined})
				d.pay("much", "490 USD")
				d.wait(time.Minute)
			},
			do: func(ctx context.Context, d *desk) error {
				_, err := d.ResumeTopUps(ctx, "p")
				return err
			},
			want: []string{`top_ups.resume  {"declines":1,"reason":"card_declined"} > `},
		},
		"ChangeTopUpRule": {
			do: func(ctx context.Context, d *desk) error {
				_, err := d.ChangeTopUpRule(ctx, d.me(), &billing.TopUpChange{Enabled: true, MinBalance: 20, UpToBalance: 100})
				return err
			},
			fails: func(ctx context.Context, d *desk) error {
				_, err := d.ChangeTopUpRule(ctx, d.me(), &billing.TopUpChange{Enabled: true, MinBalance: 20, UpToBalance: 10})
				return err
			},
			want: []string{`top_up_rule.change   > {"enabled":true,"minBalance":"20.00 USD","upTo":"100.00 USD"}`},
		},
	}
}

const (
	opened  = `collection.open c1.p  > {"state":"open","amount":"50.00 USD","purpose":"deposit"}`
	settled = `collection.end c1.p  > {"state":"settled","amount":"50.00 USD","purpose":"deposit","reference":"CODE"}`
)

func moneyDeeds() map[string]traced {
	paid := func(reference string) billing.Payment {
		return billing.Payment{Amount: amount("5 USD"), Reference: reference}
	}
	return map[string]traced{
		"Deposit": {
			do: func(ctx context.Context, d *desk) error {
				_, err := d.Deposit(ctx, "p", "k", billing.Deposit{Amount: amount("50 USD")})
				return err
			},
			fails: func(ctx context.Context, d *desk) error {
				_, err := d.Deposit(ctx, "p", "k", billing.Deposit{Amount: amount("0.001 USD")})
				return err
			},
			want: []string{opened, settled},
		},
		"DepositFor": {
			do: func(ctx context.Context, d *desk) error {
				_, _, err := d.DepositFor(ctx, d.me(), "k", 50, "USD")
				return err
			},
			fails: func(ctx context.Context, d *desk) error {
				_, _, err := d.DepositFor(ctx, d.me(), "k", 0, "USD")
				return err
			},
			want: []string{opened, settled},
		},
		"RecordPayment": {
			before: func(d *desk) {
				_, err := d.RecordPayment(d.t.Context(), "p", "first", paid("one"))
				d.must(err)
			},
			do: func(ctx context.Context, d *desk) error {
				_, err := d.RecordPayment(ctx, "p", "k", paid("two"))
				return err
			},
			fails: func(ctx context.Context, d *desk) error {
				_, err := d.RehearsePayment(ctx, "p", "k", paid("two"))
				d.must(err)
				_, err = d.RecordPayment(ctx, "p", "k", paid("one"))
				return err
			},
			want: []string{`payment.record two  > {"amount":"5.00 USD","method":"bank_transfer","received":"2026-07-08T11:39:43Z","transfer":"t3.p"}`},
		},
		"RefundCollection": {
			before: deposited,
			do: func(ctx context.Context, d *desk) error {
				_, err := d.RefundCollection(ctx, "c1.p", "k", amount("20 USD"), "late")
				return err
			},
			fails: func(ctx context.Context, d *desk) error {
				_, err := d.RefundCollection(ctx, "c1.p", "k", amount("51 USD"), "late")
				return err
			},
			want: []string{
				`refund.open r1.c1.p  > {"state":"open","amount":"20.00 USD","why":"late"}`,
				`refund.end r1.c1.p {"state":"open","amount":"20.00 USD","why":"late"} > {"state":"settled","amount":"20.00 USD","why":"late","reference":"CODE"}`,
			},
		},
		"Receive": {by: billing.ByProvider, before: deposited,
			do: func(ctx context.Context, d *desk) error { return d.Receive(ctx, refunded("c1.p", "20 USD")) },
			fails: func(ctx context.Context, d *desk) error {
				return d.Receive(ctx, payment.Event{Kind: payment.Refunded, ChargeID: "c1.p", Outcome: payment.Outcome{Amount: amount("20 JPY")}})
			},
			want: []string{`collection.end c1.p  > {"state":"refunded","amount":"20.00 USD","purpose":"deposit"}`},
		},
		"Reconcile": {
			before: func(d *desk) {
				d.bank.behaves(sandbox.Behaviour{Fault: sandbox.TimeOutAfter})
				if _, err := d.Deposit(d.t.Context(), "p", "k", billing.Deposit{Amount: amount("50 USD")}); !errors.Is(err, billing.ErrUnsettled) {
					d.t.Fatal(err)
				}
				d.clock.Move(2 * 60 * 1e9)
			},
			do: func(ctx context.Context, d *desk) error {
				_, err := d.Reconcile(ctx)
				return err
			},
			want: []string{settled},
		},
		"Reconcile, of what never arrived": {
			before: func(d *desk) {
				d.bank.behaves(sandbox.Behaviour{Fault: sandbox.TimeOutBefore})
				if _, err := d.Deposit(d.t.Context(), "p", "k", billing.Deposit{Amount: amount("50 USD")}); !errors.Is(err, billing.ErrUnsettled) {
					d.t.Fatal(err)
				}
				d.clock.Move(2 * 60 * 1e9)
			},
			do: func(ctx context.Context, d *desk) error {
				_, err := d.Reconcile(ctx)
				return err
			},
			want: []string{`collection.end c1.p  > {"state":"declined","amount":"50.00 USD","purpose":"deposit","reason":"abandoned"}`},
		},
		"CreditAI": {
			do: func(ctx context.Context, d *desk) error {
				_, err := d.CreditAI(ctx, d.me(), "k", amount("20 USD"))
				return err
			},
			fails: func(ctx context.Context, d *desk) error {
				_, err := d.CreditAI(ctx, d.me(), "k", amount("5000 USD"))
				return err
			},
			want: []string{`ai_credit.buy ai-tools  > "20.00 USD"`, `services.change aitools  > [-13]`},
		},
		"BuyAICredit": {
			do: func(ctx context.Context, d *desk) error {
				_, err := d.BuyAICredit(ctx, d.me(), "k", "aitools", 20)
				return err
			},
			fails: func(ctx context.Context, d *desk) error {
				_, err := d.BuyAICredit(ctx, d.me(), "k", "backup", 20)
				return err
			},
			want: []string{`ai_credit.buy ai-tools  > "20.00 USD"`, `services.change aitools  > [-13]`},
		},
	}
}

func planDeeds() map[string]traced {
	hundred := int64(200)
	return map[string]traced{
		"PlanPage": {
			do: func(ctx context.Context, d *desk) error {
				_, err := d.PlanPage(ctx, d.me(), order)
				return err
			},
			fails: func(ctx context.Context, d *desk) error {
				wrong := order
				wrong.Product = "nothing"
				_, err := d.PlanPage(ctx, d.me(), wrong)
				return err
			},
			want: []string{`page.open c1.p  > {"state":"open","amount":"100.00 USD","purpose":"plan","plan":-9,"quantity":5}`},
		},
		"ChangePlan": {
			before: func(d *desk) { d.subscribe(5) },
			do: func(ctx context.Context, d *desk) error {
				_, _, err := d.ChangePlan(ctx, d.me(), "k", "admin", 6, here)
				return err
			},
			fails: func(ctx context.Context, d *desk) error {
				_, _, err := d.ChangePlan(ctx, d.me(), "k", "admin", 5, here)
				return err
			},
			want: []string{
				`collection.open c2.p  > {"state":"open","amount":"20.00 USD","purpose":"plan","plan":-9,"quantity":6,"method":"Card card"}`,
				`subscription.change -9 {"plan":-9,"quantity":5,"rate":"100.00 USD","due":"2026-08-08T11:39:43Z"} > ` +
					`{"plan":-9,"quantity":6,"rate":"120.00 USD","due":"2026-08-08T11:39:43Z"}`,
				`collection.end c2.p  > {"state":"settled","amount":"20.00 USD","purpose":"plan","reference":"CODE"}`,
			},
		},
		"Receive, of a page that was paid": {by: billing.ByProvider, open: poorDesk,
			before: func(d *desk) { d.pageFor(order) },
			do:     func(ctx context.Context, d *desk) error { return d.Receive(ctx, d.bank.pays("c1.p", "card")) },
			want: []string{
				`customer.change 100001  > {"email":"owner@p.example","payer":"ID","method":"none"}`,
				`subscription.change -9  > {"plan":-9,"quantity":5,"rate":"100.00 USD","due":"2026-08-08T11:39:43Z"}`,
				`customer.method sandbox {"status":"none"} > {"status":"set","label":"Card card","type":"card"}`,
				`collection.end c1.p  > {"state":"settled","amount":"100.00 USD","purpose":"plan","reference":"ref"}`,
			},
		},
		"Receive, of a card that is gone": {by: billing.ByProvider, before: func(d *desk) { d.subscribe(5) },
			do: func(ctx context.Context, d *desk) error {
				return d.Receive(ctx, payment.Event{ID: "e", Kind: payment.MethodGone, Customer: "p", Method: method("card")})
			},
			want: []string{
				`customer.method sandbox {"status":"set","label":"Card card","type":"card"} > {"status":"none","type":"card"}`,
			},
		},
		"Receive, of a refund of a plan": {by: billing.ByProvider, before: func(d *desk) { d.subscribe(5) },
			do: func(ctx context.Context, d *desk) error { return d.Receive(ctx, refunded("c1.p", "40 USD")) },
			want: []string{
				`subscription.change -9 {"plan":-9,"quantity":5,"rate":"100.00 USD","due":"2026-08-08T11:39:43Z"} > {"plan":-9,"quantity":5,"rate":"60.00 USD","due":"2026-08-08T11:39:43Z"}`,
				`collection.end c1.p  > {"state":"refunded","amount":"40.00 USD","purpose":"plan"}`,
			},
		},
		"AddUser, who pays": {once: true,
			before: func(d *desk) {
				d.must(d.SetCustomer(d.t.Context(), "p", billing.CustomerChange{Email: "ann@p.example"}))
			},
			do: func(ctx context.Context, d *desk) error {
				_, err := d.AddUser(ctx, "p", billing.NewUser{Email: "ann@p.example", Role: billing.Admin})
				return err
			},
			want: []string{
				`user.create ID  > {"email":"ann@p.example","name":"ann","role":"admin"}`,
				`customer.change 100001 {"email":"ann@p.example","method":"set","type":"card"} > {"email":"ann@p.example","payer":"ID","method":"set","type":"card"}`,
			},
		},
		"ChangePlan, to less": {
			before: func(d *desk) { d.subscribe(5) },
			do: func(ctx context.Context, d *desk) error {
				_, _, err := d.ChangePlan(ctx, d.me(), "k", "admin", 4, here)
				return err
			},
			want: []string{
				`subscription.change -9 {"plan":-9,"quantity":5,"rate":"100.00 USD","due":"2026-08-08T11:39:43Z"} > {"plan":-9,"quantity":4,"rate":"80.00 USD","due":"2026-08-08T11:39:43Z"}`,
			},
		},
		"MoveToWallet, by card": {open: func(t *testing.T) *desk { return newDesk(t, inMemory, "1 USD") },
			before: func(d *desk) { d.subscribe(5); d.clock.Move(10 * day) },
			do: func(ctx context.Context, d *desk) error {
				_, _, err := d.MoveToWallet(ctx, d.me(), "k", "adminwallet", 5)
				return err
			},
			want: []string{
				`collection.open c2.p  > {"state":"open","amount":"31.26 USD","purpose":"deposit","method":"Card card"}`,
				`collection.end c2.p  > {"state":"settled","amount":"31.26 USD","purpose":"deposit","reference":"CODE"}`,
				`subscription.change -14 {"plan":-9,"quantity":5,"rate":"100.00 USD","due":"2026-08-08T11:39:43Z"} > {"plan":-14,"quantity":5,"rate":"100.00 USD","due":"2026-08-18T11:39:43Z"}`,
			},
		},
		"SetCustomer, who is new": {open: poorDesk,
			do: func(ctx context.Context, d *desk) error {
				return d.SetCustomer(ctx, "p", billing.CustomerChange{Email: "owner@p.example", TopUp: &billing.TopUp{Enabled: true, Floor: amount("20 USD"), Target: amount("100 USD")}})
			},
			want: []string{
				`customer.change 100001  > {"email":"owner@p.example","payer":"ID","method":"none"}`,
				`top_up_rule.change   > {"enabled":true,"minBalance":"20.00 USD","upTo":"100.00 USD"}`,
			},
		},
		"Purchase": {
			do: func(ctx context.Context, d *desk) error {
				_, err := d.Purchase(ctx, d.me(), "k", "storage", 100)
				return err
			},
			fails: func(ctx context.Context, d *desk) error {
				_, err := d.Purchase(ctx, d.me(), "k", "storage", 1_000_000)
				return err
			},
			want: []string{`subscription.change -11  > {"plan":-11,"quantity":100,"rate":"14.00 USD","due":"2026-08-08T11:39:43Z"}`},
		},
		"Schedule": {
			before: func(d *desk) {
				_, err := d.Purchase(d.t.Context(), d.me(), "first", "storage", 100)
				d.must(err)
			},
			do: func(ctx context.Context, d *desk) error {
				_, err := d.Schedule(ctx, d.me(), "storage", &hundred)
				return err
			},
			want: []string{`subscription.change -11 {"plan":-11,"quantity":100,"rate":"14.00 USD","due":"2026-08-08T11:39:43Z"} > ` +
				`{"plan":-11,"quantity":100,"next":200,"rate":"14.00 USD","due":"2026-08-08T11:39:43Z"}`},
		},
		"MoveToWallet": {
			before: func(d *desk) { d.subscribe(5) },
			do: func(ctx context.Context, d *desk) error {
				_, _, err := d.MoveToWallet(ctx, d.me(), "k", "adminwallet", 5)
				return err
			},
			want: []string{`subscription.change -14 {"plan":-9,"quantity":5,"rate":"100.00 USD","due":"2026-08-08T11:39:43Z"} > ` +
				`{"plan":-14,"quantity":5,"rate":"100.00 USD","due":"2026-08-08T11:39:43Z"}`},
		},
	}
}
