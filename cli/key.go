package cli

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/store"
)

func newKey(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "key",
		Short: "Create, list and revoke API keys",
		Long: `API keys let programs in to a portal in the name of one of its users. Operator keys
(bk-…) let them in to the operator's own API, which is over all portals. They are
kept only as a hash: a key can be read once, when it is made.`,
		Example: "bursar key create --portal portal.example.com --name monitoring --scope '*:read' --days 90\nbursar key create --operator --name provisioning",
		GroupID: GroupRun,
		RunE:    noSubcommand,
	}
	cmd.AddCommand(newKeyCreate(env), newKeyList(env), newKeyRevoke(env))
	return cmd
}

func newKeyCreate(env Env) *cobra.Command {
	var in billing.NewKey
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Create an API key and print it",
		Long: `Create an API key and print it on standard output, alone on its line, so that it
can be piped to where it is kept. It can't be read again.`,
		Example: `# A key of the owner, for everything, for ever
bursar key create --portal portal.example.com > key.txt

# One that only reads, for three months
bursar key create --portal portal.example.com --name monitoring --scope '*:read' --days 90

# One of the operator, for /v1
bursar key create --operator --name provisioning > operator.txt`,
		Args: cobra.NoArgs,
	}
	data, portal, output := serviceFlags(cmd, env), portalFlag(cmd), outputFlag(cmd)
	operator := operatorFlag(cmd, "make a key of the operator, which is for no portal")
	f := cmd.Flags()
	f.StringVar(&in.Name, "name", "bursar", "what it is for, in at most 30 characters")
	f.StringVar(&in.UserEmail, "user", "", "e-mail address of the user that it acts for (default: the owner)")
	f.StringSliceVar(&in.Scopes, "scope", nil, "what it is limited to, such as *:read; may be given again (default: no limit)")
	f.IntVar(&in.Days, "days", 0, "how long it lasts, 1 to 365 (default: for ever)")
	for _, ofPortals := range []string{"portal", "user", "scope"} {
		cmd.MarkFlagsMutuallyExclusive("operator", ofPortals)
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *operator {
			return createOperatorKey(cmd.Context(), data, env, billing.NewOperatorKey{Name: in.Name, Days: in.Days}, *output)
		}
		return withPortal(cmd, data, *portal, env, func(s *billing.Service, portalID string) error {
			secret, key, err := s.CreateKey(cmd.Context(), portalID, in)
			if err != nil {
				return err
			}
			if *output == "json" {
				line := keyLine(key)
				line.Key = secret
				err = printJSON(env.Stdout, line)
			} else {
				_, err = fmt.Fprintln(env.Stdout, secret)
			}
			if err != nil { // a key that nobody saw must not let anybody in
				_, revoked := s.RevokeKey(cmd.Context(), portalID, key.ID)
				return errors.Join(err, revoked)
			}
			return nil
		})
	}
	return cmd
}

type keyJSON struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Key       string    `json:"key,omitempty"`
	Postfix   string    `json:"keyPostfix"`
	UserID    string    `json:"userId"`
	Scopes    []string  `json:"permissions"`
	CreatedAt time.Time `json:"createdAt"`
	ExpiresAt time.Time `json:"expiresAt,omitzero"`
	RevokedAt time.Time `json:"revokedAt,omitzero"`
	LastUsed  time.Time `json:"lastUsed,omitzero"`
}

func keyLine(k store.Key) keyJSON {
	line := keyJSON{
		ID: k.ID, Name: k.Name, Postfix: k.Postfix, UserID: k.UserID, Scopes: k.Scopes,
		CreatedAt: k.CreatedAt, ExpiresAt: k.ExpiresAt, RevokedAt: k.RevokedAt, LastUsed: k.LastUsedAt,
	}
	if len(line.Scopes) == 0 {
		line.Scopes = []string{"*"}
	}
	return line
}

// keyState says in a word whether a key lets anybody in.
func keyState(expiresAt, revokedAt, now time.Time) string {
	switch {
	case !revokedAt.IsZero():
		return "revoked"
	case !expiresAt.IsZero() && !now.Before(expiresAt):
		return "expired"
	default:
		return "active"
	}
}

func newKeyList(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List a portal's API keys",
		Long:    "List a portal's API keys, oldest first, with when each was last used (to the minute); or\nthe operator's keys.",
		Example: "bursar key list --portal portal.example.com\nbursar key list --operator",
		Args:    cobra.NoArgs,
	}
	data, portal, output := serviceFlags(cmd, env), portalFlag(cmd), outputFlag(cmd)
	operator := operatorFlag(cmd, "list the operator's keys, which are for no portal")
	cmd.MarkFlagsMutuallyExclusive("operator", "portal")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *operator {
			return listOperatorKeys(cmd.Context(), data, env, *output)
		}
		return withPortal(cmd, data, *portal, env, func(s *billing.Service, portalID string) error {
			keys, err := s.Keys(cmd.Context(), portalID)
			if err != nil {
				return err
			}
			lines := make([]keyJSON, len(keys))
			for i, k := range keys {
				lines[i] = keyLine(k)
			}
			if *output == "json" {
				return printJSON(env.Stdout, lines)
			}
			return columns(env.Stdout, "KEY\tNAME\tSTATE\tSCOPES\tEXPIRES\tLAST USED", func(line func(...string)) error {
				for _, k := range lines {
					line("sk-***"+k.Postfix, k.Name, keyState(k.ExpiresAt, k.RevokedAt, env.Now()), strings.Join(k.Scopes, " "),
						day(k.ExpiresAt), minute(k.LastUsed))
				}
				return nil
			})
		})
	}
	return cmd
}

func newKeyRevoke(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "revoke KEY",
		Short:   "Revoke an API key",
		Long:    "Revoke an API key, named by its id, its last four characters, or the whole key. It lets nobody in from that moment on.",
		Example: "bursar key revoke --portal portal.example.com 4f2a\nbursar key revoke --operator 4f2a",
		Args:    cobra.ExactArgs(1),
	}
	data, portal := serviceFlags(cmd, env), portalFlag(cmd)
	operator := operatorFlag(cmd, "revoke a key of the operator")
	cmd.MarkFlagsMutuallyExclusive("operator", "portal")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *operator {
			return revokeOperatorKey(cmd.Context(), data, env, args[0])
		}
		return withPortal(cmd, data, *portal, env, func(s *billing.Service, portalID string) error {
			key, err := s.RevokeKey(cmd.Context(), portalID, args[0])
			if err != nil {
				return &Error{Err: err, Hint: "bursar key list -o json shows the portal's keys with their ids"}
			}
			_, err = fmt.Fprintf(env.Stdout, "Key sk-***%s (%s) lets nobody in any more.\n", key.Postfix, key.Name)
			return err
		})
	}
	return cmd
}

// day writes the day of a moment for people; "" for the zero Time.
func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.DateOnly)
}

// minute writes a moment for people; "" for the zero Time.
func minute(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04")
}
