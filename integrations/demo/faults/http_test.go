package faults_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/portico-retail/portico/integrations/demo/faults"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const reply = `{"hello":"world"}`

type backend struct {
	*httptest.Server
	board *faults.Board
	calls atomic.Int64
}

func startBackend(t *testing.T) *backend {
	t.Helper()
	b := &backend{board: faults.NewBoard(1)}
	work := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		b.calls.Add(1)
		_, _ = io.WriteString(w, reply)
	})
	fail := func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "busy", http.StatusServiceUnavailable) }
	mux := http.NewServeMux()
	mux.Handle("/admin/faults", faults.Admin(b.board))
	mux.Handle("/", b.board.Middleware(fail)(work))
	b.Server = httptest.NewServer(mux)
	t.Cleanup(b.Close)
	return b
}

func (b *backend) get(ctx context.Context, t *testing.T) (int, string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := b.Client().Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return res.StatusCode, string(body), err
}

func (b *backend) mustSet(t *testing.T, s faults.State) {
	t.Helper()
	if err := b.board.Set(s); err != nil {
		t.Fatal(err)
	}
}

func TestHealthyBackendAnswers(t *testing.T) {
	b := startBackend(t)
	if status, body, err := b.get(t.Context(), t); status != 200 || body != reply || err != nil {
		t.Errorf("got %d %q %v", status, body, err)
	}
}

func TestDownClosesTheConnectionUnanswered(t *testing.T) {
	b := startBackend(t)
	b.mustSet(t, faults.State{Down: true})
	if _, _, err := b.get(t.Context(), t); !errors.Is(err, io.EOF) {
		t.Errorf("error = %v, want EOF", err)
	}
	if b.calls.Load() != 0 {
		t.Error("the backend worked while it was down")
	}
	b.mustSet(t, faults.State{})
	if status, _, err := b.get(t.Context(), t); status != 200 || err != nil {
		t.Errorf("after recovery: %d %v", status, err)
	}
}

func TestErrorRateAnswersThatShareWithTheBackendsFault(t *testing.T) {
	b := startBackend(t)
	b.mustSet(t, faults.State{ErrorRate: 0.5})
	failed := 0
	for range 200 {
		status, body, err := b.get(t.Context(), t)
		switch {
		case err != nil:
			t.Fatal(err)
		case status == http.StatusServiceUnavailable && body == "busy\n":
			failed++
		case status != 200 || body != reply:
			t.Fatalf("got %d %q", status, body)
		}
	}
	if failed < 70 || failed > 130 {
		t.Errorf("%d of 200 failed at a rate of one half", failed)
	}
}

func TestLatencyEndsWithTheRequest(t *testing.T) {
	b := startBackend(t)
	b.mustSet(t, faults.State{LatencyMs: 60_000})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, _, err := b.get(ctx, t); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error = %v, want the deadline", err)
	}
	b.mustSet(t, faults.State{LatencyMs: 20})
	start := time.Now()
	if _, body, err := b.get(t.Context(), t); body != reply || err != nil || time.Since(start) < 20*time.Millisecond {
		t.Errorf("got %q %v after %v, want the reply after 20ms", body, err, time.Since(start))
	}
}

func TestTruncateSendsHalfAndBreaksOff(t *testing.T) {
	b := startBackend(t)
	b.mustSet(t, faults.State{Truncate: true})
	_, body, err := b.get(t.Context(), t)
	if !errors.Is(err, io.ErrUnexpectedEOF) || body != reply[:len(reply)/2] {
		t.Errorf("got %q %v, want half the reply and an unexpected end", body, err)
	}
}

func TestGarbageIsNoReply(t *testing.T) {
	b := startBackend(t)
	b.mustSet(t, faults.State{Garbage: true})
	status, body, err := b.get(t.Context(), t)
	if status != 200 || err != nil || len(body) < 16 || json.Valid([]byte(body)) {
		t.Errorf("got %d %q %v, want bytes that are no JSON", status, body, err)
	}
	if b.calls.Load() != 1 {
		t.Error("the backend did not work before its reply was spoiled")
	}
}

func TestALostReplyIsWorkDoneAndNothingHeard(t *testing.T) {
	b := startBackend(t)
	b.mustSet(t, faults.State{LoseReplies: 1})
	if _, body, err := b.get(t.Context(), t); !errors.Is(err, io.EOF) || body != "" {
		t.Errorf("got %q %v, want EOF", body, err)
	}
	if b.calls.Load() != 1 {
		t.Errorf("the backend worked %d times, want once", b.calls.Load())
	}
	b.mustSet(t, faults.State{LoseReplies: 0.5})
	lost := 0
	for range 200 {
		if _, _, err := b.get(t.Context(), t); err != nil {
			lost++
		}
	}
	if lost < 70 || lost > 130 || b.calls.Load() != 201 {
		t.Errorf("%d of 200 replies were lost at a rate of one half, %d calls", lost, b.calls.Load())
	}
}

func TestDripKeepsItsPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board := faults.NewBoard(1)
		if err := board.Set(faults.State{DripBytesPerSecond: 100}); err != nil {
			t.Fatal(err)
		}
		want := strings.Repeat("x", 1000)
		handler := board.Middleware(nil)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, want)
		}))
		w := httptest.NewRecorder()
		start := time.Now()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil).WithContext(t.Context()))
		if took := time.Since(start); took != 10*time.Second {
			t.Errorf("1000 bytes at 100 bytes a second took %v", took)
		}
		if got := w.Body.String(); got != want {
			t.Errorf("got %d bytes, want all 1000", len(got))
		}
	})
}

func TestDripReachesARealClientWhole(t *testing.T) {
	b := startBackend(t)
	b.mustSet(t, faults.State{DripBytesPerSecond: 400})
	start := time.Now()
	_, body, err := b.get(t.Context(), t)
	if body != reply || err != nil {
		t.Errorf("got %q %v", body, err)
	}
	if took := time.Since(start); took < 30*time.Millisecond {
		t.Errorf("17 bytes at 400 a second took only %v", took)
	}
}

func TestAdmin(t *testing.T) {
	b := startBackend(t)
	do := func(method, body string) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, b.URL+"/admin/faults", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		res, err := b.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		got, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(bytes.TrimSpace(got))
	}
	const healthy = `{"down":false,"latencyMs":0,"errorRate":0,"dripBytesPerSecond":0,"truncate":false,` +
		`"garbage":false,"stale":false,"duplicate":0,"reorder":false,"delayMs":0,"loseReplies":0}`
	if status, body := do(http.MethodGet, ""); status != 200 || body != healthy {
		t.Errorf("GET = %d %s", status, body)
	}
	const troubled = `{"down":true,"latencyMs":5,"errorRate":0.5,"dripBytesPerSecond":9,"truncate":true,` +
		`"garbage":true,"stale":true,"duplicate":0.25,"reorder":true,"delayMs":70,"loseReplies":0.75}`
	if status, body := do(http.MethodPut, troubled); status != 200 || body != troubled {
		t.Errorf("PUT = %d %s", status, body)
	}
	for name, bad := range map[string]string{
		"an unknown field":       `{"broken":true}`,
		"a wrong type":           `{"down":"yes"}`,
		"a value out of range":   `{"errorRate":3}`,
		"something that follows": `{} {}`,
		"null":                   `null`,
		"an empty body":          ``,
		"a body beyond 4 KiB":    `{"down":true` + strings.Repeat(" ", 5000) + `}`,
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			if status, body := do(http.MethodPut, bad); status != http.StatusBadRequest {
				t.Errorf("PUT = %d %s", status, body)
			}
			if _, body := do(http.MethodGet, ""); body != troubled {
				t.Errorf("state = %s, want it unchanged", body)
			}
		})
	}
	if status, _ := do(http.MethodDelete, ""); status != http.StatusMethodNotAllowed {
		t.Errorf("DELETE = %d", status)
	}
	if status, body := do(http.MethodPut, `{"latencyMs":1}`); status != 200 || b.board.Get() != (faults.State{LatencyMs: 1}) {
		t.Errorf("PUT of one switch = %d %s, want the others off", status, body)
	}
}
