package billing_test

import (
	"context"
	"net/netip"
	"strings"

	"github.com/bursarhq/bursar/billing"
)

func portalDeeds() map[string]traced {
	zone := "Asia/Tokyo"
	return map[string]traced{
		"CreatePortal": {portal: "new", once: true,
			do: func(ctx context.Context, d *desk) error {
				_, err := d.CreatePortal(ctx, billing.NewPortal{
					ID: "new", Name: "New", Hosts: []string{"b.example", "a.example"}, Country: "de", Owner: billing.NewUser{Email: "o@new.example"},
					Bought: []billing.Purchase{{Plan: -9, Quantity: 2}},
				})
				return err
			},
			fails: func(ctx context.Context, d *desk) error {
				_, err := d.CreatePortal(ctx, billing.NewPortal{ID: "new", Hosts: []string{"p.example"}})
				return err
			},
			want: []string{`portal.create new  > {"name":"New","country":"DE","hosts":["a.example","b.example"],"owner":"o@new.example","bought":[{"plan":-9,"quantity":2}]}`},
		},
		"ChangePortal": {
			do: func(ctx context.Context, d *desk) error {
				return d.ChangePortal(ctx, "p", billing.PortalChange{Name: "Pe", TimeZone: &zone, AddHosts: []string{"q.example"}})
			},
			fails: func(ctx context.Context, d *desk) error {
				return d.ChangePortal(ctx, "p", billing.PortalChange{Name: "Pe", RemoveHosts: []string{"other.example"}})
			},
			want: []string{`portal.change p {"name":"p.example","timeZone":"Europe/Berlin","hosts":["p.example"]} > {"name":"Pe","timeZone":"Asia/Tokyo","hosts":["p.example","q.example"]}`},
		},
		"AddHost": {
			do:    func(ctx context.Context, d *desk) error { return d.AddHost(ctx, "p", "q.example") },
			fails: func(ctx context.Context, d *desk) error { return d.AddHost(ctx, "p", "q.example:80") },
			want: []string{`portal.change p {"name":"p.example","timeZone":"Europe/Berlin","hosts":["p.example"]} > ` +
				`{"name":"p.example","timeZone":"Europe/Berlin","hosts":["p.example","q.example"]}`},
		},
		"RemoveHost": {once: true,
			do:    func(ctx context.Context, d *desk) error { return d.RemoveHost(ctx, "p", "p.example") },
			fails: func(ctx context.Context, d *desk) error { return d.RemoveHost(ctx, "p", "q.example") },
			want: []string{`portal.change p {"name":"p.example","timeZone":"Europe/Berlin","hosts":["p.example"]} > ` +
				`{"name":"p.example","timeZone":"Europe/Berlin"}`},
		},
		"SetTimeZone": {
			do:    func(ctx context.Context, d *desk) error { return d.SetTimeZone(ctx, "p", "Asia/Tokyo") },
			fails: func(ctx context.Context, d *desk) error { return d.SetTimeZone(ctx, "p", "Asia/Nowhere") },
			want: []string{`portal.change p {"name":"p.example","timeZone":"Europe/Berlin","hosts":["p.example"]} > ` +
				`{"name":"p.example","timeZone":"Asia/Tokyo","hosts":["p.example"]}`},
		},
		"CreateOperatorKey": {portal: "-", once: true,
			do: func(ctx context.Context, d *desk) error {
				_, _, err := d.CreateOperatorKey(ctx, billing.NewOperatorKey{Name: "o", Days: 1, Secret: "bk-" + strings.Repeat("s", 30)})
				return err
			},
			fails: func(ctx context.Context, d *desk) error {
				_, _, err := d.CreateOperatorKey(ctx, billing.NewOperatorKey{Name: "o", Days: 1000})
				return err
			},
			want: []string{`operator_key.create ID  > {"name":"o","expires":"2026-07-09T11:39:43Z"}`},
		},
		"RevokeOperatorKey": {portal: "-",
			before: func(d *desk) {
				_, _, err := d.CreateOperatorKey(d.t.Context(), billing.NewOperatorKey{Name: "o", Secret: "bk-secret"})
				d.must(err)
			},
			do: func(ctx context.Context, d *desk) error {
				_, err := d.RevokeOperatorKey(ctx, "bk-secret")
				return err
			},
			fails: func(ctx context.Context, d *desk) error {
				_, err := d.RevokeOperatorKey(ctx, "bk-other")
				return err
			},
			want: []string{`operator_key.revoke ID {"name":"o"} > `},
		},
	}
}

func peopleDeeds() map[string]traced {
	return map[string]traced{
		"AddUser": {once: true,
			do: func(ctx context.Context, d *desk) error {
				_, err := d.AddUser(ctx, "p", billing.NewUser{Email: "ann@p.example", Name: "Ann", Role: billing.Admin})
				return err
			},
			fails: func(ctx context.Context, d *desk) error {
				_, err := d.AddUser(ctx, "p", billing.NewUser{Email: "owner@p.example", Role: billing.Admin})
				return err
			},
			want: []string{`user.create ID  > {"email":"ann@p.example","name":"Ann","role":"admin"}`},
		},
		"ChangeUser": {
			before: func(d *desk) { d.user("ann@p.example") },
			do: func(ctx context.Context, d *desk) error {
				_, err := d.ChangeUser(ctx, "p", d.userID("ann@p.example"), billing.UserChange{Name: "Ann", Role: billing.Owner})
				return err
			},
			fails: func(ctx context.Context, d *desk) error {
				_, err := d.ChangeUser(ctx, "p", d.userID("ann@p.example"), billing.UserChange{Email: "owner@p.example"})
				return err
			},
			want: []string{
				`user.change ID {"email":"owner@p.example","name":"owner","role":"owner"} > {"email":"owner@p.example","name":"owner","role":"admin"}`,
				`user.change ID {"email":"ann@p.example","name":"ann","role":"guest"} > {"email":"ann@p.example","name":"Ann","role":"owner"}`,
			},
		},
		"RemoveUser": {once: true,
			before: func(d *desk) { d.user("ann@p.example") },
			do: func(ctx context.Context, d *desk) error {
				_, err := d.RemoveUser(ctx, "p", d.userID("ann@p.example"))
				return err
			},
			fails: func(ctx context.Context, d *desk) error {
				_, err := d.RemoveUser(ctx, "p", d.userID("owner@p.example"))
				return err
			},
			want: []string{`user.remove ID {"email":"ann@p.example","name":"ann","role":"guest"} > `},
		},
		"CreateKey": {once: true,
			do: func(ctx context.Context, d *desk) error {
				_, _, err := d.CreateKey(ctx, "p", billing.NewKey{Name: "new", Days: 1})
				return err
			},
			fails: func(ctx context.Context, d *desk) error {
				_, _, err := d.CreateKey(ctx, "p", billing.NewKey{Name: "new", UserEmail: "nobody@p.example"})
				return err
			},
			want: []string{`key.create ID  > {"name":"new","user":"ID","expires":"2026-07-09T11:39:43Z"}`},
		},
		"CreateKeyFor": {once: true,
			do: func(ctx context.Context, d *desk) error {
				_, _, err := d.CreateKeyFor(ctx, d.me(), billing.NewKey{Name: "new"})
				return err
			},
			want: []string{`key.create ID  > {"name":"new","user":"ID"}`},
		},
		"RevokeKey": {
			do: func(ctx context.Context, d *desk) error {
				_, err := d.RevokeKey(ctx, "p", d.key)
				return err
			},
			fails: func(ctx context.Context, d *desk) error {
				_, err := d.RevokeKey(ctx, "p", "none")
				return err
			},
			want: []string{`key.revoke ID {"name":"k","user":"ID"} > `},
		},
		"RevokeKeyFor": {once: true,
			do: func(ctx context.Context, d *desk) error {
				me := d.me()
				keys, err := d.KeysFor(ctx, me)
				d.must(err)
				return d.RevokeKeyFor(ctx, me, keys[0].ID)
			},
			want: []string{`key.revoke ID {"name":"k","user":"ID"} > `},
		},
		"RequestSales": {open: mailingDesk, portal: company, once: true,
			before: func(d *desk) { d.as(billing.Admin) },
			do: func(ctx context.Context, d *desk) error {
				return d.RequestSales(ctx, d.as(billing.Admin), home, wanted)
			},
			fails: func(ctx context.Context, d *desk) error {
				return d.RequestSales(ctx, d.as(billing.Admin), netip.Addr{}, billing.SalesRequest{Email: "a@example.com"})
			},
			want: []string{`sales.request   > {"name":"Olivia Owner","email":"Olivia@example.com","message":"What does it cost\nfor a thousand?"}`},
		},
		"StartReport": {open: reportingDesk, once: true,
			do: func(ctx context.Context, d *desk) error {
				_, err := d.StartReport(ctx, d.me(), operationsOf(billing.OperationFilter{}))
				return err
			},
			want: []string{`report.start 1  > {"kind":"operations","file":"operations.xlsx"}`},
		},
		"CancelReport": {open: reportingDesk,
			before: func(d *desk) {
				let := make(chan struct{})
				d.t.Cleanup(func() { close(let) })
				d.start(d.me(), waiting(let))
			},
			do:   func(ctx context.Context, d *desk) error { return d.CancelReport(ctx, d.me(), billing.OperationsReport) },
			want: []string{`report.cancel 1 {"kind":"operations"} > `},
		},
	}
}
