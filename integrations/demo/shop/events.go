// Events go to one address, signed, at least once: each is repeated with growing pauses until it is answered with 2xx.
// The queue is bounded; the oldest gives way.

package shop

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

const (
	maxEvents     = 10_000
	sendTimeout   = 5 * time.Second
	firstPause    = 200 * time.Millisecond
	longestPause  = 30 * time.Second
	kindOrder     = "ORDER"
	kindPayment   = "PAYMENT"
	kindDelivery  = "DELIVERY"
	kindReturn    = "RETURN"
	signatureName = "Shop-Signature"
)

type event struct {
	ID        string    `json:"id"`
	Kind      string    `json:"kind"`
	Order     string    `json:"order"`
	Reference string    `json:"reference"`
	At        time.Time `json:"at"`

	copies int // still to be delivered
	tries  int
	due    time.Time
}

type events struct {
	client  *http.Client
	sending sync.Mutex // one sender at a time
	woken   chan struct{}

	mu      sync.Mutex
	url     string // empty while nobody listens
	secret  []byte
	run     string // no two runs of a shop use one id: receivers remember them for long
	seq     int
	waiting []*event // oldest first
}

func newEvents(now time.Time) *events {
	return &events{
		run:   "e-" + strconv.FormatInt(now.UnixMilli(), 36) + "-",
		woken: make(chan struct{}, 1),
		client: &http.Client{
			Timeout:       sendTimeout,
			Transport:     &http.Transport{DisableKeepAlives: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// SetWebhook sets where events go and the secret that signs them. While url is empty, events are dropped.
func (s *Server) SetWebhook(url string, secret []byte) {
	e := s.events
	e.mu.Lock()
	defer e.mu.Unlock()
	e.url, e.secret = url, bytes.Clone(secret)
	if url == "" {
		e.waiting = nil
	}
}

// emit queues an event to be delivered copies times.
func (e *events) emit(kind, order, reference string, at time.Time, copies int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.url == "" {
		return
	}
	e.seq++
	if len(e.waiting) >= maxEvents {
		e.waiting = e.waiting[1:]
	}
	e.waiting = append(e.waiting, &event{
		ID: e.run + strconv.Itoa(e.seq), Kind: kind, Order: order, Reference: reference, At: at.UTC(), copies: copies, due: at,
	})
	wake(e.woken)
}

// send tries every event that is due once.
func (e *events) send(ctx context.Context, now func() time.Time) {
	e.sending.Lock()
	defer e.sending.Unlock()
	defer e.sweep()
	for _, each := range e.due(now()) {
		for each.copies > 0 && e.deliver(ctx, each, now()) {
			each.copies--
		}
		if ctx.Err() != nil {
			return
		}
		if each.copies > 0 {
			e.putOff(each, now())
		}
	}
}

// due lists the events to be tried now; only the sender changes their fields.
func (e *events) due(now time.Time) []*event {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []*event
	for _, each := range e.waiting {
		if !each.due.After(now) {
			out = append(out, each)
		}
	}
	return out
}

func (e *events) putOff(each *event, now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	each.due = now.Add(min(longestPause, firstPause<<min(each.tries, 10)))
	each.tries++
}

// sweep lets go of what is delivered.
func (e *events) sweep() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.waiting = slices.DeleteFunc(slices.Clone(e.waiting), func(each *event) bool { return each.copies == 0 })
}

func (e *events) nap(now time.Time) time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	nap := longestNap
	for _, each := range e.waiting {
		nap = min(nap, each.due.Sub(now))
	}
	return nap
}

func (e *events) deliver(ctx context.Context, each *event, now time.Time) bool {
	e.mu.Lock()
	url, secret := e.url, e.secret
	e.mu.Unlock()
	body, err := json.Marshal(each)
	if err != nil || url == "" { // an event always marshals
		return false
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return false
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(signatureName, signature(secret, now, body))
	res, err := e.client.Do(req)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	return res.StatusCode/100 == 2
}

func signature(secret []byte, now time.Time, body []byte) string {
	at := strconv.FormatInt(now.Unix(), 10)
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(at + "."))
	mac.Write(body)
	return "t=" + at + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}
