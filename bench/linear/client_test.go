package linear

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
)

// history is what all clients saw. Its clock counts, so that no two moments are one.
type history struct {
	mu    sync.Mutex
	ops   []porcupine.Operation
	clock int64
	holds map[string][]int64 // that are known, by portal
	cut   int                // unknown outcomes
}

func (h *history) now() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clock++
	return h.clock
}

// add takes an operation down. One whose outcome is not known may happen at any time
// from its call on.
func (h *history) add(client int, call int64, in input, out outcome) {
	back := h.now()
	if out.word == unknown {
		back = math.MaxInt64
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if out.word == unknown {
		h.cut++
	}
	if in.kind == "hold" && out.word == "ok" {
		h.holds[in.portal] = append(h.holds[in.portal], out.hold)
	}
	h.ops = append(h.ops, porcupine.Operation{ClientId: client, Input: in, Output: out, Call: call, Return: back})
}

func (h *history) hold(random *rand.Rand, portal string) int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	known := h.holds[portal]
	if len(known) == 0 {
		return 0
	}
	// Mostly one of the last, which may still be open.
	return known[max(0, len(known)-1-random.IntN(4))]
}

// client asks for one thing after the other, of any of some servers.
type client struct {
	number  int
	random  *rand.Rand
	history *history
	servers []string
	http    *http.Client
	secret  string
	count   int
}

func (c *client) work(portals []string, steps int) error {
	for range steps {
		in := input{portal: portals[c.random.IntN(len(portals))], amount: 1 + c.random.Int64N(20)}
		switch c.random.IntN(10) {
		case 0, 1:
			in.kind = "credit"
		case 2, 3, 4:
			in.kind = "charge"
		case 5:
			in.kind = "hold"
		case 6, 7:
			in.kind = []string{"complete", "void"}[c.random.IntN(2)]
			if in.hold = c.history.hold(c.random, in.portal); in.hold == 0 {
				in.kind, in.hold = "credit", 0
			}
		default:
			in.kind, in.amount = "wallet", 0
		}
		if in.kind == "void" {
			in.amount = 0
		}
		if err := c.step(in); err != nil {
			return err
		}
	}
	return nil
}

// step does one thing. A call that was cut off is made once more, under its key, or
// left as it is.
func (c *client) step(in input) error {
	c.count++
	key := fmt.Sprint(c.number, "-", c.count)
	patience := time.Minute
	if in.kind != "wallet" && c.random.IntN(12) == 0 {
		patience = time.Duration(c.random.IntN(3000)) * time.Microsecond
	}
	call := c.history.now()
	out, replay, err := c.ask(in, key, patience)
	if err != nil || replay {
		return fmt.Errorf("%+v: replay %t, %w", in, replay, err)
	}
	if out.word != unknown {
		c.history.add(c.number, call, in, out)
		return nil
	}
	if c.random.IntN(4) == 0 {
		c.history.add(c.number, call, in, out)
		return nil
	}
	again := c.history.now()
	told, _, err := c.ask(in, key, time.Minute)
	if err != nil {
		return fmt.Errorf("%+v again: %w", in, err)
	}
	if told.word != "ok" {
		// A refusal is of now, and what was cut off may still happen.
		c.history.add(c.number, call, in, out)
		call = again
	}
	c.history.add(c.number, call, in, told)
	return nil
}

// reply is all that the server may say.
type reply struct {
	Transfer, Hold, Available, Code string
	Transfers                       int64
	Pockets                         []struct{ Book, Balance, Held, Available string }
}

func (c *client) ask(in input, key string, patience time.Duration) (out outcome, replay bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	method, path, body := http.MethodPost, "/v1/portals/"+in.portal+"/"+in.kind+"s", ""
	switch in.kind {
	case "wallet":
		method, path = http.MethodGet, "/v1/portals/"+in.portal+"/wallet"
	case "credit":
		body = fmt.Sprintf(`{"amount":"%d","currency":"USD","reason":"r"}`, in.amount)
	case "charge", "hold":
		body = fmt.Sprintf(`{"service":"backup","amount":"%d","currency":"USD"}`, in.amount)
	case "complete":
		body = fmt.Sprintf(`{"amount":"%d"}`, in.amount)
	}
	if in.hold != 0 {
		path = "/v1/holds/" + ledger.HoldID{Portal: in.portal, Number: in.hold}.String() + "/" + in.kind
	}
	r, err := http.NewRequestWithContext(ctx, method, c.servers[c.random.IntN(len(c.servers))]+path, bytes.NewReader([]byte(body)))
	if err != nil {
		return out, false, err
	}
	r.Header.Set("Authorization", "Bearer "+c.secret)
	r.Header.Set("Content-Type", "application/json")
	if method == http.MethodPost {
		r.Header.Set("Idempotency-Key", key)
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return outcome{word: unknown}, false, unless(ctx, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return outcome{word: unknown}, false, unless(ctx, err)
	}
	var said reply
	if err := json.Unmarshal(text, &said); err != nil {
		return out, false, fmt.Errorf("%d %s: %w", answer.StatusCode, text, err)
	}
	switch {
	case answer.StatusCode == http.StatusServiceUnavailable && ctx.Err() != nil:
		return outcome{word: unknown}, false, nil
	case answer.StatusCode >= 500:
		return out, false, fmt.Errorf("%d %s", answer.StatusCode, text)
	case answer.StatusCode >= 400:
		return outcome{word: said.Code}, false, nil
	}
	out, err = said.outcome()
	return out, answer.Header.Get("Idempotent-Replay") == "true", err
}

// unless returns an error, unless a context that has ended is why.
func unless(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (r reply) outcome() (out outcome, err error) {
	out.word = "ok"
	if r.Transfer != "" {
		id, err := ledger.ParseTransferID(r.Transfer)
		if err != nil {
			return out, err
		}
		out.number = id.Number
	}
	if r.Hold != "" {
		id, err := ledger.ParseHoldID(r.Hold)
		if err != nil {
			return out, err
		}
		out.hold = id.Number
	}
	out.transfers = r.Transfers
	for into, text := range map[*int64]string{&out.available: r.Available} {
		if *into, err = dollars(text); err != nil {
			return out, err
		}
	}
	for _, p := range r.Pockets {
		if p.Book != string(ledger.Main) {
			continue
		}
		for into, text := range map[*int64]string{&out.available: p.Available, &out.balance: p.Balance, &out.held: p.Held} {
			if *into, err = dollars(text); err != nil {
				return out, err
			}
		}
	}
	return out, nil
}

// dollars reads a whole number of them; "" is none.
func dollars(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	a, err := money.Parse(text, "USD")
	return a.Units() / money.Scale, err
}
