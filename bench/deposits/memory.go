package main

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/bursarhq/bursar/docspace"
)

// memory is an IntentStore that outlives the process, which may crash before and
// after each of its writes, or find the disk full.
type memory struct {
	w     *world
	files map[string][]byte
}

func (m memory) Lock(context.Context, string) (func(), error) {
	if m.w.dead {
		return nil, errCrash
	}
	return func() {}, nil
}

func (m memory) Load(_ context.Context, portal, key string) (*docspace.DepositIntent, error) {
	text := m.files[portal+" "+key]
	switch {
	case m.w.dead:
		return nil, errCrash
	case text == nil:
		return nil, nil
	}
	intent := new(docspace.DepositIntent)
	return intent, json.Unmarshal(text, intent)
}

func (m memory) Save(_ context.Context, intent *docspace.DepositIntent) error {
	if m.w.dead {
		return errCrash
	}
	trouble := 100
	if !m.w.quiet {
		trouble = m.w.n(100)
	}
	if trouble < 2 {
		return m.w.crash()
	}
	text, err := json.Marshal(intent)
	if err != nil {
		return err
	}
	m.files[intent.Portal+" "+intent.Key] = text
	if trouble < 4 {
		return m.w.crash()
	}
	return nil
}

func (m memory) List(_ context.Context, portal string) (all []docspace.DepositIntent, err error) {
	if m.w.dead {
		return nil, errCrash
	}
	for name, text := range m.files {
		if !strings.HasPrefix(name, portal+" ") {
			continue
		}
		var intent docspace.DepositIntent
		if err := json.Unmarshal(text, &intent); err != nil {
			return nil, err
		}
		all = append(all, intent)
	}
	slices.SortFunc(all, func(a, b docspace.DepositIntent) int { return strings.Compare(a.Key, b.Key) })
	return all, nil
}
