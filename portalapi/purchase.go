package portalapi

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
)

// planPage answers PUT payment/url.
func (d *door) planPage(r *http.Request, c *billing.Caller) (done, error) {
	f, err := d.form(r)
	if err != nil {
		return done{}, err
	}
	order := billing.PlanOrder{
		Locale: d.locale(r), Language: language(r),
		CancelURL: d.redirect(r, c.View, f, "backUrl", required), SuccessURL: d.redirect(r, c.View, f, "successUrl", required),
	}
	quantity := f.quantity()
	if err := f.err(); err != nil {
		return done{}, err
	}
	// No product is as good as none of that name, which the hall refuses in its turn.
	order.Quantity = 1
	if product, n, err := oneProduct(quantity); err == nil && n != nil {
		order.Product, order.Quantity = product, *n
	}
	for _, n := range quantity {
		if n == nil || *n <= 0 {
			order.Quantity = 0
		}
	}
	page, err := d.service.PlanPage(r.Context(), c, order)
	if page == "" || err != nil {
		return done{}, err
	}
	return done{payload: page}, nil
}

// refuseWhoMayNot returns what is wrong with input to those alone whom it concerns.
func refuseWhoMayNot(c *billing.Caller, wrong error) error {
	if !c.Role.Administers() {
		return billing.ErrAccessDenied
	}
	return wrong
}

func wrongArgument(field, text string) error { return &billing.ArgumentError{Field: field, Text: text} }

// oneProduct returns the one product that a quantity must be of.
func oneProduct(quantity map[string]*int64) (product string, n *int64, err error) {
	if len(quantity) != 1 {
		return "", nil, wrongArgument("quantity", "Value does not fall within the expected range.")
	}
	for product, n = range quantity {
	}
	return product, n, nil
}

// language returns the language that a browser asks for first; "" when it does not
// say.
func language(r *http.Request) string {
	first, _, _ := strings.Cut(r.Header.Get("Accept-Language"), ",")
	tag, _, _ := strings.Cut(first, ";")
	if tag = strings.TrimSpace(tag); len(tag) > 35 || tag == "*" {
		return ""
	}
	for i := range len(tag) {
		if c := tag[i] | 0x20; (c < 'a' || c > 'z') && (tag[i] < '0' || tag[i] > '9') && tag[i] != '-' {
			return ""
		}
	}
	return tag
}

// order is what the routes have in common that change how many a portal has.
type order struct {
	product string
	n       *int64 // nil: null
	kind    int64
	key     string
}

// The kinds of changes. Source: contract, "Enums on the wire".
const (
	setQuantity = 0
	addQuantity = 1
)

var quantityTypes = []choice{{"Set", setQuantity}, {"Add", addQuantity}, {"Sub", 2}, {"Renew", 3}}

// order reads a change. Whether there is one product is asked after everything that
// the hall has to say of the caller, as in DocSpace.
func (d *door) order(r *http.Request, c *billing.Caller, typed bool, allowed ...int64) (order, error) {
	f, err := d.form(r)
	if err != nil {
		return order{}, err
	}
	var o order
	if typed {
		o.kind = f.choose("productQuantityType", quantityTypes)
	}
	quantity := f.quantity()
	if err := f.err(); err != nil {
		return order{}, err
	}
	if o.key, err = idempotencyKey(r); err != nil {
		return order{}, err
	}
	isAllowed := len(allowed) == 0
	for _, kind := range allowed {
		isAllowed = isAllowed || kind == o.kind
	}
	if !isAllowed {
		return order{}, wrongArgument("productQuantityType", "Invalid product quantity type")
	}
	if err := d.service.MayBuy(c); err != nil {
		return order{}, err
	}
	o.product, o.n, err = oneProduct(quantity)
	return o, err
}

// changePlan answers PUT payment/update.
func (d *door) changePlan(r *http.Request, c *billing.Caller) (done, error) {
	o, err := d.order(r, c, false)
	if err != nil {
		return done{}, err
	}
	if o.n == nil {
		return done{}, wrongArgument("quantity", "Invalid quantity")
	}
	changed, replay, err := d.service.ChangePlan(r.Context(), c, o.key, o.product, *o.n, d.locale(r))
	if err != nil {
		return done{}, err
	}
	return done{payload: changed, replay: replay}, nil
}

// changeService answers PUT payment/updatewallet: more now, or another quantity from
// the next period on.
func (d *door) changeService(r *http.Request, c *billing.Caller) (done, error) {
	o, err := d.order(r, c, true, setQuantity, addQuantity)
	if err != nil {
		return done{}, err
	}
	if o.kind == setQuantity {
		if _, err := d.service.Schedule(r.Context(), c, o.product, o.n); err != nil {
			return done{}, err
		}
		return done{payload: true}, nil // DocSpace says so even where there is nothing to change
	}
	n := int64(0)
	if o.n != nil {
		n = *o.n
	}
	receipt, err := d.service.Purchase(r.Context(), c, o.key, o.product, n)
	if err != nil {
		return done{}, err
	}
	return done{payload: true, replay: receipt.Replay}, nil
}

// quoteService answers PUT payment/calculatewallet.
func (d *door) quoteService(r *http.Request, c *billing.Caller) (done, error) {
	o, err := d.order(r, c, true, addQuantity)
	if err != nil {
		return done{}, err
	}
	n := int64(0)
	if o.n != nil {
		n = *o.n
	}
	quote, err := d.service.QuotePurchase(r.Context(), c, o.product, n)
	if err != nil {
		return done{}, err
	}
	return done{payload: &docspace.Payment{Amount: quote.Amount, Quantity: quote.Quantity}}, nil
}

// creditAI answers POST payment/creditaibalance.
func (d *door) creditAI(r *http.Request, c *billing.Caller) (done, error) {
	f, err := d.form(r)
	if err != nil {
		return done{}, err
	}
	currency := money.Currency(f.text("currency", optional, stringLength(3)))
	if currency == "" {
		currency = d.service.Catalog().DefaultCurrency()
	}
	const cent = money.Scale / 100
	text := f.decimal("amount", money.FromUnits(cent, ""), money.FromUnits(999_999*money.Scale, ""))
	if err := f.err(); err != nil {
		return done{}, err
	}
	key, err := idempotencyKey(r)
	if err != nil {
		return done{}, err
	}
	amount, err := money.Parse(text, currency)
	if err != nil {
		return done{}, newInvalid("amount", theField("amount")+"must be a number.")
	}
	receipt, err := d.service.CreditAI(r.Context(), c, key, amount)
	if err != nil {
		return done{}, err
	}
	return done{payload: wirePayment(receipt, 1), replay: receipt.Replay}, nil
}

// wirePayment writes what was paid.
func wirePayment(receipt billing.Receipt, quantity int64) *docspace.Payment {
	out := &docspace.Payment{Amount: receipt.Amount, Quantity: quantity}
	if id, err := ledger.ParseTransferID(receipt.Transfer); err == nil {
		out.OperationID = id.Number
	}
	return out
}

// accountLink answers GET payment/account: the address in the portal that leads to
// the provider's page.
func (d *door) accountLink(r *http.Request, c *billing.Caller) (done, error) {
	f, err := queryForm(r, "backUrl")
	if err != nil {
		return done{}, err
	}
	back := d.redirect(r, c.View, f, "backUrl", optional)
	if err := f.err(); err != nil {
		return done{}, err
	}
	if !d.service.HasCustomer(c) {
		return done{}, refuseWhoMayNot(c, nil)
	}
	if err := d.service.MayManageAccount(c); err != nil {
		return done{}, err
	}
	link := "payment.ashx"
	if back != "" {
		link += "?backUrl=" + url.QueryEscape(back)
	}
	return done{payload: link}, nil
}

// setupPage answers GET payment/checkoutsetupurl. Older clients send no successUrl,
// and come back to where they came from.
func (d *door) setupPage(r *http.Request, c *billing.Caller) (done, error) {
	f, err := queryForm(r, "backUrl", "successUrl")
	if err != nil {
		return done{}, err
	}
	to := billing.Return{Language: language(r), CancelURL: d.redirect(r, c.View, f, "backUrl", required)}
	if to.SuccessURL = d.redirect(r, c.View, f, "successUrl", optional); to.SuccessURL == "" {
		to.SuccessURL = to.CancelURL
	}
	if err := f.err(); err != nil {
		return done{}, err
	}
	page, err := d.service.SetupPage(r.Context(), c, to)
	if page == "" || err != nil {
		return done{}, err
	}
	return done{payload: page}, nil
}

// subscriptionBalance answers GET payment/subscription/balance. What is not in the
// wallet's currency is worth nothing there, because nothing is converted.
func (d *door) subscriptionBalance(r *http.Request, c *billing.Caller) (done, error) {
	b, err := d.service.SubscriptionBalance(r.Context(), c)
	if err != nil {
		return done{}, err
	}
	inWallet := b.RemainingInWalletCurrency
	if inWallet.Currency() == "" {
		inWallet = money.FromUnits(0, b.WalletCurrency)
	}
	return done{payload: &docspace.SubscriptionBalance{
		TotalCost: b.TotalCost, Remaining: b.Remaining, RemainingInWallet: inWallet, DaysElapsed: b.DaysElapsed,
		PeriodStart: docspace.Time{Time: b.PeriodStart}, PeriodEnd: docspace.Time{Time: b.PeriodEnd}, PeriodUsedUntil: docspace.Time{Time: b.PeriodUsedUntil},
	}}, nil
}

// moveToWallet answers POST payment/subscription/movetowallet.
func (d *door) moveToWallet(r *http.Request, c *billing.Caller) (done, error) {
	o, err := d.order(r, c, false)
	if err != nil {
		return done{}, err
	}
	n := int64(0)
	if o.n != nil {
		n = *o.n
	}
	moved, replay, err := d.service.MoveToWallet(r.Context(), c, o.key, o.product, n)
	if err != nil {
		return done{}, err
	}
	return done{payload: moved, replay: replay}, nil
}

// buyService answers POST payment/buywalletservice: AI credit, by the piece.
func (d *door) buyService(r *http.Request, c *billing.Caller) (done, error) {
	f, err := d.form(r)
	if err != nil {
		return done{}, err
	}
	name, n := f.text("serviceName", required, stringLength(255)), f.whole("quantity", bounds{1, 999_999})
	if err := f.err(); err != nil {
		return done{}, err
	}
	key, err := idempotencyKey(r)
	if err != nil {
		return done{}, err
	}
	receipt, err := d.service.BuyAICredit(r.Context(), c, key, name, n)
	if err != nil {
		return done{}, err
	}
	return done{payload: wirePayment(receipt, n), replay: receipt.Replay}, nil
}
