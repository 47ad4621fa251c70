package portalapi

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/ledger"
)

// spendingOrders are what the list of what was spent is sorted by.
var spendingOrders = map[string]billing.SpendingOrder{
	"service": billing.ByService, "totalamount": billing.ByAmount, "totalquantity": billing.ByQuantity, "operationcount": billing.ByOperations,
}

// usage answers GET payment/customer/usage.
func (d *door) usage(r *http.Request, c *billing.Caller) (done, error) {
	asked, err := inQuery(r, usageParameters)
	if err != nil {
		return done{}, err
	}
	filter, err := d.spendingFilter(c, asked)
	if err != nil {
		return done{}, err
	}
	page, err := d.service.Spending(r.Context(), c, filter)
	if page == nil || err != nil {
		return done{}, err
	}
	out := &docspace.UsagePage{
		Offset: page.Offset, Limit: page.Limit, Total: page.Total,
		TotalPages: (page.Total + page.Limit - 1) / page.Limit, Page: page.Offset/page.Limit + 1,
	}
	for _, s := range page.Services {
		title, unit := serviceWords(s.Service)
		out.Items = append(out.Items, docspace.UsageItem{
			Service: s.Service, Title: title, ServiceUnit: unit, Quantity: s.Quantity, Amount: s.Amount, OperationCount: s.Operations,
		})
	}
	return done{payload: out}, nil
}

// spendingFilter reads what is asked of what was spent.
func (d *door) spendingFilter(c *billing.Caller, in filters) (f billing.SpendingFilter, err error) {
	asked, err := in.query(c, billing.OperationFilter{Limit: defaultOperations})
	if err != nil {
		return f, err
	}
	f.Order, f.Descending = billing.ByAmount, !asked.filter.Ascending
	if name := in.sent["orderBy"]; name != "" {
		order, ok := spendingOrders[strings.ToLower(name)]
		if !ok {
			return f, &billing.FieldError{Field: "orderBy", Text: "is none of service, totalAmount, totalQuantity and operationCount"}
		}
		f.Order = order
	}
	o := asked.filter
	f.From, f.To, f.Participant, f.Statuses, f.Offset, f.Limit = o.From, o.To, o.Participant, o.Statuses, o.Offset, o.Limit
	f.Metadata = in.metadata
	if asked.service != "" {
		of, err := d.service.OfService(c, asked.service)
		if err != nil {
			return f, err
		}
		f.Book, f.Service = of.Book, of.Service
	}
	return f, nil
}

// monthlyUsage answers GET payment/customer/usage/monthly.
func (d *door) monthlyUsage(r *http.Request, c *billing.Caller) (done, error) {
	asked, err := inQuery(r, periodParameters)
	if err != nil {
		return done{}, err
	}
	from, to, err := asked.period(c)
	if err != nil {
		return done{}, err
	}
	months, err := d.service.MonthlySpending(r.Context(), c, from, to)
	if months == nil || err != nil {
		return done{}, err
	}
	out := make([]docspace.MonthlyUsage, len(months))
	for i, m := range months {
		out[i] = docspace.MonthlyUsage{Year: m.Year, Month: int(m.Month), Amount: m.Amount, OperationCount: m.Operations}
	}
	return done{payload: out}, nil
}

// startOperationsReport answers POST payment/customer/operationsreport. The filters
// are in the body or in the query.
func (d *door) startOperationsReport(r *http.Request, c *billing.Caller) (done, error) {
	in, err := d.inBodyOrQuery(r, reportParameters)
	if err != nil {
		return done{}, err
	}
	asked, err := in.query(c, billing.OperationFilter{})
	if err != nil {
		return done{}, err
	}
	words := wording{zone: asked.zone}
	if err := d.findService(c, &asked, &words); err != nil {
		return done{}, err
	}
	from, to := d.shown(c, asked.filter.From, asked.filter.To)
	return d.startReport(r, c, words.operationsReport(asked.filter, from, to))
}

// shown returns from when to when a report says that it is: what was asked for, or
// all that there is.
func (d *door) shown(c *billing.Caller, from, to time.Time) (time.Time, time.Time) {
	if from.IsZero() {
		from = c.View.Portal.CreatedAt
	}
	if to.IsZero() {
		to = d.now()
	}
	return from, to
}

// startUsageReport answers POST payment/customer/usage/report.
func (d *door) startUsageReport(r *http.Request, c *billing.Caller) (done, error) {
	asked, err := d.inBodyOrQuery(r, usageReportParameters)
	if err != nil {
		return done{}, err
	}
	filter, err := d.spendingFilter(c, asked)
	if err != nil {
		return done{}, err
	}
	filter.Offset, filter.Limit = 0, 0
	zone, err := c.View.Zone()
	if err != nil {
		return done{}, err
	}
	from, to := d.shown(c, filter.From, filter.To)
	return d.startReport(r, c, wording{zone: zone}.usageReport(filter, from, to))
}

// startMonthlyReport answers POST payment/customer/usage/monthly/report.
func (d *door) startMonthlyReport(r *http.Request, c *billing.Caller) (done, error) {
	asked, err := d.inBodyOrQuery(r, periodParameters)
	if err != nil {
		return done{}, err
	}
	from, to, err := asked.period(c)
	if err != nil {
		return done{}, err
	}
	zone, err := c.View.Zone()
	if err != nil {
		return done{}, err
	}
	shownFrom, shownTo := d.shown(c, from, to)
	return d.startReport(r, c, wording{zone: zone}.monthlyReport(from, to, shownFrom, shownTo))
}

func (d *door) startReport(r *http.Request, c *billing.Caller, spec billing.ReportSpec) (done, error) {
	report, err := d.service.StartReport(r.Context(), c, spec)
	if err != nil {
		return done{}, err
	}
	return done{payload: wireReport(report)}, nil
}

// report returns the answer of GET to the reports of a kind.
func report(kind billing.ReportKind) func(*door, *http.Request, *billing.Caller) (done, error) {
	return func(d *door, r *http.Request, c *billing.Caller) (done, error) {
		found, err := d.service.Report(r.Context(), c, kind)
		if found == nil || err != nil {
			return done{}, err
		}
		return done{payload: wireReport(found)}, nil
	}
}

// cancelReport returns the answer of DELETE to the reports of a kind.
func cancelReport(kind billing.ReportKind) func(*door, *http.Request, *billing.Caller) (done, error) {
	return func(d *door, r *http.Request, c *billing.Caller) (done, error) {
		return done{}, d.service.CancelReport(r.Context(), c, kind)
	}
}

// reportFiles is where the files of reports are.
const reportFiles = "/portal/payment/customer/reports/"

func wireReport(r *billing.Report) *docspace.ReportTask {
	out := &docspace.ReportTask{
		ID: reportTaskID(r), Failure: r.Error, Percentage: r.Percentage, IsCompleted: r.Ended(), Status: docspace.TaskStatus(r.State),
	}
	if r.State == billing.ReportCompleted {
		out.ResultFileID = docspace.ID(strconv.FormatInt(r.Number, 10))
		out.ResultFileName, out.ResultFileURL = r.FileName, basePath+reportFiles+strconv.FormatInt(r.Number, 10)
	}
	return out
}

// requestSales answers POST payment/request.
func (d *door) requestSales(r *http.Request, c *billing.Caller) (done, error) {
	f, err := d.form(r)
	if err != nil {
		return done{}, err
	}
	in := billing.SalesRequest{
		UserName: f.text("userName", optional, stringLength(255)), Email: f.text("email", present, maxLength(64)),
		Message: f.text("message", present, stringLength(255)),
	}
	if err := f.err(); err != nil {
		return done{}, err
	}
	return done{}, d.service.RequestSales(r.Context(), c, d.proxies.client(r), in)
}

// quotaOfService answers GET payment/customer/servicequota, which some versions
// asked for what is left of a service that is paid in advance. Here only AI credit
// is; of others the wallet is what is left.
func (d *door) quotaOfService(r *http.Request, c *billing.Caller) (done, error) {
	f, err := queryForm(r, "serviceName", "refresh")
	if err != nil {
		return done{}, err
	}
	name := f.text("serviceName", required, stringLength(255))
	f.flag("refresh") // nothing here is stale
	if err := f.err(); err != nil {
		return done{}, err
	}
	of, err := d.service.OfService(c, name)
	if err != nil {
		return done{}, err
	}
	answer := d.balance
	if of.Book == ledger.AI {
		answer = d.aiBalance
	}
	payload, _, err := answer(c, question{})
	return done{payload: payload}, err
}
