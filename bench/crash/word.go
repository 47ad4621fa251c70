package main

import (
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/wallet"
)

// wish is a request as it goes over the pipe.
type wish struct {
	Portal, Key, Kind string
	Units             int64 `json:",omitempty"`
	// Number is that of the hold or the transfer that it is about.
	Number int64 `json:",omitempty"`
}

// request returns what the wish stands for.
func (w wish) request() ledger.Request {
	amount := money.FromUnits(w.Units, "USD")
	var do ledger.Action
	switch w.Kind {
	case "credit":
		do = wallet.Deposit(wallet.Payment{Amount: amount}, "sandbox")
	case "charge":
		do = wallet.Charge(wallet.Payment{Amount: amount, Service: "backup", Quantity: 1})
	case "hold":
		do = ledger.Reserve{Amount: amount, Service: "backup", Quantity: 1, For: time.Hour}
	case "complete":
		do = ledger.Complete{Hold: w.Number}
	case "void":
		do = ledger.Void{Hold: w.Number}
	case "correct":
		do = ledger.Correct{Book: ledger.Main, Transfer: w.Number}
	case "ai":
		do = ledger.Post{
			{Book: ledger.Main, Debit: ledger.Wallet, Credit: ledger.Transit, Amount: amount, Type: ledger.AIDebit},
			{Book: ledger.AI, Debit: ledger.Transit, Credit: ledger.Wallet, Amount: amount, Type: ledger.AICredit},
		}
	}
	return ledger.Request{Portal: w.Portal, Key: w.Key, Input: ledger.InputOf(w.Kind, w.Units, w.Number), Do: do}
}

// answer is a ledger.Answer as it goes over the pipe.
type answer struct {
	At             int64
	Main, AI, Hold int64  `json:",omitempty"`
	Amount         int64  `json:",omitempty"`
	Currency       string `json:",omitempty"`
	Available      int64  `json:",omitempty"`
	ExpiresAt      int64  `json:",omitempty"`
}

func answerOf(a ledger.Answer) answer {
	out := answer{
		At: a.At.UnixMicro(), Main: a.Main, AI: a.AI, Hold: a.Hold,
		Amount: a.Amount.Units(), Currency: string(a.Amount.Currency()), Available: a.Available.Units(),
	}
	if !a.ExpiresAt.IsZero() {
		out.ExpiresAt = a.ExpiresAt.UnixMicro()
	}
	return out
}

// line is one line of the pipe: a wish before it is posted, and once more with what
// came of it.
type line struct {
	Wishes  []wish
	Results []result `json:",omitempty"` // nil: not posted yet
	Ready   bool     `json:",omitempty"`
	Failed  string   `json:",omitempty"` // the child found something wrong itself
}

type result struct {
	Answer  answer
	Replay  bool   `json:",omitempty"`
	Refused string `json:",omitempty"`
}

// teller writes lines, each as a whole: a pipe takes up to 4096 bytes at once or not
// at all.
type teller struct {
	mu  sync.Mutex
	out io.Writer
}

func (t *teller) tell(l line) error {
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	const whole = 4096
	if len(text) >= whole {
		return fmt.Errorf("a line of %d bytes is not written as a whole", len(text))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	_, err = t.out.Write(append(text, '\n'))
	return err
}
