package docspace_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/bursarhq/bursar/docspace"
)

// Source: contract, "GET /payment/customer/operations".
const operationsPage = `{
	"collection": [
		{ "date": "2026-06-30T11:15:30.0000000+03:00", "service": "backup", "description": "Backup", "details": "Automatic backup",
			"serviceUnit": "Backup", "quantity": 1, "currency": "USD", "credit": 0, "debit": 10,
			"participantName": "66faa6e4-f133-11ea-b126-00ffeec8b4ef", "participantDisplayName": "Olivia &amp; Owner", "type": "ServicePayment" },
		{ "date": "2026-06-21T11:15:30.1234567+03:00", "description": "Balance top-up", "details": "Automatic top up",
			"quantity": 0, "currency": "USD", "credit": 80.0000, "debit": 0, "participantName": "A &amp; B", "participantDisplayName": "A &amp; B", "type": "Deposit" }
	],
	"offset": 0, "limit": 25, "totalQuantity": 2, "totalPage": 1, "currentPage": 1 }`

func TestOperationsAreRead(t *testing.T) {
	page, err := once(t, saying(200, envelope(operationsPage))).Operations(t.Context(), docspace.OperationsQuery{})
	if err != nil {
		t.Fatal(err)
	}
	diff(t, "total", page.Total, 2)
	first, second := page.Operations[0], page.Operations[1]
	if first.Date.Format(time.RFC3339Nano) != "2026-06-30T11:15:30+03:00" || second.Date.Format(time.RFC3339Nano) != "2026-06-21T11:15:30.1234567+03:00" {
		t.Errorf("dates %s and %s", first.Date, second.Date)
	}
	first.Date, second.Date = docspace.Time{}, docspace.Time{}
	diff(t, "the first", first, docspace.Operation{
		Service: "backup", Description: "Backup", Details: "Automatic backup", ServiceUnit: "Backup", Quantity: 1,
		Credit: amount("0", "USD"), Debit: amount("10", "USD"),
		ParticipantName: "66faa6e4-f133-11ea-b126-00ffeec8b4ef", ParticipantDisplayName: "Olivia & Owner", Type: docspace.ServicePayment,
	})
	diff(t, "the second", second, docspace.Operation{
		Description: "Balance top-up", Details: "Automatic top up", Credit: amount("80", "USD"), Debit: amount("0", "USD"),
		ParticipantName: "A &amp; B", ParticipantDisplayName: "A &amp; B", // no user's: nobody encoded it
		Type: docspace.DepositPayment,
	})
}

func TestOperationsThatWereAutomatic(t *testing.T) {
	for _, tt := range []struct {
		operation docspace.Operation
		want      bool
	}{
		{docspace.Operation{Type: docspace.DepositPayment, Details: "Automatic top up"}, true},
		{docspace.Operation{Type: docspace.DepositPayment}, false},
		{docspace.Operation{Type: docspace.GoodwillCredit, Details: "Automatic top up"}, false},
	} {
		if got := tt.operation.Automatic(); got != tt.want {
			t.Errorf("%+v: %t", tt.operation, got)
		}
	}
}

func TestOperationsThatCannotBeRead(t *testing.T) {
	for name, payload := range map[string]string{
		"no credit":     `{"collection":[{"date":"2026-06-30T11:15:30Z","currency":"USD","debit":10}]}`,
		"null debit":    `{"collection":[{"date":"2026-06-30T11:15:30Z","currency":"USD","credit":1,"debit":null}]}`,
		"broken date":   `{"collection":[{"date":"yesterday","currency":"USD","credit":1,"debit":0}]}`,
		"broken amount": `{"collection":[{"date":"2026-06-30T11:15:30Z","currency":"USD","credit":"much","debit":0}]}`,
		"a list":        `[]`,
	} {
		_, err := once(t, saying(200, envelope(payload))).Operations(t.Context(), docspace.OperationsQuery{})
		if err == nil {
			t.Errorf("%s: it was read", name)
			continue
		}
		failureOf(t, err, docspace.ErrMalformed)
	}
}

func TestQueryIsSentAsTheContractHasIt(t *testing.T) {
	zone := time.FixedZone("", 3*60*60)
	for want, q := range map[string]docspace.OperationsQuery{
		"": {},
		"credit=true&debit=true&endDate=2026-06-30T20%3A59%3A59.9999999Z&limit=7&offset=14&orderType=Ascending&" +
			"participantName=a+b&serviceName=ai-tools&startDate=2026-05-31T21%3A00%3A00Z&status=Completed&type=AiServicePayment": {
			Service: "ai-tools", From: time.Date(2026, 6, 1, 0, 0, 0, 0, zone), To: time.Date(2026, 6, 30, 23, 59, 59, 999_999_999, zone),
			Participant: "a b", Credit: true, Debit: true, Type: docspace.AIServicePayment, Status: docspace.Completed, Ascending: true,
			Offset: 14, Limit: 7,
		},
	} {
		sent := "not at all"
		client := once(t, inMemory(func(w http.ResponseWriter, r *http.Request) {
			sent = r.URL.RawQuery
			fmt.Fprint(w, nothing)
		}))
		page, err := client.Operations(t.Context(), q)
		if page != nil || err != nil {
			t.Errorf("%+v, %v", page, err)
		}
		diff(t, "query", sent, want)
	}
}

// growing is a portal with operations that are numbered in Quantity, from 1, and
// with more of them after every request.
type growing struct {
	count, step int
	requests    int
	failAt      int // which request fails; 0: none
}

func (g *growing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if g.requests++; g.requests == g.failAt {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	number := func(name string) int {
		n, _ := strconv.Atoi(r.URL.Query().Get(name))
		return n
	}
	all := make([]docspace.Operation, g.count)
	for i := range all {
		all[i] = docspace.Operation{Date: docspace.Time{Time: time.Unix(int64(i), 0)}, Quantity: int64(i + 1)}
	}
	if r.URL.Query().Get("orderType") != "Ascending" {
		slices.Reverse(all)
	}
	from := min(number("offset"), g.count)
	page := docspace.OperationsPage{Operations: all[from:min(from+number("limit"), g.count)], Total: int64(g.count)}
	g.count += g.step
	payload, err := json.Marshal(page)
	if err != nil {
		panic(err)
	}
	fmt.Fprint(w, envelope(string(payload)))
}

// Whatever is added meanwhile, each operation that was there at first comes once,
// in its order.
func TestAllOperationsAreThoseThatWereThere(t *testing.T) {
	for _, count := range []int{0, 1, 4, 5, 6, 23} {
		for _, step := range []int{0, 1, 3, 5, 7, 12} {
			for _, q := range []docspace.OperationsQuery{
				{Limit: 5}, {Limit: 5, Ascending: true}, {Limit: 5, Offset: 4}, {Limit: 5, Offset: 4, Ascending: true}, {}, {Ascending: true},
			} {
				portal := &growing{count: count, step: step}
				if q.Limit > 0 && q.Limit <= int64(step) && !q.Ascending && count > 5 {
					continue // it grows faster than it is read: see below
				}
				var want, got []int64
				for i := range count {
					want = append(want, int64(i+1))
				}
				if !q.Ascending {
					slices.Reverse(want)
				}
				want = want[min(int(q.Offset), count):]
				for operation, err := range once(t, inMemory(portal.ServeHTTP)).AllOperations(t.Context(), q) {
					if err != nil {
						t.Fatal(err)
					}
					got = append(got, operation.Quantity)
				}
				if !slices.Equal(got, want) {
					t.Errorf("%d operations, %d more a request, %+v: %v, want %v", count, step, q, got, want)
				}
			}
		}
	}
	// A burst longer than a page is passed over as well.
	portal, got := &growing{count: 12, step: 9}, []int64{}
	for operation, err := range once(t, inMemory(portal.ServeHTTP)).AllOperations(t.Context(), docspace.OperationsQuery{Limit: 5}) {
		if err != nil {
			t.Fatal(err)
		}
		if portal.step = 0; true {
			got = append(got, operation.Quantity)
		}
	}
	diff(t, "after a burst", got, []int64{12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1})
}

// One that comes late, wherever its date puts it, takes the place of none; with
// Ascending, at most that of the last.
func TestAllOperationsWhileOneComesLate(t *testing.T) {
	for place := range 13 {
		for _, q := range []docspace.OperationsQuery{{Limit: 4}, {Limit: 4, Ascending: true}} {
			dates := []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
			requests := 0
			portal := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if requests++; requests == 2 {
					dates = slices.Insert(dates, place, -1)
				}
				all := make([]docspace.Operation, len(dates))
				for i, date := range dates {
					all[i] = docspace.Operation{Quantity: int64(date)}
				}
				if !q.Ascending {
					slices.Reverse(all)
				}
				from, _ := strconv.Atoi(r.URL.Query().Get("offset"))
				payload, err := json.Marshal(docspace.OperationsPage{Operations: all[min(from, len(all)):min(from+4, len(all))], Total: int64(len(all))})
				if err != nil {
					panic(err)
				}
				fmt.Fprint(w, envelope(string(payload)))
			})
			seen := map[int64]int{}
			for operation, err := range once(t, inMemory(portal)).AllOperations(t.Context(), q) {
				if err != nil {
					t.Fatal(err)
				}
				seen[operation.Quantity]++
			}
			for n := range int64(12) {
				if last := n == 11 && q.Ascending && place >= 4 && place < 12; seen[n+1] != 1 && !last {
					t.Errorf("late at %d, %+v: number %d is there %d times", place, q, n+1, seen[n+1])
				}
			}
		}
	}
}

func TestAllOperationsEndWithAnErrorOrWhenTheyAreLeft(t *testing.T) {
	portal := &growing{count: 20, failAt: 3}
	var seen int
	var last error
	for _, err := range once(t, inMemory(portal.ServeHTTP)).AllOperations(t.Context(), docspace.OperationsQuery{Limit: 5}) {
		if last != nil {
			t.Error("there is something after the error")
		}
		if last = err; err == nil {
			seen++
		}
	}
	diff(t, "seen", seen, 10)
	if !errors.Is(last, docspace.ErrNotFound) {
		t.Errorf("it ends with %v", last)
	}
	portal = &growing{count: 20}
	for range once(t, inMemory(portal.ServeHTTP)).AllOperations(t.Context(), docspace.OperationsQuery{Limit: 5}) {
		break
	}
	diff(t, "requests", portal.requests, 1)
	for range once(t, saying(200, nothing)).AllOperations(t.Context(), docspace.OperationsQuery{}) {
		t.Error("an operation of nobody")
	}
}

// What a portal leaves untold is no end of the list.
func TestAllOperationsMissThoseThatThePortalStopsTelling(t *testing.T) {
	portal, seen := &growing{count: 20}, 0
	var last error
	client := once(t, inMemory(func(w http.ResponseWriter, r *http.Request) {
		if portal.requests == 2 {
			fmt.Fprint(w, nothing)
			return
		}
		portal.ServeHTTP(w, r)
	}))
	for _, err := range client.AllOperations(t.Context(), docspace.OperationsQuery{Limit: 5}) {
		if last = err; err == nil {
			seen++
		}
	}
	diff(t, "seen", seen, 10)
	if !errors.Is(last, docspace.ErrMalformed) {
		t.Errorf("it ends with %v", last)
	}
}
