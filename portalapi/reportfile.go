package portalapi

import (
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/httpd"
)

// typeSheet is the type of an .xlsx.
const typeSheet = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

// reportFile answers GET payment/customer/reports/{number}: the file of a report, or
// the parts of it that are asked for.
func (d *door) reportFile(w http.ResponseWriter, r *http.Request, c *billing.Caller) error {
	started := time.Now()
	number, err := strconv.ParseInt(r.PathValue(part), 10, 64)
	if err != nil {
		return &refusal{status: http.StatusNotFound, message: "There is no " + r.URL.Path + " here"}
	}
	file, err := d.service.OpenReport(r.Context(), c, number)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", typeSheet)
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": file.Name}))
	h["Cache-Control"], h["X-Content-Type-Options"], h["Api-Supported-Versions"] = noStore, noSniff, apiVersions
	h["Server-Timing"] = []string{serverTiming(time.Since(started))}
	http.ServeContent(httpd.Patient(w, 0), r, file.Name, file.At, io.NewSectionReader(file, 0, file.Size))
	return nil
}
