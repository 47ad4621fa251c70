package export

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/money"
)

// parquetRow is a row as Parquet has it. Texts are null where there is nothing to say.
type parquetRow struct {
	Portal          string     `parquet:"portal,dict"`
	Date            string     `parquet:"date,optional"` // in the portal's zone
	DateUTC         *time.Time `parquet:"date_utc,timestamp(microsecond)"`
	Offset          string     `parquet:"utc_offset,optional,dict"`
	Type            string     `parquet:"type,dict"`
	Service         string     `parquet:"service,optional,dict"`
	Description     string     `parquet:"description,optional,dict"`
	Details         string     `parquet:"details,optional,dict"`
	Quantity        int64      `parquet:"quantity"`
	Unit            string     `parquet:"unit,optional,dict"`
	Credit          decimal    `parquet:"credit,decimal(8:38)"`
	Debit           decimal    `parquet:"debit,decimal(8:38)"`
	Amount          decimal    `parquet:"amount,decimal(8:38)"`
	Currency        string     `parquet:"currency,optional,dict"`
	Participant     string     `parquet:"participant,optional,dict"`
	ParticipantName string     `parquet:"participant_name,optional,dict"`
	AgentID         string     `parquet:"agent_id,optional,dict"`
	AgentTitle      string     `parquet:"agent_title,optional,dict"`
}

// decimal is a DECIMAL(38, 8): a whole number of hundred-millionths, the highest byte
// first, as readers of 128-bit decimals have it. The nineteen digits of an amount are
// one too many for eight bytes.
type decimal [16]byte

func decimalOf(a money.Amount) (d decimal) {
	binary.BigEndian.PutUint64(d[8:], uint64(a.Units()))
	if a.Sign() < 0 {
		binary.BigEndian.PutUint64(d[:8], ^uint64(0))
	}
	return d
}

// rowGroup is how many rows are kept in memory, and stand together in the file.
const rowGroup = 10_000

// writeParquet writes rows in groups.
func writeParquet(w io.Writer, rows iter.Seq2[Row, error]) error {
	out := parquet.NewGenericWriter[parquetRow](w, parquet.Compression(&parquet.Snappy), parquet.CreatedBy("bursar", "", ""))
	n := 0
	for row, err := range rows {
		if err == nil {
			_, err = out.Write([]parquetRow{parquetOf(row)})
		}
		if n++; err == nil && n%rowGroup == 0 {
			err = out.Flush()
		}
		if err != nil {
			return fmt.Errorf("write Parquet: %w", errors.Join(err))
		}
	}
	return out.Close()
}

func parquetOf(row Row) parquetRow {
	o := row.Operation
	r := parquetRow{
		Portal: row.Portal, Date: dateText(o.Date.Time), Offset: offsetText(o.Date.Time), Type: string(o.Type), Service: o.Service,
		Description: o.Description, Details: o.Details, Quantity: o.Quantity, Unit: o.ServiceUnit,
		Credit: decimalOf(o.Credit), Debit: decimalOf(o.Debit), Amount: decimalOf(fleet.Change(o)), Currency: string(currencyOf(o)),
		Participant: o.ParticipantName, ParticipantName: o.ParticipantDisplayName, AgentID: o.AgentID, AgentTitle: o.AgentTitle,
	}
	if !o.Date.IsZero() {
		at := o.Date.UTC()
		r.DateUTC = &at
	}
	return r
}
