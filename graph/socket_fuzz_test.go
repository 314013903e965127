package graph_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/portico-retail/portico/graph"
)

// FuzzSocketMessage: what the strict reader takes, encoding/json reads the same way; no payload is taken further than its end.
func FuzzSocketMessage(f *testing.F) {
	for _, seed := range []string{
		`{"type":"connection_init","payload":{"Authorization":"Bearer x"}}`, `{"id":"1","type":"subscribe","payload":{"query":"{a}"}}`,
		`{"id":"\u0031","type":"complete"}`, `{"type":"ping","payload":[{"a":"}"},"]",null]}`, `{"payload":-1.5e+3 ,"type":"pong"}`, ` {} `, `{"payload":{]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		id, kind, payload, ok := graph.ReadMessage(text)
		if !ok || payload != nil && !json.Valid(payload) { // the payload is for its own reader to refuse
			return
		}
		var want struct {
			ID      string          `json:"id"`
			Type    string          `json:"type"`
			Payload json.RawMessage `json:"payload"`
		}
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if id != want.ID || kind != want.Type || !bytes.Equal(bytes.TrimSpace(payload), want.Payload) {
			t.Errorf("%q: got %q %q %s, want %+v", text, id, kind, payload, want)
		}
	})
}

// FuzzForwarded: whatever a client writes, the address is one that the proxy has written, or the proxy itself.
func FuzzForwarded(f *testing.F) {
	for _, seed := range []string{"", "1.1.1.1", `for="[::1]:1";proto=https`, `for=a;x="b, c`, "10.0.0.1, ", "for=1.1.1.1\\,"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, own string) {
		for name, added := range map[string]string{"X-Forwarded-For": "198.51.100.1", "Forwarded": "for=198.51.100.1"} {
			got := cameFrom(t, []string{"10.0.0.0/8"}, func(r *http.Request) {
				r.RemoteAddr = "10.0.0.1:1"
				r.Header[name] = []string{own + ", " + added}
			})
			if got.addr != "198.51.100.1" && got.addr != "10.0.0.1" {
				t.Errorf("%s %q: got %v", name, own, got)
			}
		}
	})
}
