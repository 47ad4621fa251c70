package portalapi

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bursarhq/bursar/billing"
)

// What lists and reports of what was spent may be asked for. Source: contract,
// "Customer reads", "customer/operationsreport" and "Routes" of newer versions.
var (
	periodParameters = []string{"startDate", "endDate", utcStartDate, utcEndDate}
	// usageReportParameters are those of usageParameters that a report has, which has
	// no pages.
	usageReportParameters = append([]string{"serviceName", "participantName", "status", metadata, "orderBy", "orderType"}, periodParameters...)
	usageParameters       = append([]string{"offset", "limit"}, usageReportParameters...)
	// reportParameters are those of operationParameters that a report has.
	reportParameters = []string{
		"serviceName", "startDate", "endDate", "participantName", "credit", "debit", "type", "status", "orderType",
	}
)

// Names that some versions have for startDate and endDate, in UTC unless the date says
// otherwise.
const (
	utcStartDate = "utcStartDate"
	utcEndDate   = "utcEndDate"
)

// metadata is the filter that is no text, but texts by their names.
const metadata = "metadata"

// filters are what a list or a report is asked for.
type filters struct {
	known []string
	sent  map[string]string // by the known names; "" is as good as nothing
	// metadata is what is asked of that; nil for nothing, and where it is not known.
	metadata map[string]string
}

// inQuery reads the filters of a list.
func inQuery(r *http.Request, known []string) (filters, error) {
	in := filters{known: known}
	var err error
	if in.sent, err = parameters(r, known); err == nil && slices.Contains(known, metadata) {
		in.metadata, err = metadataOf(r)
	}
	return in, err
}

// inBodyOrQuery reads the filters of a report; those in the body, null or not, come
// before those of the same name in the query.
func (d *door) inBodyOrQuery(r *http.Request, known []string) (filters, error) {
	f, _, err := d.optionalForm(r)
	if err != nil {
		return filters{}, err
	}
	in, err := inQuery(r, known)
	if err != nil {
		return filters{}, err
	}
	for _, name := range known {
		if !f.has(name) {
			continue
		}
		switch name {
		case "credit", "debit":
			in.sent[name] = strconv.FormatBool(f.flag(name))
		case "type", "status", "orderType":
			in.sent[name] = f.words(name)
		case metadata:
			in.metadata = f.metadata(name)
		default:
			in.sent[name] = f.text(name, optional, stringLength(255))
		}
	}
	return in, f.err()
}

// query returns the filters as those of a list of operations, beginning with by.
func (in filters) query(c *billing.Caller, by billing.OperationFilter) (operationQuery, error) {
	zone, err := c.View.Zone()
	if err != nil {
		return operationQuery{}, err
	}
	asked := operationQuery{zone: zone, filter: by}
	for _, name := range in.known {
		value := in.sent[name]
		if value == "" || name == "orderBy" || name == metadata { // of which each list has its own
			continue
		}
		switch name {
		case utcStartDate:
			err = readDate(name, value, time.UTC, &asked.filter.From, nil)
		case utcEndDate:
			err = readDate(name, value, time.UTC, nil, &asked.filter.To)
		default:
			err = asked.set(name, value)
		}
		if err != nil {
			return asked, err
		}
	}
	return asked, asked.inOrder()
}

// period returns the time that is asked about.
func (in filters) period(c *billing.Caller) (from, to time.Time, err error) {
	asked, err := in.query(c, billing.OperationFilter{})
	return asked.filter.From, asked.filter.To, err
}

// What metadata may be asked for: how many, by what names and of what length, in bytes.
const (
	maxMetadata      = 16
	maxMetadataName  = 64
	maxMetadataValue = 1024
)

// isMetadata reports whether there may be a text more among that which is asked for.
func isMetadata(all map[string]string, name, value string) bool {
	return name != "" && len(name) <= maxMetadataName && len(value) <= maxMetadataValue && len(all) < maxMetadata
}

const noMetadata = "must be at most 16 texts of 1024 bytes, by names of 64"

// metadataOf reads the parameters metadata[name]=text; nil for none.
func metadataOf(r *http.Request) (map[string]string, error) {
	var all map[string]string
	for pair := range strings.SplitSeq(r.URL.RawQuery, "&") {
		rawName, rawValue, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(rawName)
		if err != nil || len(name) < len("metadata[]") || !strings.EqualFold(name[:len("metadata[")], "metadata[") || name[len(name)-1] != ']' {
			continue
		}
		value, err := url.QueryUnescape(rawValue)
		key := name[len("metadata[") : len(name)-1]
		switch {
		case err != nil || !isPlain(key+value):
			return nil, &billing.FieldError{Field: metadata, Text: "is not encoded as a URL is"}
		case !isMetadata(all, key, value):
			return nil, &billing.FieldError{Field: metadata, Text: noMetadata}
		}
		if all == nil {
			all = map[string]string{}
		}
		all[key] = value
	}
	return all, nil
}

// metadata reads a member that is an object of texts, by names in whatever case they
// are; nil where it is missing or null.
func (f *form) metadata(name string) map[string]string {
	value, isObject := f.value(name).(*object)
	if !isObject {
		if f.value(name) != nil {
			f.mind(name, "must be an object")
		}
		return nil
	}
	all := map[string]string{}
	for _, key := range value.names {
		text, isText := value.values[fold(key)].(string)
		switch {
		case !isText:
			f.mind(name, "must have texts only")
		case !isPlain(key + text):
			f.mind(name, "must not contain the character U+0000")
		case !isMetadata(all, key, text):
			f.mind(name, noMetadata)
		default:
			all[key] = text
			continue
		}
		return nil
	}
	return all
}
