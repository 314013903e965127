package graph

import (
	"encoding/json"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/portico-retail/portico/graph/scalar"
	"github.com/portico-retail/portico/retail"
)

var responseBuffers = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

// writeResult sends the response of an executed operation: errors first, as the specification advises, then the data
// as the executor wrote it.
func writeResult(w http.ResponseWriter, media string, res *result, now time.Time) error {
	buf, _ := responseBuffers.Get().(*[]byte)
	defer responseBuffers.Put(buf)
	b, head := appendAround((*buf)[:0], res, now)
	*buf = b

	data := res.data
	if data == nil {
		data = null
	}
	setHeaders(w.Header(), media, len(b)+len(data))
	w.WriteHeader(http.StatusOK)
	for _, part := range [...][]byte{b[:head], data, b[head:]} {
		if _, err := w.Write(part); err != nil {
			return err // the client is gone
		}
	}
	return nil
}

// appendAround appends what a result has around its data, which belongs before the byte at head.
func appendAround(b []byte, res *result, now time.Time) (around []byte, head int) {
	b = append(b, '{')
	if len(res.errs) > 0 {
		b = append(appendErrors(b, res.errs), ',')
	}
	b = append(b, `"data":`...)
	head = len(b)
	b = appendExtensions(b, res, now)
	return append(b, '}'), head
}

var null = []byte("null")

// writeRefusal sends the response of a request that was not executed; it has no data entry.
func writeRefusal(w http.ResponseWriter, media string, no *refusal) {
	status := no.status
	if no.understood && media == mediaJSON && status < http.StatusInternalServerError {
		status = http.StatusOK // clients of plain JSON read any other status as a fault of something on the way
	}
	body := append(appendErrors([]byte{'{'}, no.errs), '}')
	h := w.Header()
	setHeaders(h, media, len(body))
	if no.allow != "" {
		h.Set("Allow", no.allow)
	}
	if no.retryAfter != "" {
		h.Set("Retry-After", no.retryAfter)
	}
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

func setHeaders(h http.Header, media string, length int) {
	h["Content-Type"] = contentTypes[media]
	h["Content-Length"] = []string{strconv.Itoa(length)}
	h["Cache-Control"] = noStore
	h["X-Content-Type-Options"] = noSniff
	if len(h["Vary"]) == 0 {
		h["Vary"] = varyAccept
	} else {
		h.Add("Vary", "Accept")
	}
}

// Header values are shared: net/http reads them only.
var (
	contentTypes = map[string][]string{
		mediaGraphQL: {mediaGraphQL + "; charset=utf-8"},
		mediaJSON:    {mediaJSON + "; charset=utf-8"},
	}
	noStore    = []string{"no-store"}
	noSniff    = []string{"nosniff"}
	varyAccept = []string{"Accept"}
)

func appendErrors(b []byte, errs gqlerror.List) []byte {
	encoded, err := json.Marshal(errs)
	if err != nil { // impossible: the presenter makes errors of strings and numbers
		encoded = []byte(`[{"message":"internal error","extensions":{"code":"INTERNAL"}}]`)
	}
	return append(append(b, `"errors":`...), encoded...)
}

// appendExtensions appends `extensions`, when there are any: `cost`, and `sources` with one entry per system of record
// involved.
func appendExtensions(b []byte, res *result, now time.Time) []byte {
	if res.spent == nil && len(res.sources) == 0 {
		return b
	}
	b = append(b, `,"extensions":{`...)
	if res.spent != nil {
		b = res.spent.append(append(b, `"cost":`...))
	}
	for i, r := range res.sources {
		switch {
		case i > 0:
			b = append(b, ',')
		case res.spent != nil:
			b = append(b, `,"sources":[`...)
		default:
			b = append(b, `"sources":[`...)
		}
		b = appendSource(b, &r, now)
	}
	if len(res.sources) > 0 {
		b = append(b, ']')
	}
	return append(b, '}')
}

func appendSource(b []byte, r *retail.SourceReport, now time.Time) []byte {
	b = append(append(b, `{"source":"`...), r.Source...)
	b = append(append(b, `","status":"`...), r.Status...)
	b = append(b, `","asOf":`...)
	if r.AsOf.IsZero() {
		b = append(b, `null,"ageSeconds":null`...)
	} else {
		age := retail.FreshnessAt(r.AsOf, now, r.Source, "").AgeSeconds
		b = scalar.AppendDateTime(b, r.AsOf)
		b = strconv.AppendInt(append(b, `,"ageSeconds":`...), int64(*age), 10)
	}
	b = strconv.AppendInt(append(b, `,"calls":`...), int64(r.Calls), 10)
	b = strconv.AppendInt(append(b, `,"tookMs":`...), r.Took.Milliseconds(), 10)
	b = append(b, `,"code":`...)
	if r.Code == "" {
		return append(b, `null}`...)
	}
	return append(append(append(b, '"'), r.Code...), `"}`...)
}
