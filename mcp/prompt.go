package mcp

import (
	"context"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
)

// review is what a person asks once a month.
const review = `Review the billing of my DocSpace portals with the tools of Bursar.
1. list_portals, then report for all of them, page by page.
2. Say which wallets are low or last less than two weeks, which payments are due and not covered, which portals could not be read, and which have nobody who may pay.
3. reconcile those with unusual spending, and say what was found, and how sure that is.
Give one line for each portal with something to do, the most urgent first, amounts with their currencies. Never add up different currencies. Say what is not known. Change nothing.`

// addPrompts adds what people ask again and again.
func (s *server) addPrompts(to *sdk.Server) {
	to.AddPrompt(&sdk.Prompt{Name: "billing_review", Title: "Billing review", Description: "What there is to do about the billing of all portals"},
		func(context.Context, *sdk.GetPromptRequest) (*sdk.GetPromptResult, error) {
			return &sdk.GetPromptResult{
				Description: "Billing review",
				Messages:    []*sdk.PromptMessage{{Role: "user", Content: &sdk.TextContent{Text: review}}},
			}, nil
		})
}
