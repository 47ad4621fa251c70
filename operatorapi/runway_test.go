package operatorapi_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/money"
)

func TestRunway(t *testing.T) {
	h := newHouse(t, setup{})
	q := request{method: "GET", path: "/v1/portals/acme/runway"}
	h.do(q).expect(200).is(`{"portal":"acme","runways":[{"currency":"USD","available":"100.00","historyDays":0,"known":false,"scheduled":[]}]}`)
	for n := range 15 {
		h.clock.Move(24 * time.Hour)
		_, err := h.service.CarryOne(t.Context(), billing.Order{PortalID: acme, Key: fmt.Sprint("day", n), What: billing.Charge{
			Service: "backup", Quantity: 1, Amount: money.FromUnits(2*money.Scale, "USD"), Participant: "nightly",
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	h.do(q).expect(200).is(`{"portal":"acme","runways":[{"currency":"USD","available":"70.00","historyDays":14,"known":true,` +
		`"weekly":{"pessimistic":"14.00","likely":"14.00","optimistic":"14.00"},"alone":{"pessimistic":35,"likely":35,"optimistic":35},` +
		`"refilled":false,"emptyAt":"2026-08-27T11:39:43.123456Z","scheduled":[]}]}`)
	h.do(request{method: "GET", path: "/v1/portals/nobody/runway"}).expect(404)
}
