package cli

import (
	"github.com/spf13/cobra"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/payment"
	"github.com/bursarhq/bursar/payment/sandbox"
	"github.com/bursarhq/bursar/store"
)

// The payment providers that can be named.
const (
	// ProviderNone: deposits are refused.
	ProviderNone = "none"
	// ProviderSandbox collects nothing from nobody, and says that it did.
	ProviderSandbox = "sandbox"
)

// ProviderFlag adds --provider to a command and returns where it is kept. Where
// nothing is named it is what standard says.
func ProviderFlag(cmd *cobra.Command, standard string) *string {
	provider := choice{value: standard, allowed: []string{ProviderNone, ProviderSandbox}}
	cmd.Flags().Var(&provider, "provider", "who collects deposits: none, or the sandbox, which collects no real money")
	_ = cmd.RegisterFlagCompletionFunc("provider", cobra.FixedCompletions(provider.allowed, cobra.ShellCompDirectiveNoFileComp))
	return &provider.value
}

// NewProvider returns the provider of a name; nil for none.
func NewProvider(name string, db *store.Store, env Env) payment.Provider {
	if name == ProviderSandbox {
		return billing.NewSandbox(db, sandbox.Config{Now: env.Now})
	}
	return nil
}
