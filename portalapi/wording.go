package portalapi

import (
	"html"
	"strconv"
	"strings"
	"time"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
)

// wording puts transfers into a portal's words. Source: contract, "How the portal
// words a ledger row".
type wording struct {
	service string            // that a use of AI without one is of
	names   map[string]string // of users, by their ids
	zone    *time.Location
}

// words are what a service is called, and what is counted of it.
type words struct{ description, unit string }

// The names of what has words of its own without being a service that is paid.
const (
	topUp       = "top-up"
	aiTools     = "ai-tools"
	diskStorage = "disk-storage"
)

var wordsOf = map[string]words{
	topUp:       {"Balance top-up", ""},
	diskStorage: {"Disk space", "GB"},
	"backup":    {"Backup", "Backup"},
	aiTools:     {"AI features", "AI Credits"},
	"admin":     {"Business plan", "Admins"},
	"adminyear": {"Business plan", "Admins"},
	"chat":      {"Chat", "Tokens"},
	"embedding": {"Vectorization", "Tokens"},
	"search":    {"Web search", "Results"},
	"fetch":     {"Web crawling", "Sources"},
}

// countedBy is where the quantity of a kind of AI use stands in the metadata.
var countedBy = map[string]string{"chat": "total_tokens", "embedding": "prompt_tokens", "search": "num_results"}

func (w wording) operation(t *ledger.Transfer) docspace.Operation {
	texts := t.Metadata.Texts()
	service, kind, quantity := t.Service, t.Type, t.Quantity
	if strings.HasPrefix(service, diskStorage) {
		service = diskStorage
	}
	if kind == ledger.AICredit && t.In() {
		service, kind = "", ledger.Deposit
	}
	if kind == ledger.AIServicePayment && service == "" {
		service = w.service
	}
	key := service
	switch {
	case kind == ledger.AIServicePayment && texts["type"] != "":
		key = texts["type"]
		if counted, err := strconv.ParseInt(texts[countedBy[key]], 10, 64); err == nil && counted >= 0 {
			quantity = counted
		}
	case service == "" && kind == ledger.Deposit:
		key, quantity = topUp, 0
	case service == "" && kind == ledger.AICredit:
		key, quantity = aiTools, t.Amount.Units()/money.Scale
	}
	out := docspace.Operation{
		Date: docspace.Time{Time: t.At.In(w.zone)}, Service: service,
		Description: wordsOf[key].description, ServiceUnit: wordsOf[key].unit,
		Details: texts["details"], Quantity: quantity,
		Credit: money.FromUnits(0, t.Amount.Currency()), Debit: money.FromUnits(0, t.Amount.Currency()),
		ParticipantName: t.Participant, ParticipantDisplayName: t.Participant,
		AgentID: texts["agent_id"], AgentTitle: texts["agent_title"], Type: docspace.OperationType(kind.String()),
	}
	if out.Details == "" {
		out.Details = texts["model"]
	}
	if name, isUser := w.names[t.Participant]; isUser {
		out.ParticipantDisplayName = html.EscapeString(name)
	}
	if t.In() {
		out.Credit = t.Amount
	} else {
		out.Debit = t.Amount
	}
	return out
}
