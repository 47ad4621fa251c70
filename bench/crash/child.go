package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/store"
)

// clients is how many post at once.
const clients = 16

var portals = []string{"a", "b", "c"}

// beChild posts until it is killed, or whoever started it is gone.
func beChild(in io.Reader, out io.Writer) int {
	go func() {
		_, _ = io.Copy(io.Discard, in)
		os.Exit(3)
	}()
	seed, _ := strconv.ParseUint(os.Getenv("BURSAR_CRASH_SEED"), 10, 64)
	t := &teller{out: out}
	s, err := store.Open(context.Background(), store.Config{Dir: os.Getenv("BURSAR_CRASH_DIR"), URL: os.Getenv("BURSAR_CRASH_URL"), MustExist: true})
	if err != nil {
		_ = t.tell(line{Failed: err.Error()})
		return 1
	}
	if err := t.tell(line{Ready: true}); err != nil {
		return 1
	}
	var wg sync.WaitGroup
	common := &wishes{}
	for i := range clients {
		c := &client{
			store: s, teller: t, common: common, prefix: fmt.Sprint(os.Getenv("BURSAR_CRASH_ROUND"), "-", i, "-"),
			random: rand.New(rand.NewPCG(seed, uint64(i))),
		}
		wg.Go(func() {
			_ = t.tell(line{Failed: c.work().Error()})
		})
	}
	wg.Go(func() { sealing(s) })
	wg.Wait()
	return 0
}

// sealing seals while others post.
func sealing(s *store.Store) {
	for n := 0; ; n++ {
		_, _ = s.SealBook(context.Background(), portals[n%len(portals)], ledger.Books()[n%2], time.Now())
		time.Sleep(5 * time.Millisecond) // it is not what is looked at here
	}
}

// wishes are what all clients of a child have asked, so that they can ask it again.
type wishes struct {
	mu    sync.Mutex
	asked []wish
}

func (w *wishes) add(one wish) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, one)
}

func (w *wishes) one(random *rand.Rand) (wish, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.asked) == 0 {
		return wish{}, false
	}
	return w.asked[random.IntN(len(w.asked))], true
}

// client posts one thing after the other.
type client struct {
	store  *store.Store
	teller *teller
	common *wishes
	random *rand.Rand
	prefix string
	count  int

	holds, charges []wish // with the number of what was made
}

// work returns only what it can't go on from.
func (c *client) work() error {
	for {
		asked := []wish{c.next()}
		for c.random.IntN(6) == 0 && len(asked) < 5 {
			asked = append(asked, c.next())
		}
		if err := c.teller.tell(line{Wishes: asked}); err != nil {
			return err
		}
		post := store.Post{Now: time.Now()}
		for _, w := range asked {
			post.Requests = append(post.Requests, w.request())
		}
		if c.random.IntN(20) == 0 {
			post.Also = func(*store.Tx, []ledger.Result) error { return nil }
		}
		results, err := c.store.Post(context.Background(), post)
		if errors.Is(err, store.ErrBusy) {
			time.Sleep(time.Millisecond) // the server is gone, and the end is near
			continue
		}
		if err != nil {
			return fmt.Errorf("post %+v: %w", asked, err)
		}
		said := line{Wishes: asked}
		for i, r := range results {
			one := result{Answer: answerOf(r.Answer), Replay: r.Replay}
			if r.Err != nil {
				one = result{Refused: r.Err.Error()}
			} else {
				c.learn(asked[i], r.Answer)
			}
			said.Results = append(said.Results, one)
		}
		if err := c.teller.tell(said); err != nil {
			return err
		}
	}
}

// next is something new, or what somebody asked before.
func (c *client) next() wish {
	if c.random.IntN(6) == 0 {
		if w, ok := c.common.one(c.random); ok {
			return w
		}
	}
	c.count++
	w := wish{Portal: portals[c.random.IntN(len(portals))], Key: c.prefix + strconv.Itoa(c.count), Units: 1 + c.random.Int64N(1000)}
	kinds := []string{"credit", "credit", "charge", "charge", "charge", "hold", "hold", "complete", "void", "correct", "ai"}
	switch w.Kind = kinds[c.random.IntN(len(kinds))]; w.Kind {
	case "complete", "void":
		w = c.about(w, c.holds)
	case "correct":
		w = c.about(w, c.charges)
	}
	c.common.add(w)
	return w
}

// about makes a wish be about one of some things; without any, it stays a charge.
func (c *client) about(w wish, things []wish) wish {
	if len(things) == 0 {
		w.Kind = "charge"
		return w
	}
	thing := things[c.random.IntN(len(things))]
	w.Portal, w.Units, w.Number = thing.Portal, 0, thing.Number
	return w
}

// learn remembers what can be completed, voided or corrected later.
func (c *client) learn(w wish, a ledger.Answer) {
	switch w.Kind {
	case "hold":
		c.holds = append(c.holds, wish{Portal: w.Portal, Number: a.Hold})
	case "charge":
		c.charges = append(c.charges, wish{Portal: w.Portal, Number: a.Main})
	}
}
