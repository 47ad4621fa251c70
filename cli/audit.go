package cli

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/store"
)

func newAudit(env Env) *cobra.Command {
	var (
		before int64
		limit  int64
	)
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "List who changed what",
		Long: `List who changed what of a portal, the latest first: users and operators over the APIs,
commands, the payment provider, and Bursar by itself. Money that was moved and nothing
else stands in bursar statement. With --operator it lists what is of no portal, such as
keys of the operator. All times are UTC.

JSON output is one object a line, with what was before and after.`,
		Example: `bursar audit --portal portal.example.com
bursar audit --operator
bursar audit --limit 5000 -o json | jq -r 'select(.action == "key.create") | .at + " " + .name'`,
		GroupID: GroupKeep,
		Args:    cobra.NoArgs,
	}
	data, portal, output := DatabaseFlags(cmd, env), portalFlag(cmd), outputFlag(cmd)
	operator := operatorFlag(cmd, "list what is of no portal")
	cmd.Flags().Int64Var(&limit, "limit", 50, "how many to list at most")
	cmd.Flags().Int64Var(&before, "before", 0, "go on after the line of this number")
	cmd.MarkFlagsMutuallyExclusive("operator", "portal")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		switch {
		case limit < 1:
			return usage("--limit: %d is not more than nought", limit)
		case before < 0 || before == 0 && cmd.Flags().Changed("before"):
			return usage("--before: %d is not more than nought", before)
		}
		list := func(s *billing.Service, portalID string) error {
			trail := auditTrail{s, portalID, before, limit}
			if *output == "json" {
				return trail.each(cmd.Context(), func(a *store.Audit) error { return printLine(env.Stdout, auditOf(a)) })
			}
			rows := rowTable{out: env.Stdout}
			if err := rows.add([]string{"NUMBER", "TIME", "ACTION", "OBJECT", "BY", "NAME"}); err != nil {
				return err
			}
			err := trail.each(cmd.Context(), func(a *store.Audit) error { return rows.add(auditRow(a)) })
			if err != nil {
				return err
			}
			return rows.close()
		}
		if *operator {
			return withService(cmd.Context(), data, true, env, func(s *billing.Service) error { return list(s, "") })
		}
		return withPortal(cmd, data, *portal, env, list)
	}
	return cmd
}

// auditTrail is a part of the trail of a portal.
type auditTrail struct {
	service  *billing.Service
	portalID string
	before   int64 // 0: from the last line on
	limit    int64
}

// each calls do for every line, the latest first, page by page.
func (t auditTrail) each(ctx context.Context, do func(*store.Audit) error) error {
	for t.limit > 0 {
		page := min(t.limit, billing.MaxAudit)
		lines, err := t.service.Audit(ctx, t.portalID, t.before, int(page))
		if err != nil {
			return err
		}
		for i := range lines {
			if err := do(&lines[i]); err != nil {
				return err
			}
			t.before = lines[i].Number
		}
		if int64(len(lines)) < page || t.before == 1 {
			return nil
		}
		t.limit -= page
	}
	return nil
}

func auditRow(a *store.Audit) []string {
	name := a.ActorName
	if name == "" {
		name = a.ActorID
	}
	return []string{
		strconv.FormatInt(a.Number, 10), a.At.UTC().Format(time.DateTime), printable(a.Action), ansi.Truncate(printable(a.Object), 40, "…"),
		printable(a.Actor), ansi.Truncate(printable(name), 40, "…"),
	}
}

type auditJSON struct {
	Portal  string    `json:"portal,omitempty"`
	Number  int64     `json:"number"`
	At      time.Time `json:"at"`
	Action  string    `json:"action"`
	Object  string    `json:"object,omitempty"`
	By      string    `json:"by"` // user, operator, command, provider or bursar
	ID      string    `json:"id,omitempty"`
	Name    string    `json:"name,omitempty"`
	Request string    `json:"requestId,omitempty"`
	// Before and After are left out when there is nothing.
	Before json.RawMessage `json:"before,omitempty"`
	After  json.RawMessage `json:"after,omitempty"`
}

func auditOf(a *store.Audit) auditJSON {
	line := auditJSON{
		Portal: a.PortalID, Number: a.Number, At: a.At.UTC(), Action: a.Action, Object: a.Object,
		By: a.Actor, ID: a.ActorID, Name: a.ActorName, Request: a.RequestID,
	}
	if a.Before != "" {
		line.Before = json.RawMessage(a.Before)
	}
	if a.After != "" {
		line.After = json.RawMessage(a.After)
	}
	return line
}
