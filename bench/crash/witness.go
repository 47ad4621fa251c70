package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"time"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/store"
)

// witness hears what children say, and holds the database against it.
type witness struct {
	engine *engine
	random *rand.Rand
	summary

	effects map[string]answer // what came of each key, by portal and key
	wishes  map[string]wish
	order   []string        // the keys of effects, in the order that they became known
	pending map[string]wish // asked in this round, and not acknowledged
	heard   map[string]answer
	fresh   map[string]bool // keys whose first, which is no replay, was heard
}

func newWitness(random *rand.Rand, e *engine) *witness {
	return &witness{engine: e, random: random, effects: map[string]answer{}, wishes: map[string]wish{}, fresh: map[string]bool{}}
}

func name(w wish) string { return w.Portal + " " + w.Key }

// prepare makes the portals, with money in them.
func (w *witness) prepare(ctx context.Context) error {
	s, err := w.engine.open(ctx)
	if err != nil {
		return err
	}
	for _, id := range portals {
		if err := s.CreatePortal(ctx, store.Portal{ID: id, CreatedAt: time.Now()}, nil, func(*store.Tx) error { return nil }); err != nil {
			return errors.Join(err, s.Close())
		}
		opening := wish{Portal: id, Key: "opening", Kind: "credit", Units: 1_000_000}
		results, err := s.Post(ctx, store.Post{Requests: []ledger.Request{opening.request()}, Now: time.Now()})
		if err != nil {
			return errors.Join(err, s.Close())
		}
		w.know(opening, answerOf(results[0].Answer))
	}
	return s.Close()
}

func (w *witness) know(one wish, a answer) {
	key := name(one)
	if _, ok := w.effects[key]; !ok {
		w.order = append(w.order, key)
	}
	w.effects[key], w.wishes[key] = a, one
}

// round starts a child, ends it or the server under it, and looks at what is left.
func (w *witness) round(ctx context.Context, seed uint64, round int, last bool) error {
	w.pending, w.heard = map[string]wish{}, map[string]answer{}
	moment := time.Duration(10+w.random.IntN(290)) * time.Millisecond
	ofServer := w.engine.cluster != nil && round%2 == 1
	if err := w.endureChild(ctx, seed+uint64(round), round, moment, ofServer); err != nil {
		return err
	}
	if ofServer {
		w.crashes++
		if err := w.engine.cluster.Start(ctx); err != nil {
			return err
		}
	} else {
		w.kills++
	}
	s, err := w.engine.open(ctx)
	if err != nil {
		return fmt.Errorf("open what is left: %w", err)
	}
	return errors.Join(w.check(ctx, s, last), s.Close())
}

// endureChild listens to a child until it has ended.
func (w *witness) endureChild(ctx context.Context, seed uint64, round int, moment time.Duration, ofServer bool) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, program)
	cmd.Env = append(os.Environ(), childMode+"=1", "BURSAR_CRASH_DIR="+w.engine.dir, "BURSAR_CRASH_URL="+w.engine.url,
		"BURSAR_CRASH_SEED="+strconv.FormatUint(seed, 10), "BURSAR_CRASH_ROUND="+strconv.Itoa(round))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	ready := make(chan struct{})
	listened := make(chan error, 1)
	go func() { listened <- w.listen(out, ready) }()
	var ended error
	select {
	case <-ready:
		time.Sleep(moment)
		if ofServer {
			ended = w.engine.cluster.Stop(ctx, "immediate")
		}
	case ended = <-listened:
		listened <- ended
	}
	_ = cmd.Process.Kill()
	err = <-listened
	_ = cmd.Wait() // it was killed
	return errors.Join(ended, err)
}

// listen takes down what a child says, until there is no more.
func (w *witness) listen(from io.Reader, ready chan<- struct{}) error {
	lines := bufio.NewReader(from)
	for {
		text, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			if len(text) > 0 {
				return fmt.Errorf("half a line: %q", text)
			}
			return nil
		}
		if err != nil {
			return err
		}
		var said line
		if err := json.Unmarshal(text, &said); err != nil {
			return fmt.Errorf("%q: %w", text, err)
		}
		switch {
		case said.Failed != "":
			return errors.New(said.Failed)
		case said.Ready:
			close(ready)
		default:
			if err := w.hear(said); err != nil {
				return err
			}
		}
	}
}

func (w *witness) hear(said line) error {
	if said.Results == nil {
		for _, one := range said.Wishes {
			if _, known := w.heard[name(one)]; !known {
				w.pending[name(one)] = one
			}
		}
		return nil
	}
	for i, r := range said.Results {
		one := said.Wishes[i]
		key := name(one)
		if r.Refused != "" {
			w.refused++
			continue // the key is free: whoever asks again may succeed
		}
		w.acknowledged++
		if before, ok := w.effects[key]; ok && before != r.Answer {
			return fmt.Errorf("%+v: answered %+v, and %+v", one, before, r.Answer)
		}
		if !r.Replay {
			if w.fresh[key] {
				return fmt.Errorf("%+v is carried out twice: %+v", one, r.Answer)
			}
			w.fresh[key] = true
		}
		w.know(one, r.Answer)
		w.heard[key] = r.Answer
		delete(w.pending, key)
	}
	return nil
}
