package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/v1"
	"github.com/spf13/cobra"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/foreign"
	"github.com/bursarhq/bursar/store"
)

// withService opens a database and calls fn with the use cases on it. Where it
// must exist, it is not made.
func withService(ctx context.Context, d *Database, mustExist bool, env Env, fn func(*billing.Service) error) (err error) {
	return withPayments(ctx, d, mustExist, env, nil, fn)
}

// withPayments is withService with somebody who collects; nil is nobody.
func withPayments(ctx context.Context, d *Database, mustExist bool, env Env, payments *Payments, fn func(*billing.Service) error) (err error) {
	where, err := d.Config()
	if err != nil {
		return err
	}
	offers, err := d.catalog()
	if err != nil {
		return err
	}
	where.MustExist = mustExist
	db, err := OpenStore(ctx, where)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	now, err := timeOf(ctx, db, env)
	if err != nil {
		return err
	}
	provider, err := payments.Provider(db, now)
	if err != nil {
		return err
	}
	service, err := billing.New(billing.Config{Store: db, Catalog: offers, Now: now, Provider: provider})
	if err != nil {
		return err
	}
	return fn(service)
}

// timeOf returns what tells the time of a database: one that lives in virtual time has
// a moment of its own.
func timeOf(ctx context.Context, db *store.Store, env Env) (now func() time.Time, err error) {
	now = env.Now
	err = db.Read(ctx, func(tx *store.Tx) error {
		at, virtual, err := tx.VirtualTime()
		if virtual {
			now = func() time.Time { return at }
		}
		return err
	})
	return now, err
}

// outputFlag adds -o to a command that lists or makes something.
func outputFlag(cmd *cobra.Command) *string {
	format := choice{value: "table", allowed: []string{"table", "json"}}
	cmd.Flags().VarP(&format, "output", "o", "format: table or json")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(format.allowed, cobra.ShellCompDirectiveNoFileComp))
	return &format.value
}

// choice is a flag with a few allowed values.
type choice struct {
	value   string
	allowed []string
}

func (c *choice) String() string { return c.value }
func (c *choice) Type() string   { return strings.Join(c.allowed, "|") }
func (c *choice) Set(s string) error {
	for _, a := range c.allowed {
		if s == a {
			c.value = s
			return nil
		}
	}
	return fmt.Errorf("must be one of %s", strings.Join(c.allowed, ", "))
}

// printJSON writes a value as indented JSON.
func printJSON(w io.Writer, v any) error {
	line, err := encodeJSON(v)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, line, "", "  "); err != nil {
		return err
	}
	b.WriteByte('\n')
	_, err = w.Write(b.Bytes())
	return err
}

// printLine writes a value as JSON on a line of its own.
func printLine(w io.Writer, v any) error {
	line, err := encodeJSON(v)
	if err != nil {
		return err
	}
	_, err = w.Write(append(line, '\n'))
	return err
}

// encodeJSON returns a value as JSON on one line: <, > and & as they are, and
// what a terminal would obey escaped.
func encodeJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	line := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	if !bytes.ContainsFunc(line, foreign.Obeyed) {
		return line, nil
	}
	var out []byte
	for _, r := range string(line) {
		if foreign.Obeyed(r) {
			out = fmt.Appendf(out, `\u%04x`, r)
		} else {
			out = utf8.AppendRune(out, r)
		}
	}
	return out, nil
}

// columns writes rows under headings, a tab between columns.
func columns(w io.Writer, headings string, rows func(line func(cells ...string)) error) error {
	tw := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(tw, headings)
	err := rows(func(cells ...string) {
		for i, cell := range cells {
			if cell == "" {
				cells[i] = "-"
			}
		}
		fmt.Fprintln(tw, strings.Join(cells, "\t"))
	})
	return errors.Join(err, tw.Flush())
}
