package billing_test

import (
	"context"
	"errors"

	"github.com/bursarhq/bursar/billing"
)

// hooked has a webhook, which is not told by what it does but by being the only one.
func hooked(d *desk) {
	_, err := d.CreateWebhook(d.t.Context(), billing.NewWebhook{URL: "https://example.com/in?token=t"})
	d.must(err)
}

// hookOf returns the id of the only webhook.
func hookOf(d *desk) string {
	all, err := d.Webhooks(d.t.Context())
	d.must(err)
	if len(all) != 1 {
		d.t.Fatalf("there are %d webhooks", len(all))
	}
	return all[0].ID
}

// webhookDeeds are all of no portal.
func webhookDeeds() map[string]traced {
	const plain = `{"url":"https://example.com/in?…","state":"active"}`
	const paused = `{"url":"https://example.com/in?…","state":"paused","reason":"asked"}`
	changing := func(fn func(ctx context.Context, d *desk, id string) error) func(ctx context.Context, d *desk) error {
		return func(ctx context.Context, d *desk) error { return fn(ctx, d, hookOf(d)) }
	}
	return map[string]traced{
		"CreateWebhook": {portal: "-", once: true,
			do: func(ctx context.Context, d *desk) error {
				_, err := d.CreateWebhook(ctx, billing.NewWebhook{
					URL: "http://127.0.0.1/", Private: true, Description: "ours", PortalID: "p", Types: []string{"hold.expired"},
				})
				return err
			},
			fails: func(ctx context.Context, d *desk) error {
				_, err := d.CreateWebhook(ctx, billing.NewWebhook{URL: "http://127.0.0.1/"})
				return err
			},
			want: []string{`webhook.create ID  > {"url":"http://127.0.0.1/","description":"ours","portal":"p","types":["hold.expired"],"private":true,"state":"active"}`},
		},
		"ChangeWebhook": {portal: "-", before: hooked,
			do: changing(func(ctx context.Context, d *desk, id string) error {
				_, err := d.ChangeWebhook(ctx, id, billing.WebhookChange{Description: new("theirs")})
				return err
			}),
			fails: changing(func(ctx context.Context, d *desk, id string) error {
				_, err := d.ChangeWebhook(ctx, id, billing.WebhookChange{PortalID: new("none")})
				return err
			}),
			want: []string{`webhook.change ID ` + plain + ` > {"url":"https://example.com/in?…","description":"theirs","state":"active"}`},
		},
		"RotateWebhookSecret": {portal: "-", once: true, before: hooked,
			do: changing(func(ctx context.Context, d *desk, id string) error {
				_, err := d.RotateWebhookSecret(ctx, id)
				return err
			}),
			want: []string{`webhook.rotate ID ` + plain + ` > {"url":"https://example.com/in?…","state":"active","oldSecretUntil":"2026-07-09T11:39:43Z"}`},
		},
		"PauseWebhook": {portal: "-", before: hooked,
			do: changing(func(ctx context.Context, d *desk, id string) error {
				_, err := d.PauseWebhook(ctx, id)
				return err
			}),
			want: []string{`webhook.pause ID ` + plain + ` > ` + paused},
		},
		"ResumeWebhook": {portal: "-",
			before: func(d *desk) {
				hooked(d)
				_, err := d.PauseWebhook(d.t.Context(), hookOf(d))
				d.must(err)
			},
			do: changing(func(ctx context.Context, d *desk, id string) error {
				_, err := d.ResumeWebhook(ctx, id)
				return err
			}),
			want: []string{`webhook.resume ID ` + paused + ` > ` + plain},
		},
		"ReplayWebhook": {portal: "-", once: true,
			before: func(d *desk) {
				d.happens("p", low, low)
				d.must(d.PlaceEvents(d.t.Context()))
				hooked(d)
			},
			do: changing(func(ctx context.Context, d *desk, id string) error { return second(d.ReplayWebhook(ctx, id, 1, 0)) }),
			fails: changing(func(ctx context.Context, d *desk, id string) error {
				return second(d.ReplayWebhook(ctx, id, 1, 1<<40))
			}),
			want: []string{`webhook.replay ID  > {"from":1,"to":2}`},
		},
		"DeleteWebhook": {portal: "-", once: true, before: hooked,
			do: changing(func(ctx context.Context, d *desk, id string) error { return d.DeleteWebhook(ctx, id) }),
			fails: func(ctx context.Context, d *desk) error {
				err := d.DeleteWebhook(ctx, "none")
				if !errors.Is(err, billing.ErrNotFound) {
					d.t.Error(err)
				}
				return err
			},
			want: []string{`webhook.delete ID ` + plain + ` > `},
		},
	}
}
