package catalog

import (
	"slices"

	"github.com/bursarhq/bursar/money"
)

// AI is the price list of AI features, which are paid from the wallet's AI pocket
// as they are used. The zero AI has nothing on it.
// Source: contract, "AI price and restriction routes".
type AI struct {
	// Currency is what all of it is priced in; USD where the file names none.
	Currency  money.Currency
	Chat      []ChatModel
	Embedding []EmbeddingModel
	WebSearch []SearchEngine
}

// Model says what something is that AI features are made with.
type Model struct {
	// ID is its name for programs, different from all others on its list.
	ID string
	// Alias is its name for people.
	Alias    string
	Provider string
	// Image and Link are addresses of its picture and its page; "" for none.
	Image, Link string
}

// ChatModel answers in words. Its prices are for a million tokens.
type ChatModel struct {
	Model
	Prompt, Completion money.Amount
}

// EmbeddingModel makes texts comparable. Its price is for a million tokens.
type EmbeddingModel struct {
	Model
	Prompt money.Amount
}

// SearchEngine searches the web. Its price is for one result.
type SearchEngine struct {
	Model
	Price money.Amount
}

// AI returns the price list of AI features.
func (c *Catalog) AI() AI {
	list := c.ai
	list.Chat = slices.Clone(list.Chat)
	list.Embedding = slices.Clone(list.Embedding)
	list.WebSearch = slices.Clone(list.WebSearch)
	return list
}

func (r *reader) ai(o object) AI {
	list := AI{Currency: "USD"}
	if o.has("currency") {
		list.Currency = r.currency(o.nodes["currency"], "ai: currency")
	}
	for _, m := range r.models(o, "chat", "prompt", "completion") {
		list.Chat = append(list.Chat, ChatModel{
			Model: m.model(), Prompt: m.amount("prompt", list.Currency), Completion: m.amount("completion", list.Currency),
		})
	}
	for _, m := range r.models(o, "embedding", "prompt") {
		list.Embedding = append(list.Embedding, EmbeddingModel{Model: m.model(), Prompt: m.amount("prompt", list.Currency)})
	}
	for _, m := range r.models(o, "web_search", "price") {
		list.WebSearch = append(list.WebSearch, SearchEngine{Model: m.model(), Price: m.amount("price", list.Currency)})
	}
	return list
}

// models reads the entries of a list, each with some prices.
func (r *reader) models(o object, list string, prices ...string) []object {
	if !o.has(list) {
		return nil
	}
	var all []object
	seen := map[string]bool{}
	for _, n := range r.list(o.nodes[list], "ai: "+list) {
		m := r.object(n, "ai: "+list, append([]string{"id", "alias", "provider", "image", "link"}, prices...)...)
		id := m.name("id")
		if id == "" {
			r.failAt(m.line, "%s: id is missing", m.what)
		}
		if m.what = "ai: " + list + ": " + id; seen[id] {
			r.fail(m.nodes["id"], "%s stands there twice", m.what)
		}
		seen[id] = true
		all = append(all, m)
	}
	return all
}

func (o object) model() Model {
	m := Model{ID: o.name("id"), Alias: o.text("alias"), Provider: o.text("provider"), Image: o.text("image"), Link: o.text("link")}
	if m.Alias == "" {
		m.Alias = m.ID
	}
	if m.Provider == "" {
		o.r.failAt(o.line, "%s: provider is missing", o.what)
	}
	return m
}

// amount reads a price that must be there.
func (o object) amount(field string, c money.Currency) money.Amount {
	if !o.has(field) {
		o.r.failAt(o.line, "%s: %s is missing", o.what, field)
		return money.Amount{}
	}
	return o.r.price(o.nodes[field], o.what+": "+field, c)
}
