// Replies are written by appending bytes: a head office answers thousands of lines a second.

package pos

import (
	"bytes"
	"encoding/xml"
	"errors"
	"strconv"
	"time"
)

// fault is an answer that refuses.
type fault struct {
	code      string
	text      string
	retryable bool
}

func (f *fault) Error() string { return f.code + ": " + f.text }

func appendEnvelope(b []byte, messageID string, now time.Time) []byte {
	b = append(b, xml.Header+`<Envelope version="1"><Header><MessageId>`...)
	b = appendEscaped(b, messageID)
	b = appendTime(append(b, `</MessageId><SentAt>`...), now)
	return append(b, `</SentAt></Header><Body>`...)
}

func appendEnvelopeEnd(b []byte) []byte { return append(b, `</Body></Envelope>`...) }

func appendFault(b []byte, err error) []byte {
	f := &fault{code: "INTERNAL", text: err.Error()}
	_ = errors.As(err, &f)
	b = appendEscaped(append(b, `<Fault code="`...), f.code)
	b = strconv.AppendBool(append(b, `" retryable="`...), f.retryable)
	b = appendEscaped(append(b, `">`...), f.text)
	return append(b, `</Fault>`...)
}

func appendCounter(b []byte, location string, c counter) []byte {
	b = appendEscaped(append(b, `<Counter location="`...), location)
	b = appendEscaped(append(b, `" sku="`...), c.sku)
	b = strconv.AppendInt(append(b, `" net="`...), c.net, 10)
	b = strconv.AppendUint(append(b, `" seq="`...), c.seq, 10)
	return append(b, `"/>`...)
}

func appendHeartbeat(b []byte, h heartbeat) []byte {
	b = appendEscaped(append(b, `<Heartbeat location="`...), h.location)
	b = appendTime(append(b, `" at="`...), h.at)
	b = strconv.AppendUint(append(b, `" lastSeq="`...), h.seq, 10)
	b = strconv.AppendInt(append(b, `" pickQueue="`...), int64(h.pickQueue), 10)
	return append(b, `"/>`...)
}

func appendSnapshot(b []byte, beat heartbeat, counters []counter) []byte {
	b = appendEscaped(append(b, `<CounterSnapshotReply location="`...), beat.location)
	b = strconv.AppendUint(append(b, `" seq="`...), beat.seq, 10)
	b = appendTime(append(b, `" asOf="`...), beat.at)
	b = append(b, `">`...)
	for _, c := range counters {
		b = appendCounter(b, beat.location, c)
	}
	return append(b, `</CounterSnapshotReply>`...)
}

func appendTransaction(b []byte, e *entry) []byte {
	b = appendEscaped(append(b, `<Transaction location="`...), e.location)
	b = strconv.AppendUint(append(b, `" seq="`...), e.seq, 10)
	b = appendTime(append(b, `" at="`...), e.at)
	b = append(append(b, `" kind="`...), e.kind...)
	b = append(b, `">`...)
	for _, l := range e.lines {
		b = appendEscaped(append(b, `<Line sku="`...), l.sku)
		b = strconv.AppendInt(append(b, `" quantity="`...), int64(l.quantity), 10)
		b = strconv.AppendInt(append(b, `" net="`...), l.net, 10)
		b = append(b, `"/>`...)
	}
	return append(b, `</Transaction>`...)
}

// appendPrices leaves out what has no price.
func appendPrices(b []byte, asOf time.Time, currency string, skus []string, prices map[string]string) []byte {
	b = appendTime(append(b, `<PriceInquiryReply asOf="`...), asOf)
	b = appendEscaped(append(b, `" currency="`...), currency)
	b = append(b, `">`...)
	for _, sku := range skus {
		if amount, ok := prices[sku]; ok {
			b = appendEscaped(append(b, `<Price sku="`...), sku)
			b = appendEscaped(append(b, `" amount="`...), amount)
			b = append(b, `"/>`...)
		}
	}
	return append(b, `</PriceInquiryReply>`...)
}

func appendAccepted(b []byte, n int) []byte {
	b = strconv.AppendInt(append(b, `<TransactionUploadReply accepted="`...), int64(n), 10)
	return append(b, `"/>`...)
}

func appendTime(b []byte, t time.Time) []byte { return t.UTC().AppendFormat(b, time.RFC3339Nano) }

func appendEscaped(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '&' || c == '<' || c == '>' || c == '"' || c == '\'' {
			escaped := bytes.NewBuffer(b)
			_ = xml.EscapeText(escaped, []byte(s)) // a buffer never fails
			return escaped.Bytes()
		}
	}
	return append(b, s...)
}
