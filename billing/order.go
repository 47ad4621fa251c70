package billing

import (
	"context"
	"fmt"
	"regexp"
	"time"
	"unicode/utf8"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/store"
	"github.com/bursarhq/bursar/wallet"
)

// Order is something that moves or reserves money, at most once.
type Order struct {
	// PortalID may be "" where What names a hold or a transfer, whose id has it.
	PortalID string
	// Key is the caller's idempotency key, 1 to 255 bytes: the same order under
	// the same key is carried out once, however often it is sent, for ever.
	Key  string
	What What
}

// What is a Charge, Reservation, Extension, Completion, Release, Credit or
// Correction.
type What interface {
	// request says what is to be done, to which portal; the portal is "" unless
	// the thing itself names it.
	request() (portalID string, input [32]byte, do ledger.Action, err error)
}

// Receipt is what an order came to.
type Receipt struct {
	PortalID string
	// Transfer and Hold are the ids of what was made or changed; "" when there
	// is none.
	Transfer, Hold string
	// Amount is what was transferred or is reserved.
	Amount money.Amount
	// Available is what the pocket had available afterwards.
	Available money.Amount
	At        time.Time
	// ExpiresAt is that of a hold that is open; otherwise the zero Time.
	ExpiresAt time.Time
	// Replay says that the order had been carried out before; all else is what
	// it came to then.
	Replay bool
}

// Outcome is what one of several orders came to.
type Outcome struct {
	Receipt Receipt
	Err     error
}

// Carry carries orders out, and returns the outcome of each, in their order.
// They are durable when it returns. Each stands alone: one that is refused does
// not keep others back. Orders on one wallet are carried out in the order given.
//
// An outcome with ErrTryAgain may have happened: the same order under the same
// key tells, and does no harm.
func (s *Service) Carry(ctx context.Context, orders ...Order) []Outcome {
	outcomes := make([]Outcome, len(orders))
	requests := make([]ledger.Request, 0, len(orders))
	asked := make([]int, 0, len(orders)) // the order of each request
	for i, order := range orders {
		r, err := order.request()
		if err != nil {
			outcomes[i].Err = err
			continue
		}
		requests, asked = append(requests, r), append(asked, i)
	}
	if len(requests) == 0 {
		return outcomes
	}
	results, err := s.post(ctx, store.Post{Requests: requests, Now: s.now()})
	for n, i := range asked {
		if err != nil {
			outcomes[i].Err = fromStore("carry out order", err)
			continue
		}
		outcomes[i] = outcome(requests[n].Portal, results[n])
		if _, credit := orders[i].What.(Credit); credit && outcomes[i].Err == nil {
			s.credited(ctx, requests[n].Portal)
		}
	}
	return outcomes
}

// credited has renewals looked at that may have waited for a credit. Those that are
// missed here look again when it is their time.
func (s *Service) credited(ctx context.Context, portalID string) {
	if err := s.store.ChangeJobs(ctx, portalID, s.hastenRenewals); err != nil {
		s.log.WarnContext(ctx, "renewals do not know of a credit yet", "portal", portalID, "error", err)
	}
}

// CarryOne carries one order out; see Carry.
func (s *Service) CarryOne(ctx context.Context, order Order) (Receipt, error) {
	o := s.Carry(ctx, order)[0]
	return o.Receipt, o.Err
}

// Rehearse does all that CarryOne does, and undoes it: nothing has changed, and
// the key is as free as it was.
func (s *Service) Rehearse(ctx context.Context, order Order) (Receipt, error) {
	r, err := order.request()
	if err != nil {
		return Receipt{}, err
	}
	results, err := s.post(ctx, store.Post{Requests: []ledger.Request{r}, Now: s.now(), Rehearse: true})
	if err != nil {
		return Receipt{}, fromStore("rehearse order", err)
	}
	o := outcome(r.Portal, results[0])
	return o.Receipt, o.Err
}

func outcome(portalID string, result ledger.Result) Outcome {
	if result.Err != nil {
		return Outcome{Err: fromLedger(result.Err)}
	}
	a := result.Answer
	r := Receipt{PortalID: portalID, Amount: a.Amount, Available: a.Available, At: a.At, ExpiresAt: a.ExpiresAt, Replay: result.Replay}
	switch {
	case a.Main != 0:
		r.Transfer = ledger.TransferID{Portal: portalID, Book: ledger.Main, Number: a.Main}.String()
	case a.AI != 0:
		r.Transfer = ledger.TransferID{Portal: portalID, Book: ledger.AI, Number: a.AI}.String()
	}
	if a.Hold != 0 {
		r.Hold = ledger.HoldID{Portal: portalID, Number: a.Hold}.String()
	}
	return Outcome{Receipt: r}
}

func (o Order) request() (ledger.Request, error) {
	if err := checkKey(o.Key); err != nil {
		return ledger.Request{}, err
	}
	portalID, input, do, err := o.What.request()
	if err != nil {
		return ledger.Request{}, err
	}
	switch {
	case portalID == "":
		portalID = o.PortalID
	case o.PortalID != "" && o.PortalID != portalID:
		return ledger.Request{}, fmt.Errorf("what portal %s has is not for portal %s: %w", portalID, o.PortalID, ErrNotFound)
	}
	if !portalIDForm.MatchString(portalID) {
		return ledger.Request{}, fmt.Errorf("portal %q: %w", portalID, ErrNotFound)
	}
	return ledger.Request{Portal: portalID, Key: o.Key, Input: input, Do: do}, nil
}

// ownKeys is how keys begin that Bursar gives to what it does by itself. Callers
// can't use them.
const ownKeys = "bursar:"

// CheckKey returns nil for what can be a caller's idempotency key, 1 to 255 printable
// ASCII that do not begin as Bursar's own do, else a FieldError.
func CheckKey(key string) error { return checkKey(key) }

// checkKey refuses what is no idempotency key: 1 to 255 printable ASCII.
func checkKey(key string) error {
	const field = "Idempotency-Key"
	if key == "" {
		return invalid(field, "is missing")
	}
	if len(key) > ledger.MaxKey {
		return invalid(field, "is longer than %d bytes", ledger.MaxKey)
	}
	for i := range len(key) {
		if key[i] < ' ' || key[i] > '~' {
			return invalid(field, "has other characters than printable ASCII")
		}
	}
	if len(key) >= len(ownKeys) && key[:len(ownKeys)] == ownKeys {
		return invalid(field, "may not begin with %q", ownKeys)
	}
	return nil
}

// checkOptionalKey is checkKey where a key may be missing.
func checkOptionalKey(key string) error {
	if key == "" {
		return nil
	}
	return checkKey(key)
}

// Charge takes an amount from the wallet for a service.
type Charge struct {
	// Service is what is paid for: "backup".
	Service string
	// Quantity is how much of it, at least 1.
	Quantity int64
	Amount   money.Amount
	// Participant is the user on whose account it happens, or a name; "" for
	// nobody.
	Participant string
	Metadata    map[string]string
}

func (c Charge) request() (string, [32]byte, ledger.Action, error) {
	metadata, err := c.check()
	if err != nil {
		return "", [32]byte{}, nil, err
	}
	return "", c.input("charge", metadata), wallet.Charge(wallet.Payment{
		Amount: c.Amount, Service: c.Service, Quantity: c.Quantity, Participant: c.Participant, Metadata: metadata,
	}), nil
}

func (c Charge) check() (ledger.Metadata, error) {
	if !serviceForm.MatchString(c.Service) {
		return "", invalid("service", "%q is not made of up to 64 of a-z, 0-9, dot, dash and underscore", c.Service)
	}
	if c.Quantity < 1 || c.Quantity > maxQuantity {
		return "", invalid("quantity", "%d is not between 1 and %d", c.Quantity, int64(maxQuantity))
	}
	if err := checkAmount("amount", c.Amount); err != nil {
		return "", err
	}
	if err := checkText("participant", c.Participant, 255); err != nil {
		return "", err
	}
	return checkMetadata(c.Metadata)
}

func (c Charge) input(kind string, metadata ledger.Metadata, more ...any) [32]byte {
	return ledger.InputOf(kind, append([]any{c.Service, c.Quantity, c.Amount.Currency(), c.Amount.Units(), c.Participant, metadata}, more...)...)
}

var serviceForm = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// The bounds of what callers may ask.
const (
	maxQuantity     = 1<<53 - 1 // more is no exact number in some clients
	maxMetadata     = 32
	maxMetadataName = 64
	maxMetadataText = 1024
	defaultHold     = 24 * time.Hour
	maxHold         = 31 * 24 * time.Hour
)

// checkAmount refuses what is not more than nought of a known currency.
func checkAmount(field string, a money.Amount) error {
	if !a.Currency().Known() {
		return invalid("currency", "%q is not an ISO 4217 code", a.Currency())
	}
	if a.Sign() <= 0 {
		return invalid(field, "%s is not more than nought", a.Decimal())
	}
	return nil
}

// checkText refuses a text that is too long or can't be kept.
func checkText(field, text string, longest int) error {
	if len(text) > longest {
		return invalid(field, "is longer than %d bytes", longest)
	}
	if !utf8.ValidString(text) {
		return invalid(field, "is not UTF-8")
	}
	for _, r := range text {
		if r < ' ' || r == 0x7f {
			return invalid(field, "has a control character")
		}
	}
	return nil
}

func checkMetadata(texts map[string]string) (ledger.Metadata, error) {
	if len(texts) > maxMetadata {
		return "", invalid("metadata", "has more than %d members", maxMetadata)
	}
	for name, text := range texts {
		if name == "" || len(name) > maxMetadataName {
			return "", invalid("metadata", "has a name of %d bytes, where 1 to %d are allowed", len(name), maxMetadataName)
		}
		if err := checkText("metadata", name, maxMetadataName); err != nil {
			return "", err
		}
		if err := checkText("metadata "+name, text, maxMetadataText); err != nil {
			return "", err
		}
	}
	return ledger.NewMetadata(texts), nil
}

// Credit puts money into the wallet that nobody paid in.
type Credit struct {
	Amount money.Amount
	// Reason is for people: it is shown with the operation.
	Reason string
	// Kind is what it is in the books; "" means Goodwill.
	Kind        CreditKind
	Participant string
}

// CreditKind is why a wallet is credited.
type CreditKind string

const (
	Goodwill     CreditKind = "goodwill"
	RefundCredit CreditKind = "refund"
)

func (c Credit) request() (string, [32]byte, ledger.Action, error) {
	none := [32]byte{}
	if err := checkAmount("amount", c.Amount); err != nil {
		return "", none, nil, err
	}
	if c.Reason == "" {
		return "", none, nil, invalid("reason", "is missing")
	}
	if err := checkText("reason", c.Reason, maxMetadataText); err != nil {
		return "", none, nil, err
	}
	if err := checkText("participant", c.Participant, 255); err != nil {
		return "", none, nil, err
	}
	payment := wallet.Payment{Amount: c.Amount, Participant: c.Participant, Metadata: wallet.Details(c.Reason)}
	input := ledger.InputOf("credit", c.Kind, c.Amount.Currency(), c.Amount.Units(), c.Reason, c.Participant)
	switch c.Kind {
	case "", Goodwill:
		return "", input, wallet.Goodwill(payment), nil
	case RefundCredit:
		return "", input, wallet.Refund(payment), nil
	}
	return "", none, nil, invalid("kind", "%q is neither goodwill nor refund", c.Kind)
}

// Correction takes a transfer back, or a part of it.
type Correction struct {
	// Transfer is the id of what was wrong: "t42.docspace.io123".
	Transfer string
	// Amount is how much of it; the zero Amount means all that is left. One
	// without currency is in the transfer's own.
	Amount money.Amount
	// Reason is for people.
	Reason      string
	Participant string
}

func (c Correction) request() (string, [32]byte, ledger.Action, error) {
	none := [32]byte{}
	id, err := ledger.ParseTransferID(c.Transfer)
	if err != nil {
		return "", none, nil, invalid("transfer", "%q is no id of a transfer", c.Transfer)
	}
	if c.Reason == "" {
		return "", none, nil, invalid("reason", "is missing")
	}
	if err := checkText("reason", c.Reason, maxMetadataText); err != nil {
		return "", none, nil, err
	}
	if err := checkText("participant", c.Participant, 255); err != nil {
		return "", none, nil, err
	}
	if err := checkPart("amount", c.Amount); err != nil {
		return "", none, nil, err
	}
	input := ledger.InputOf("correct", c.Transfer, c.Amount.Currency(), c.Amount.Units(), c.Reason, c.Participant)
	return id.Portal, input, ledger.Correct{
		Book: id.Book, Transfer: id.Number, Amount: c.Amount, Participant: c.Participant, Metadata: wallet.Details(c.Reason),
	}, nil
}

// checkPart refuses an amount that is given and can be no part of another one.
func checkPart(field string, a money.Amount) error {
	if a == (money.Amount{}) {
		return nil
	}
	if a.Currency() != "" && !a.Currency().Known() {
		return invalid("currency", "%q is not an ISO 4217 code", a.Currency())
	}
	if a.Sign() <= 0 {
		return invalid(field, "%s is not more than nought", a.Decimal())
	}
	return nil
}
