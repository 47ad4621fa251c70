package docspace

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// StartOperationsReport has the portal write the operations of a query into a
// spreadsheet, all of them: its Offset, Limit and order don't matter. A portal makes
// one such report at a time for each user; ask AwaitReport for the end of it. It is
// sent once. A portal that has no customer answers ErrNotFound.
//
// The key's user must be an administrator.
// Source: contract, "customer/operationsreport".
func (c *Client) StartOperationsReport(ctx context.Context, q OperationsQuery) (*ReportTask, error) {
	return c.startReport(ctx, opOperationsReport, ReportRequest{
		Service: q.Service, From: Time{q.From}, To: Time{q.To}, Participant: q.Participant,
		Credit: q.Credit, Debit: q.Debit, Type: q.Type, Status: q.Status,
	})
}

// OperationsReport returns how far the report of operations is; nil when there is
// none.
//
// The key's user must be an administrator.
// Source: contract, "customer/operationsreport".
func (c *Client) OperationsReport(ctx context.Context) (*ReportTask, error) {
	return read[ReportTask](ctx, c, opOperationsReport, url.Values{})
}

// CancelOperationsReport stops the report of operations; it does no harm when there
// is none.
//
// The key's user must be an administrator.
// Source: contract, "customer/operationsreport".
func (c *Client) CancelOperationsReport(ctx context.Context) error {
	return c.cancelReport(ctx, opOperationsReport)
}

// StartUsageReport is to Usage what StartOperationsReport is to Operations. Portals
// before 3.8 don't have it: ErrNotFound.
// Source: contract, "What newer versions add".
func (c *Client) StartUsageReport(ctx context.Context, q UsageQuery) (*ReportTask, error) {
	return c.startReport(ctx, opUsageReport, ReportRequest{
		Service: q.Service, From: Time{q.From}, To: Time{q.To}, Participant: q.Participant, Status: q.Status, Metadata: q.Metadata,
	})
}

// UsageReport returns how far the report of usage is; nil when there is none.
// Source: contract, "What newer versions add".
func (c *Client) UsageReport(ctx context.Context) (*ReportTask, error) {
	return read[ReportTask](ctx, c, opUsageReport, url.Values{})
}

// CancelUsageReport stops the report of usage; it does no harm when there is none.
// Source: contract, "What newer versions add".
func (c *Client) CancelUsageReport(ctx context.Context) error {
	return c.cancelReport(ctx, opUsageReport)
}

// StartMonthlyUsageReport is to MonthlyUsage what StartOperationsReport is to
// Operations. Portals before 3.8 don't have it: ErrNotFound.
// Source: contract, "What newer versions add".
func (c *Client) StartMonthlyUsageReport(ctx context.Context, from, to time.Time) (*ReportTask, error) {
	return c.startReport(ctx, opMonthlyReport, ReportRequest{From: Time{from}, To: Time{to}})
}

// MonthlyUsageReport returns how far the report of monthly usage is; nil when there
// is none.
// Source: contract, "What newer versions add".
func (c *Client) MonthlyUsageReport(ctx context.Context) (*ReportTask, error) {
	return read[ReportTask](ctx, c, opMonthlyReport, url.Values{})
}

// CancelMonthlyUsageReport stops the report of monthly usage; it does no harm when
// there is none.
// Source: contract, "What newer versions add".
func (c *Client) CancelMonthlyUsageReport(ctx context.Context) error {
	return c.cancelReport(ctx, opMonthlyReport)
}

func (c *Client) startReport(ctx context.Context, op operation, request ReportRequest) (*ReportTask, error) {
	return writeFully[ReportTask](ctx, c, writing{operation: op, method: http.MethodPost, body: request})
}

func (c *Client) cancelReport(ctx context.Context, op operation) error {
	_, err := c.write(ctx, writing{operation: op, method: http.MethodDelete})
	return err
}

const (
	firstLook = 250 * time.Millisecond
	maxLook   = 5 * time.Second
)

// AwaitReport asks for a report until it is there, with growing pauses of a quarter
// of a second to five, and returns it. The way to ask is one of the client's own
// methods:
//
//	task, err := client.AwaitReport(ctx, client.OperationsReport)
//
// It waits as long as the context does. A report that failed, was canceled, is gone
// or had to give way to another is ErrRefused.
func (c *Client) AwaitReport(ctx context.Context, look func(context.Context) (*ReportTask, error)) (*ReportTask, error) {
	op := operation{name: "await report"}
	refused := func(message string) (*ReportTask, error) {
		return nil, &Error{Operation: op.name, Message: message, Err: ErrRefused}
	}
	var id string
	for pause := firstLook; ; pause = min(pause*2, maxLook) {
		task, err := look(ctx)
		switch {
		case err != nil:
			return nil, err
		case task == nil:
			return refused("there is no such report, or not any more")
		case id != "" && task.ID != id:
			return refused("another report took its place")
		case task.Status == TaskCanceled:
			return refused("it was canceled")
		case task.Status == TaskFailed || task.Failure != "":
			if task.Failure == "" {
				return refused("the portal could not make it, and does not say why")
			}
			return refused(c.excerpt(task.Failure))
		case task.IsCompleted:
			return task, nil
		}
		id = task.ID
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, c.unanswered(op, ctx.Err())
		}
	}
}
