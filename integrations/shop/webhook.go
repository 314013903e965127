package shop

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	// signatureHeader is the header that carries t=<unix>,v1=<hex>.
	signatureHeader = "Shop-Signature"
	// signatureTolerance is how far the time of sending may be from ours, either way.
	signatureTolerance = 5 * time.Minute
	// maxEventBytes bounds the body of an event.
	maxEventBytes = 64 << 10
)

// Event says that something about an order is worth asking the shop about. It never says how the thing stands.
type Event struct {
	ID          string // the same for every repetition
	Kind        EventKind
	OrderNumber string // empty for what the shop remembers without an order
	Reference   string // of the payment, refund, delivery or return; of an order, its id
}

// EventKind is what an event is about.
type EventKind string

// Event kinds.
const (
	EventOrder    EventKind = "ORDER"
	EventPayment  EventKind = "PAYMENT" // also of refunds
	EventDelivery EventKind = "DELIVERY"
	EventReturn   EventKind = "RETURN"
)

type eventMessage struct {
	ID        string `json:"id"`
	Kind      string `json:"kind"`
	Order     string `json:"order"`
	Reference string `json:"reference"`
}

// Webhooks receives the shop's events. It answers 200 once notify has stored an event, 503 when it could not, so that the
// shop repeats it, 204 to a kind that is not known, 401 to a signature that is wrong or more than 5 minutes off, and 400, 405,
// 413 or 415 to what is no event. Nothing of a request is ever sent back. It panics when secret is empty.
func Webhooks(secret []byte, now func() time.Time, notify func(ctx context.Context, e Event) error) http.Handler {
	if len(secret) == 0 {
		panic("shop: the secret of the webhooks is empty")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status := receive(w, r, secret, now, notify)
		if status == http.StatusMethodNotAllowed {
			w.Header().Set("Allow", http.MethodPost)
		}
		w.WriteHeader(status)
	})
}

func receive(
	w http.ResponseWriter, r *http.Request, secret []byte, now func() time.Time, notify func(context.Context, Event) error,
) (status int) {
	if r.Method != http.MethodPost {
		return http.StatusMethodNotAllowed
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return http.StatusUnsupportedMediaType
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxEventBytes))
	if err != nil {
		if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
			return http.StatusRequestEntityTooLarge
		}
		return http.StatusBadRequest
	}
	signatures := r.Header.Values(signatureHeader)
	if len(signatures) != 1 || !signed(signatures[0], secret, body, now()) {
		return http.StatusUnauthorized
	}
	e, ok := decodeEvent(body)
	if !ok {
		return http.StatusBadRequest
	}
	switch e.Kind {
	case EventOrder, EventPayment, EventDelivery, EventReturn:
	default:
		return http.StatusNoContent
	}
	if notify(r.Context(), e) != nil {
		return http.StatusServiceUnavailable
	}
	return http.StatusOK
}

// signed checks the signature over the time of sending and the body.
func signed(header string, secret, body []byte, now time.Time) bool {
	at, sum, ok := strings.Cut(header, ",")
	at, hasTime := strings.CutPrefix(at, "t=")
	sum, hasSum := strings.CutPrefix(sum, "v1=")
	got, err := hex.DecodeString(sum)
	seconds, perr := strconv.ParseInt(at, 10, 64)
	if !ok || !hasTime || !hasSum || err != nil || perr != nil || len(header) > 200 {
		return false
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(at + "."))
	mac.Write(body)
	if !hmac.Equal(got, mac.Sum(nil)) {
		return false
	}
	off := now.Unix() - seconds // both are the secret holder's or ours: no overflow to fear after the check above
	return off <= int64(signatureTolerance/time.Second) && -off <= int64(signatureTolerance/time.Second)
}

// decodeEvent reads an event; ok is false when it is none.
func decodeEvent(body []byte) (e Event, ok bool) {
	var m eventMessage
	if decode(body, &m) != nil {
		return e, false
	}
	e = Event{ID: m.ID, Kind: EventKind(m.Kind), OrderNumber: m.Order, Reference: m.Reference}
	return e, isName(m.ID) && m.Kind != "" && (m.Order == "" || isName(m.Order)) && (m.Reference == "" || isName(m.Reference))
}
