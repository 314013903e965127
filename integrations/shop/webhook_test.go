package shop_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/portico-retail/portico/integrations/demo/faults"
	"github.com/portico-retail/portico/integrations/shop"
)

const (
	goodEvent = `{"id":"e-1","kind":"PAYMENT","order":"P1","reference":"p/1","at":"2026-11-22T12:00:00Z","more":1}`
	marker    = "marker" // in bodies, to find them in answers
)

// post is one request to the receiver.
type post struct {
	method    string
	kind      string
	signature []string
	body      string
	away      bool // the ledger
}

// resigned sends another body, signed well.
func resigned(body string) func(*post) {
	return func(p *post) { p.body, p.signature = body, []string{sign(hookSecret, noon, body)} }
}

func sign(secret string, at time.Time, body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	_, _ = fmt.Fprintf(mac, "%d.%s", at.Unix(), body)
	return fmt.Sprintf("t=%d,v1=%s", at.Unix(), hex.EncodeToString(mac.Sum(nil)))
}

func TestWebhooksTakeSignedEventsOnly(t *testing.T) {
	good := sign(hookSecret, noon, goodEvent)
	for name, tc := range map[string]struct {
		change func(p *post)
		status int
	}{
		"a good one":                {func(*post) {}, 200},
		"with a charset":            {func(p *post) { p.kind = "application/json; charset=utf-8" }, 200},
		"sent 5 minutes ago":        {func(p *post) { p.signature = []string{sign(hookSecret, noon.Add(-5*time.Minute), goodEvent)} }, 200},
		"sent in 5 minutes":         {func(p *post) { p.signature = []string{sign(hookSecret, noon.Add(5*time.Minute), goodEvent)} }, 200},
		"without an order":          {resigned(`{"id":"e-1","kind":"PAYMENT","order":"","reference":"p-1"}`), 200},
		"of a kind that is to come": {resigned(`{"id":"e-1","kind":"WEATHER"}`), 204},
		"when the ledger is away":   {func(p *post) { p.away = true }, 503},
		"replayed after 5 minutes": {func(p *post) {
			p.signature = []string{sign(hookSecret, noon.Add(-5*time.Minute-time.Second), goodEvent)}
		}, 401},
		"from the future": {func(p *post) {
			p.signature = []string{sign(hookSecret, noon.Add(5*time.Minute+time.Second), goodEvent)}
		}, 401},
		"from the beginning of time":       {func(p *post) { p.signature = []string{sign(hookSecret, time.Unix(-1<<62, 0), goodEvent)} }, 401},
		"with another secret":              {func(p *post) { p.signature = []string{sign("guessed", noon, goodEvent)} }, 401},
		"with a changed body":              {func(p *post) { p.body = strings.Replace(p.body, "P1", "P2", 1) }, 401},
		"with a changed time":              {func(p *post) { p.signature[0] = strings.Replace(good, "t=1", "t=2", 1) }, 401},
		"unsigned":                         {func(p *post) { p.signature = nil }, 401},
		"signed twice":                     {func(p *post) { p.signature = []string{good, good} }, 401},
		"with half a signature":            {func(p *post) { p.signature[0] = good[:len(good)-2] }, 401},
		"with an empty signature":          {func(p *post) { p.signature[0] = fmt.Sprintf("t=%d,v1=", noon.Unix()) }, 401},
		"with a signature of no hex":       {func(p *post) { p.signature[0] = fmt.Sprintf("t=%d,v1=zz", noon.Unix()) }, 401},
		"with the parts the other way":     {func(p *post) { at, sum, _ := strings.Cut(good, ","); p.signature[0] = sum + "," + at }, 401},
		"with a huge signature":            {func(p *post) { p.signature[0] = good + strings.Repeat("0", 5000) }, 401},
		"by GET":                           {func(p *post) { p.method = http.MethodGet }, 405},
		"as a form":                        {func(p *post) { p.kind = "application/x-www-form-urlencoded" }, 415},
		"as nothing":                       {func(p *post) { p.kind = "" }, 415},
		"of 64 KiB":                        {resigned(goodEvent + strings.Repeat(" ", 64<<10-len(goodEvent))), 200},
		"of more than 64 KiB":              {resigned(goodEvent + strings.Repeat(" ", 64<<10-len(goodEvent)+1)), 413},
		"that is no JSON":                  {resigned(marker), 400},
		"that is empty":                    {resigned(``), 400},
		"that is null":                     {resigned(`null`), 400},
		"followed by something":            {resigned(goodEvent + `{}`), 400},
		"without an id":                    {resigned(`{"kind":"PAYMENT","order":"P1","reference":"p"}`), 400},
		"without a kind":                   {resigned(`{"id":"e-1","order":"P1","reference":"p"}`), 400},
		"with an id of another type":       {resigned(`{"id":1,"kind":"PAYMENT","order":"P1"}`), 400},
		"with a hostile order":             {resigned(`{"id":"e-1","kind":"PAYMENT","order":"P1\n` + marker + `"}`), 400},
		"with a reference beyond measure":  {resigned(`{"id":"e-1","kind":"PAYMENT","reference":"` + strings.Repeat("x", 129) + `"}`), 400},
		"with an id that is no plain text": {resigned(`{"id":"é","kind":"PAYMENT"}`), 400},
	} {
		t.Run(name, func(t *testing.T) {
			p := post{http.MethodPost, "application/json", []string{good}, goodEvent, false}
			tc.change(&p)
			var got []shop.Event
			handler := shop.Webhooks([]byte(hookSecret), func() time.Time { return noon }, func(_ context.Context, e shop.Event) error {
				got = append(got, e)
				if p.away {
					return errors.New(marker)
				}
				return nil
			})
			r := httptest.NewRequest(p.method, "/", strings.NewReader(p.body))
			r.Header.Set("Content-Type", p.kind)
			r.Header["Shop-Signature"] = p.signature
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			if w.Code != tc.status || w.Body.Len() != 0 {
				t.Errorf("status %d, body %.40q, want %d and no body", w.Code, w.Body, tc.status)
			}
			if told := len(got); (told == 1) != (tc.status == 200 || tc.status == 503) {
				t.Errorf("the gateway was told %d times", told)
			}
			if w.Code == 200 && (got[0].ID != "e-1" || got[0].Kind != shop.EventPayment) {
				t.Errorf("event = %+v", got[0])
			}
			if w.Code == 405 && w.Header().Get("Allow") != http.MethodPost {
				t.Errorf("Allow = %q", w.Header().Get("Allow"))
			}
		})
	}
}

func TestAnEventIsRepeatedUntilItIsStored(t *testing.T) {
	s := openSite(t)
	s.refuse = 3
	s.mustPlace(t, "P1")
	tries := func() int { // so far
		if got := s.heard(t); len(got) != 0 {
			t.Fatalf("stored too early: %q", got)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		return 3 - s.refuse
	}
	if got := tries(); got != 1 {
		t.Errorf("%d tries at once", got)
	}
	for i, pause := range []time.Duration{200 * time.Millisecond, 400 * time.Millisecond} {
		s.pass(pause - time.Millisecond)
		if got := tries(); got != i+1 {
			t.Errorf("%d tries before the pause of %v is over", got, pause)
		}
		s.pass(time.Millisecond)
		if got := tries(); got != i+2 {
			t.Errorf("%d tries after the pause of %v", got, pause)
		}
	}
	s.pass(800 * time.Millisecond)
	if got := s.heard(t); !slices.Equal(got, []string{"ORDER o-p1"}) {
		t.Errorf("stored in the end: %q", got)
	}
	s.pass(time.Hour)
	if got := s.heard(t); len(got) != 0 {
		t.Errorf("stored again: %q", got)
	}
}

func TestAStaleShopStandsStill(t *testing.T) {
	s := openSite(t)
	o := s.mustPlace(t, "P1")
	s.faulty(t, faults.State{Stale: true})
	if p := s.mustPay(t, o, "p-1", "slow"); p.Status != "PENDING" {
		t.Fatal(p)
	}
	s.pass(time.Hour)
	if got := s.heard(t); len(got) != 0 {
		t.Errorf("a stale shop said %q", got)
	}
	if p, err := s.Payment(t.Context(), "p-1"); err != nil || p.Status != "PENDING" {
		t.Errorf("a stale shop settled: %+v, %v", p, err)
	}
	s.faulty(t, faults.State{})
	if got := s.heard(t); !slices.Equal(got, []string{"ORDER o-p1", "PAYMENT p-1"}) {
		t.Errorf("afterwards: %q", got)
	}
}

// FuzzWebhooks sends well-signed bodies: whatever they hold, the answer is empty and the gateway is told of events only.
func FuzzWebhooks(f *testing.F) {
	for _, body := range []string{
		goodEvent, ``, `null`, `[]`, `{}`, `{"id":"e-1","kind":"RETURN"}`, `{"id":"e-1","kind":"ORDER","order":" "}`, goodEvent + `x`, "\x00",
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		told := 0
		handler := shop.Webhooks([]byte(hookSecret), func() time.Time { return noon }, func(_ context.Context, e shop.Event) error {
			told++
			for _, text := range []string{e.ID, e.OrderNumber, e.Reference} {
				if len(text) > 128 || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
					t.Errorf("told of %q", text)
				}
			}
			if e.ID == "" || e.Kind == "" {
				t.Errorf("told of %+v", e)
			}
			return nil
		})
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Shop-Signature", sign(hookSecret, noon, body))
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Body.Len() != 0 || (told == 1) != (w.Code == 200) || !slices.Contains([]int{200, 204, 400, 413}, w.Code) {
			t.Errorf("status %d, told %d times, body %q", w.Code, told, w.Body)
		}
	})
}
