package upstream_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/portico-retail/portico/integrations/upstream"
)

func newClient(t *testing.T, h http.HandlerFunc) *upstream.Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	c := upstream.NewClient(upstream.HTTPConfig{URL: server.URL + "/base", MaxBodyBytes: 1000}, 4)
	t.Cleanup(c.Close)
	return c
}

func TestSend(t *testing.T) {
	c := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, hasKey := r.Header["Idempotency-Key"]
		if r.URL.Path != "/base/a" || r.URL.RawQuery != "q=1" || string(body) != "hello" || hasKey ||
			r.Header.Get("Accept-Encoding") != "" {
			t.Errorf("unexpected request %s %s %q %v", r.Method, r.URL, body, r.Header)
		}
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, "short and stout")
	})
	res, err := c.Send(t.Context(), upstream.Request{
		Method: http.MethodPost, Path: "/a", Query: map[string][]string{"q": {"1"}}, Body: []byte("hello"),
	})
	if err != nil || res.Status != http.StatusTeapot || string(res.Body) != "short and stout" {
		t.Errorf("Send = %+v, %v", res, err)
	}
}

func TestSendRefusesWhatNobodyAskedFor(t *testing.T) {
	var bomb bytes.Buffer
	zip := gzip.NewWriter(&bomb)
	_, _ = zip.Write(make([]byte, 1<<20))
	_ = zip.Close()
	for name, h := range map[string]http.HandlerFunc{
		"a body above the cap": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, strings.Repeat("x", 1001))
		},
		"a body above the cap without a length": func(w http.ResponseWriter, _ *http.Request) {
			w.(http.Flusher).Flush()
			_, _ = io.WriteString(w, strings.Repeat("x", 1001))
		},
		"a compressed body": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(bomb.Bytes()[:500])
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := newClient(t, h).Send(t.Context(), upstream.Request{Method: http.MethodGet, Path: "/"})
			if !errors.Is(err, upstream.ErrBadAnswer) {
				t.Errorf("err = %v, want ErrBadAnswer", err)
			}
		})
	}
}

func TestARequestMayLowerTheCap(t *testing.T) {
	c := newClient(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strings.Repeat("x", 500)) })
	for lower, want := range map[int64]error{0: nil, 500: nil, 499: upstream.ErrBadAnswer, 5000: nil} {
		_, err := c.Send(t.Context(), upstream.Request{Method: http.MethodGet, Path: "/", MaxBodyBytes: lower})
		if !errors.Is(err, want) {
			t.Errorf("a body of 500 bytes under a cap of %d: %v, want %v", lower, err, want)
		}
	}
}

func TestSendDoesNotFollowRedirects(t *testing.T) {
	c := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/base/from" {
			t.Errorf("followed to %s", r.URL)
		}
		http.Redirect(w, r, "/to", http.StatusFound)
	})
	res, err := c.Send(t.Context(), upstream.Request{Method: http.MethodGet, Path: "/from"})
	if err != nil || res.Status != http.StatusFound {
		t.Errorf("Send = %v, %v, want the redirect itself", res, err)
	}
}

func TestSendFailsOnABrokenOrSlowAnswer(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"cut off": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "half")
		},
		"never ending": func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "half")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		},
		"huge header": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Huge", strings.Repeat("x", 200<<10))
		},
		"no answer": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			_, err := newClient(t, h).Send(ctx, upstream.Request{Method: http.MethodGet, Path: "/"})
			if err == nil || errors.Is(err, upstream.ErrBadAnswer) {
				t.Errorf("err = %v, want a transport error", err)
			}
		})
	}
}

func TestHTTPConfig(t *testing.T) {
	for url, ok := range map[string]bool{
		"http://pos.internal:8080": true, "https://shop.example/base": true,
		"": false, "pos.internal:8080": false, "ftp://pos": false, "http://": false, "http://pos?x=1": false,
	} {
		if err := (upstream.HTTPConfig{URL: url}).Validate(); (err == nil) != ok {
			t.Errorf("URL %q: %v", url, err)
		}
	}
	if err := (upstream.HTTPConfig{URL: "http://pos", MaxBodyBytes: -1}).Validate(); err == nil {
		t.Error("a negative cap was accepted")
	}
}
