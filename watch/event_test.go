package watch_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/bursarhq/bursar/watch"
)

// told is what comes of answers, as JSON lines; "-" for nothing.
func told(t *testing.T, board *watch.Board, all ...watch.Answer) string {
	t.Helper()
	var b strings.Builder
	for _, a := range all {
		event := board.TakeEvent(a)
		if event == nil {
			b.WriteString("-\n")
			continue
		}
		line, err := json.Marshal(event)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(line, '\n'))
	}
	return b.String()
}

func TestEvents(t *testing.T) {
	first := func() watch.Answer {
		return answer("acme", noon, pocket{cents(14850, "USD"), 32}, pocket{cents(500, "EUR"), -1})
	}
	spent := first()
	spent.At, spent.Balance.SubAccounts[0].Amount = noon.Add(day), cents(14730, "USD")
	emptied, unknown := first(), first()
	emptied.Balance.SubAccounts, emptied.Quota, emptied.TopUp = nil, nil, nil
	unknown.Balance = nil
	down := refused("acme", noon.Add(2*day))
	down.Err = errors.New("gone\x1b[31m\n\u202eaway")
	golden(t, "events", told(t, watch.NewBoard([]string{"acme"}), first(), first(), spent, down, down, spent,
		without(first(), "balance", "runway"), emptied, unknown)+
		"-- of one that is down from the beginning, and of one that nobody watches\n"+
		told(t, watch.NewBoard([]string{"acme"}), refused("acme", noon), first(), refused("nobody", noon)))
}
