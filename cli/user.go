package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/store"
)

func newUser(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "user",
		Short:   "Add, list, change and remove users of a portal",
		Long:    "Users are who API keys act for. What a key may see depends on its user's role.",
		Example: "bursar user add --portal portal.example.com --email admin@example.com --role admin\nbursar user list --portal portal.example.com",
		GroupID: GroupRun,
		RunE:    noSubcommand,
	}
	cmd.AddCommand(newUserAdd(env), newUserList(env), newUserSet(env), newUserRemove(env))
	return cmd
}

// roles are the names of all roles.
func roles() (all []string) {
	for _, r := range billing.Roles() {
		all = append(all, string(r))
	}
	return all
}

func newUserAdd(env Env) *cobra.Command {
	var in billing.NewUser
	role := choice{value: string(billing.Member), allowed: roles()}
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

// userNotes is what the help says of how a user is named.
const userNotes = "USER is the user's id or e-mail address."

func newUserList(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List a portal's users",
		Long:    "List a portal's users, oldest first. JSON output is one object a line.",
		Example: "bursar user list --portal portal.example.com\nbursar user list -o json | jq -r 'select(.role == \"owner\").email'",
		Args:    cobra.NoArgs,
	}
	data, portal, output := DatabaseFlags(cmd, env), portalFlag(cmd), outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return withPortal(cmd, data, *portal, env, func(s *billing.Service, portalID string) error {
			if *output == "json" {
				return eachUser(cmd.Context(), s, portalID, func(u store.User) error { return printLine(env.Stdout, userLine(u)) })
			}
			return columns(env.Stdout, "EMAIL\tNAME\tROLE\tCREATED\tID", func(line func(...string)) error {
				return eachUser(cmd.Context(), s, portalID, func(u store.User) error {
					line(u.Email, cleaned(u.Name), u.Role, day(u.CreatedAt), u.ID)
					return nil
				})
			})
		})
	}
	return cmd
}

// eachUser calls each for every user of a portal, oldest first, page by page.
func eachUser(ctx context.Context, s *billing.Service, portalID string, each func(store.User) error) error {
	for after, more := (store.Place{}), true; more; {
		var (
			users []store.User
			err   error
		)
		if users, more, err = s.UsersAfter(ctx, portalID, after, billing.MaxPage); err != nil {
			return err
		}
		for _, u := range users {
			if err := each(u); err != nil {
				return err
			}
			after = store.Place{At: u.CreatedAt, ID: u.ID}
		}
	}
	return nil
}

type userJSON struct {
	ID        string    `json:"id"`
	Email     string    `json:"email"`
	Name      string    `json:"name"`
	Role      string    `json:"role"`
	CreatedAt time.Time `json:"createdAt"`
}

func userLine(u store.User) userJSON {
	return userJSON{ID: u.ID, Email: u.Email, Name: u.Name, Role: u.Role, CreatedAt: u.CreatedAt}
}

func newUserSet(env Env) *cobra.Command {
	var change billing.UserChange
	role := choice{allowed: roles()}
	cmd := &cobra.Command{
		Use:   "set USER",
		Short: "Change a user of a portal",
		Long: `Change a user. What is not given stays as it is. ` + userNotes + `

Who is made the owner takes the place of the one before, who becomes an admin. The
owner can have no other role until then.`,
		Example: `bursar user set user@example.com --portal portal.example.com --role admin
bursar user set user@example.com --email new@example.com --name 'Nora New'`,
		Args: cobra.ExactArgs(1),
	}
	data, portal, output := DatabaseFlags(cmd, env), portalFlag(cmd), outputFlag(cmd)
	cmd.Flags().StringVar(&change.Email, "email", "", "the user's new e-mail address")
	cmd.Flags().StringVar(&change.Name, "name", "", "the user's new name")
	cmd.Flags().Var(&role, "role", "what the user is in the portal")
	cmd.MarkFlagsOneRequired("email", "name", "role")
	_ = cmd.RegisterFlagCompletionFunc("role", cobra.FixedCompletions(role.allowed, cobra.ShellCompDirectiveNoFileComp))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		change.Role = billing.Role(role.value)
		return withUser(cmd, data, *portal, env, args[0], func(s *billing.Service, portalID string, user store.User) error {
			user, err := s.ChangeUser(cmd.Context(), portalID, user.ID, change)
			if err != nil {
				return err
			}
			if *output == "json" {
				return printJSON(env.Stdout, userLine(user))
			}
			_, err = fmt.Fprintf(env.Stdout, "%s (%s) is %s of %s.\n", user.Email, cleaned(user.Name), user.Role, portalID)
			return err
		})
	}
	return cmd
}

func newUserRemove(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "remove USER",
		Short: "Take a user out of a portal",
		Long: `Take a user out of a portal. ` + userNotes + `

The owner, who pays, and whom API keys act for, even revoked ones, can't be taken out.
What happened on the user's account stays in the ledger.`,
		Example: "bursar user remove user@example.com --portal portal.example.com",
		Args:    cobra.ExactArgs(1),
	}
	data, portal := DatabaseFlags(cmd, env), portalFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return withUser(cmd, data, *portal, env, args[0], func(s *billing.Service, portalID string, user store.User) error {
			if _, err := s.RemoveUser(cmd.Context(), portalID, user.ID); err != nil {
				return err
			}
			_, err := fmt.Fprintf(env.Stdout, "%s is no user of %s any more.\n", user.Email, portalID)
			return err
		})
	}
	return cmd
}

// withUser is withPortal for one user, named by id or address.
func withUser(cmd *cobra.Command, data *Database, portal string, env Env, name string, fn func(s *billing.Service, portalID string, user store.User) error) error {
	return withPortal(cmd, data, portal, env, func(s *billing.Service, portalID string) error {
		user, err := s.UserNamed(cmd.Context(), portalID, name)
		if errors.Is(err, billing.ErrNotFound) {
			return &Error{Err: err, Hint: "bursar user list shows the portal's users"}
		}
		if err != nil {
			return err
		}
		return fn(s, portalID, user)
	})
}
