package docspace

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/v1"
)

// ReportTask is a report that a portal is making, or has made.
// Source: contract, "customer/operationsreport".
type ReportTask struct {
	ID string
	// Failure is why there is no report; "" when nothing went wrong.
	Failure string
	// Percentage is how far it is, 0 to 100.
	Percentage int
	// IsCompleted says that it is over, well or not: Status says which.
	IsCompleted bool
	Status      TaskStatus
	// ResultFileID is the report's file in the documents of whoever asked; ""
	// before there is one.
	ResultFileID ID
	// ResultFileName and ResultFileURL are "" before there is a report. The
	// address may be relative to the portal's.
	ResultFileName, ResultFileURL string
}

// TaskStatus says where a task is.
type TaskStatus int

const (
	TaskCreated   TaskStatus = 0
	TaskRunning   TaskStatus = 1
	TaskCompleted TaskStatus = 2
	TaskCanceled  TaskStatus = 3
	TaskFailed    TaskStatus = 4
)

// String returns "created", "running", "completed", "canceled" or "failed".
func (s TaskStatus) String() string {
	return statusName(int(s), "created", "running", "completed", "canceled", "failed")
}

// statusName returns the nth name, or the number.
func statusName(n int, names ...string) string {
	if n >= 0 && n < len(names) {
		return names[n]
	}
	return "status " + strconv.Itoa(n)
}

// MarshalJSON writes the members in DocSpace's order, all of them.
func (t ReportTask) MarshalJSON() ([]byte, error) {
	return marshal(struct {
		ID             string     `json:"id"`
		Failure        string     `json:"error"`
		Percentage     int        `json:"percentage"`
		IsCompleted    bool       `json:"isCompleted"`
		Status         TaskStatus `json:"status"`
		ResultFileID   ID         `json:"resultFileId"`
		ResultFileName string     `json:"resultFileName"`
		ResultFileURL  string     `json:"resultFileUrl"`
	}{t.ID, t.Failure, t.Percentage, t.IsCompleted, t.Status, t.ResultFileID, t.ResultFileName, t.ResultFileURL})
}

// UnmarshalJSON reads what MarshalJSON writes, and a percentage with decimal
// places, which are left off. A task that does not say whether it is over is an
// error.
func (t *ReportTask) UnmarshalJSON(data []byte) error {
	var in struct {
		ID             string      `json:"id"`
		Failure        string      `json:"error"`
		Percentage     json.Number `json:"percentage"`
		IsCompleted    *bool       `json:"isCompleted"`
		Status         *TaskStatus `json:"status"`
		ResultFileID   ID          `json:"resultFileId"`
		ResultFileName string      `json:"resultFileName"`
		ResultFileURL  string      `json:"resultFileUrl"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	if in.IsCompleted == nil || in.Status == nil {
		return fmt.Errorf("isCompleted or status is missing")
	}
	percentage, err := wholePart(in.Percentage)
	if err != nil {
		return fmt.Errorf("percentage: %w", err)
	}
	*t = ReportTask{in.ID, in.Failure, percentage, *in.IsCompleted, *in.Status, in.ResultFileID, in.ResultFileName, in.ResultFileURL}
	return nil
}

// wholePart reads a number without its decimal places; "" is nought. A number that
// is written with an exponent is next to nothing, as what is measured in hundredths
// has no other.
func wholePart(number json.Number) (int, error) {
	text, _, _ := strings.Cut(string(number), ".")
	if text == "" || strings.Contains(strings.ToLower(string(number)), "e-") {
		return 0, nil
	}
	return strconv.Atoi(text)
}
