package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/bursarhq/bursar/billing"
)

func newUser(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "user",
		Short:   "Add users to a portal",
		Long:    "Users are who API keys act for. What a key may see depends on its user's role.",
		Example: "bursar user add --portal portal.example.com --email admin@example.com --role admin",
		GroupID: GroupRun,
		RunE:    noSubcommand,
	}
	cmd.AddCommand(newUserAdd(env))
	return cmd
}

func newUserAdd(env Env) *cobra.Command {
	var in billing.NewUser
	role := choice{value: string(billing.Member)}
	for _, r := range billing.Roles() {
		role.allowed = append(role.allowed, string(r))
	}
	cmd := &cobra.Command{
		Use:   "add",
		Short: "Add a user to a portal",
		Long: `Add a user. Owners and admins see the portal's billing; room admins and users see
only its plan; guests see nothing.

If the portal's customer has this e-mail address, the user becomes its payer.`,
		Example: "bursar user add --portal portal.example.com --email admin@example.com --name 'Adam Admin' --role admin",
		Args:    cobra.NoArgs,
	}
	data, portal, output := serviceFlags(cmd, env), portalFlag(cmd), outputFlag(cmd)
	cmd.Flags().StringVar(&in.Email, "email", "", "the user's e-mail address (required)")
	cmd.Flags().StringVar(&in.Name, "name", "", "the user's name (default: the address before the @)")
	cmd.Flags().Var(&role, "role", "what the user is in the portal")
	_ = cmd.MarkFlagRequired("email")
	_ = cmd.RegisterFlagCompletionFunc("role", cobra.FixedCompletions(role.allowed, cobra.ShellCompDirectiveNoFileComp))
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		in.Role = billing.Role(role.value)
		return withPortal(cmd, data, *portal, env, func(s *billing.Service, portalID string) error {
			id, err := s.AddUser(cmd.Context(), portalID, in)
			if err != nil {
				return err
			}
			if *output == "json" {
				return printJSON(env.Stdout, map[string]any{"id": id, "portal": portalID, "email": in.Email, "role": in.Role})
			}
			_, err = fmt.Fprintf(env.Stdout, "%s is %s of %s, user %s.\n", in.Email, in.Role, portalID, id)
			return err
		})
	}
	return cmd
}
