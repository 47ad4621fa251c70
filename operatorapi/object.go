package operatorapi

import (
	"net/http"
	"strconv"
	"time"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
)

// object is a JSON object that is being written, member by member.
type object struct{ b []byte }

func newObject(size int) *object { return &object{append(make([]byte, 0, size), '{')} }

// name begins a member, whose name is a constant.
func (o *object) name(name string) {
	if o.b[len(o.b)-1] != '{' {
		o.b = append(o.b, ',')
	}
	o.b = append(append(append(o.b, '"'), name...), '"', ':')
}

func (o *object) text(name, value string) {
	o.name(name)
	o.b = appendText(o.b, value)
}

// some writes a text unless it is "", which stands for none.
func (o *object) some(name, value string) {
	if value != "" {
		o.text(name, value)
	}
}

func (o *object) number(name string, n int64) {
	o.name(name)
	o.b = strconv.AppendInt(o.b, n, 10)
}

func (o *object) boolean(name string, is bool) {
	o.name(name)
	o.b = strconv.AppendBool(o.b, is)
}

// moment writes a moment unless it is the zero Time.
func (o *object) moment(name string, at time.Time) {
	if !at.IsZero() {
		o.name(name)
		o.b = appendTime(o.b, at)
	}
}

// decimal writes an amount without its currency.
func (o *object) decimal(name string, a money.Amount) {
	o.name(name)
	o.b = append(a.AppendDecimal(append(o.b, '"')), '"')
}

// sum writes an amount with its currency.
func (o *object) sum(a money.Amount) {
	o.decimal("amount", a)
	o.text("currency", string(a.Currency()))
}

// metadata writes the texts that are kept with something, which are JSON already.
func (o *object) metadata(m ledger.Metadata) {
	if m != "" {
		o.name("metadata")
		o.b = append(o.b, m...)
	}
}

// texts writes a list of texts.
func (o *object) texts(name string, all []string) {
	o.list(name, len(all), func(i int) { o.b = appendText(o.b, all[i]) })
}

// list writes n elements.
func (o *object) list(name string, n int, element func(i int)) {
	o.name(name)
	o.b = append(o.b, '[')
	for i := range n {
		if i > 0 {
			o.b = append(o.b, ',')
		}
		element(i)
	}
	o.b = append(o.b, ']')
}

// inner writes an object as a member, or with "" as an element of a list.
func (o *object) inner(name string, fill func()) {
	if name != "" {
		o.name(name)
	}
	o.b = append(o.b, '{')
	fill()
	o.b = append(o.b, '}')
}

// end returns the object.
func (o *object) end() []byte { return append(o.b, '}') }

// write answers with the object.
func (o *object) write(w http.ResponseWriter, status int) { writeJSON(w, status, typeJSON, o.end()) }

// writeNothing answers what has nothing to say but that it is done.
func writeNothing(w http.ResponseWriter) {
	h := w.Header()
	h["Cache-Control"] = noStore
	h["X-Content-Type-Options"] = noSniff
	w.WriteHeader(http.StatusNoContent)
}
