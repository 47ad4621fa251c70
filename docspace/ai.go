package docspace

import (
	"fmt"

	"github.com/go-json-experiment/json/v1"

	"github.com/bursarhq/bursar/money"
)

// AIPrices are what AI tools cost, by model. To 3.7 the prices of models are for a
// million tokens, from 3.8 on as the portal's AI gateway has them: the portal does
// not say which. Source: contract, "AI price and restriction routes".
type AIPrices struct {
	Chat      []ChatModel      `json:"chat"`
	Embedding []EmbeddingModel `json:"embedding"`
	WebSearch []SearchEngine   `json:"webSearch"`
	// Currency is what all prices are in.
	Currency AICurrency `json:"currency"`
}

// AIModel says what a price is for.
type AIModel struct {
	ID       string `json:"id"`
	Alias    string `json:"alias"`
	Provider string `json:"provider"`
	// Image is an icon's address or markup; "" for none.
	Image string `json:"image,omitempty"`
	// Link is where the provider says more; "" from a portal before 3.8.
	Link string `json:"link,omitempty"`
}

// ChatModel is a model that talks.
type ChatModel struct {
	AIModel
	Price ChatPrice `json:"price"`
}

// ChatPrice is what goes in, the prompt, and what comes out, the completion.
type ChatPrice struct {
	Prompt     Decimal `json:"prompt"`
	Completion Decimal `json:"completion"`
}

// EmbeddingModel is a model that turns text into vectors.
type EmbeddingModel struct {
	AIModel
	Price EmbeddingPrice `json:"price"`
}

// EmbeddingPrice is what goes in.
type EmbeddingPrice struct {
	Prompt Decimal `json:"prompt"`
}

// SearchEngine searches the web.
type SearchEngine struct {
	AIModel
	// Price is for one search.
	Price Decimal `json:"price"`
}

// AICurrency is the currency of AI prices.
type AICurrency struct {
	Code money.Currency `json:"code"`
	// Symbol is the sign: "$"; "" when the portal does not say.
	Symbol string `json:"symbol,omitempty"`
}

// MarshalJSON writes the members in DocSpace's order; no list is null.
func (p AIPrices) MarshalJSON() ([]byte, error) {
	type plain AIPrices
	if p.Chat == nil {
		p.Chat = []ChatModel{}
	}
	if p.Embedding == nil {
		p.Embedding = []EmbeddingModel{}
	}
	if p.WebSearch == nil {
		p.WebSearch = []SearchEngine{}
	}
	return marshal(plain(p))
}

// UnmarshalJSON reads what MarshalJSON writes; a price that is missing is an error,
// not nought.
func (p *AIPrices) UnmarshalJSON(data []byte) error {
	type plain AIPrices
	var in plain
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	missing := func(model AIModel) error { return fmt.Errorf("price of %s is missing", excerpt(model.ID)) }
	for _, model := range in.Chat {
		if model.Price.Prompt.IsZero() || model.Price.Completion.IsZero() {
			return missing(model.AIModel)
		}
	}
	for _, model := range in.Embedding {
		if model.Price.Prompt.IsZero() {
			return missing(model.AIModel)
		}
	}
	for _, engine := range in.WebSearch {
		if engine.Price.IsZero() {
			return missing(engine.AIModel)
		}
	}
	*p = AIPrices(in)
	return nil
}

// AIRestrictions are the models that a portal's users may not use; it is the body
// that sets them, too. Source: contract, "AI price and restriction routes".
type AIRestrictions struct {
	Models []string `json:"models"`
}

// MarshalJSON writes {"models":[]}; the list is never null.
func (r AIRestrictions) MarshalJSON() ([]byte, error) {
	type plain AIRestrictions
	if r.Models == nil {
		r.Models = []string{}
	}
	return marshal(plain(r))
}

// UnmarshalJSON reads what MarshalJSON writes; a list that is missing is an error,
// not an empty one.
func (r *AIRestrictions) UnmarshalJSON(data []byte) error {
	type plain AIRestrictions
	var in plain
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	if in.Models == nil {
		return fmt.Errorf("models is missing")
	}
	*r = AIRestrictions(in)
	return nil
}
