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

// operatorFlag adds --operator to a command on keys.
func operatorFlag(cmd *cobra.Command, help string) *bool {
	return cmd.Flags().Bool("operator", false, help)
}

type operatorKeyJSON struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Key       string    `json:"key,omitempty"`
	Postfix   string    `json:"keyPostfix"`
	CreatedAt time.Time `json:"createdAt"`
	ExpiresAt time.Time `json:"expiresAt,omitzero"`
	RevokedAt time.Time `json:"revokedAt,omitzero"`
}

func operatorKeyLine(k store.OperatorKey) operatorKeyJSON {
	return operatorKeyJSON{
		ID: k.ID, Name: k.Name, Postfix: k.Postfix, CreatedAt: k.CreatedAt, ExpiresAt: k.ExpiresAt, RevokedAt: k.RevokedAt,
	}
}

// createOperatorKey makes a key of the operator and prints it. It is the first
// thing that whoever sets portals up over the API needs, so the database is made
// if there is none.
func createOperatorKey(ctx context.Context, data *Database, env Env, in billing.NewOperatorKey, format string) error {
	return withService(ctx, data, false, env, func(s *billing.Service) error {
		secret, key, err := s.CreateOperatorKey(ctx, in)
		if err != nil {
			return err
		}
		if format == "json" {
			line := operatorKeyLine(key)
			line.Key = secret
			err = printJSON(env.Stdout, line)
		} else {
			_, err = fmt.Fprintln(env.Stdout, secret)
		}
		if err != nil { // a key that nobody saw must not let anybody in
			_, revoked := s.RevokeOperatorKey(ctx, key.ID)
			return errors.Join(err, revoked)
		}
		return nil
	})
}

func listOperatorKeys(ctx context.Context, data *Database, env Env, format string) error {
	return withService(ctx, data, true, env, func(s *billing.Service) error {
		keys, err := s.OperatorKeys(ctx)
		if err != nil {
			return err
		}
		lines := make([]operatorKeyJSON, len(keys))
		for i, k := range keys {
			lines[i] = operatorKeyLine(k)
		}
		if format == "json" {
			return printJSON(env.Stdout, lines)
		}
		return columns(env.Stdout, "KEY\tNAME\tSTATE\tCREATED\tEXPIRES", func(line func(...string)) error {
			for _, k := range lines {
				line("bk-***"+k.Postfix, k.Name, keyState(k.ExpiresAt, k.RevokedAt, env.Now()), day(k.CreatedAt), day(k.ExpiresAt))
			}
			return nil
		})
	})
}

func revokeOperatorKey(ctx context.Context, data *Database, env Env, name string) error {
	return withService(ctx, data, true, env, func(s *billing.Service) error {
		key, err := s.RevokeOperatorKey(ctx, name)
		if err != nil {
			return &Error{Err: err, Hint: "bursar key list --operator -o json shows the operator's keys with their ids"}
		}
		_, err = fmt.Fprintf(env.Stdout, "Operator key bk-***%s (%s) lets nobody in any more.\n", key.Postfix, key.Name)
		return err
	})
}
