package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// socketAttack is a script of messages of one WebSocket, n of them or one of that size.
type socketAttack struct {
	name, from string
	early      bool // before connection_init
	kind       websocket.MessageType
	say        func(n int) []string
}

func socketAttacks() []socketAttack {
	const protocol = "graphql-transport-ws"
	subscribe := func(id, query string) string {
		return `{"type":"subscribe","id":"` + id + `","payload":{"query":` + inJSON(query) + `}}`
	}
	each := func(format string) func(int) []string {
		return func(n int) []string { return strings.Split(strings.TrimSuffix(written(n, format+"\n"), "\n"), "\n") }
	}
	one := func(f func(n int) string) func(int) []string { return func(n int) []string { return []string{f(n)} } }
	return []socketAttack{
		{name: "operations before the start", from: protocol, early: true, say: each(subscribe("%d", "{__typename}"))},
		{name: "starts again and again", from: protocol, say: each(`{"type":"connection_init"}`)},
		{name: "a start with tokens that are none", from: "jwt_tool", early: true, say: one(func(n int) string {
			return `{"type":"connection_init","payload":{"Authorization":"Bearer ` + marker + strings.Repeat(".", n) + `"}}`
		})},
		{name: "a start that nests", from: overflow, early: true, say: one(func(n int) string {
			return `{"type":"connection_init","payload":{"` + marker + `":` + nest(n, "[", "", "]") + `}}`
		})},
		{name: "one id again and again", from: protocol, say: each(subscribe("1", "subscription{orderChanged(id:1){id}}"))},
		{name: "subscriptions by the hundred", from: api4, say: each(subscribe("%d", "subscription{orderChanged(id:1){id}}"))},
		{name: "queries by the hundred", from: api4, say: each(subscribe("%d", `{stockCheck(skus:["10000018"]){items{sku}}}`))},
		{name: "guesses by the hundred", from: swigger, say: each(subscribe("%d",
			`mutation{memberVerificationSend(input:{phone:"13800100000"},idempotencyKey:"%[1]d"){userErrors{code}}}`))},
		{name: "ends of what was not begun", from: protocol, say: each(`{"type":"complete","id":"%d"}`)},
		{name: "pings by the hundred", from: api4, say: each(`{"type":"ping","payload":{"a":"` + marker + `"}}`)},
		{name: "pongs by the hundred", from: api4, say: each(`{"type":"pong"}`)},
		{name: "messages of another protocol", from: "subscriptions-transport-ws", say: each(`{"type":"start","id":"%d","payload":{"query":"{a}"}}`)},
		{name: "a message without end", from: api4, say: one(func(n int) string { return `{"type":"ping","payload":"` + strings.Repeat("a", 1000*n) + marker + `"}` })},
		{name: "an id without end", from: api4, say: one(func(n int) string { return subscribe(strings.Repeat("a", n+127)+marker, "{__typename}") })},
		{name: "a message that nests", from: overflow, say: one(func(n int) string { return `{"type":"ping","payload":` + strings.Repeat("[", 500*n) })},
		{name: "a document that nests", from: overflow, say: one(func(n int) string { return subscribe("1", strings.Repeat("{a", 20*n)) })},
		{name: "fragments of twice the next", from: apollo, say: one(func(n int) string { return subscribe("1", bomb(min(n+10, 400))) })},
		{name: "binary messages", from: protocol, kind: websocket.MessageBinary, say: each(`{"type":"ping"}`)},
		{name: "no JSON", from: protocol, say: each(marker + "%d")},
	}
}

// play says everything on a new socket, asks for one last thing and listens until that is answered or refused, or the socket ends.
func (r *target) play(t *testing.T, a socketAttack, n int, token string) (heard []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	w := r.dial(t, nil)
	defer func() { _ = w.CloseNow() }()
	script := a.say(n)
	if !a.early {
		start := `{"type":"connection_init"}`
		if token != "" {
			start = `{"type":"connection_init","payload":{"Authorization":"Bearer ` + token + `"}}`
		}
		script = append([]string{start}, script...)
	}
	said := make(chan struct{})
	go func() {
		defer close(said)
		for i, text := range append(script, `{"id":"last","type":"subscribe","payload":{"query":"{__typename}"}}`) {
			kind := websocket.MessageText
			if a.kind != 0 && i > 0 {
				kind = a.kind
			}
			if w.Write(ctx, kind, []byte(text)) != nil {
				return // it was closed
			}
		}
	}()
	for {
		_, text, err := w.Read(ctx)
		last := strings.Contains(string(text), `"complete","id":"last"`) || strings.Contains(string(text), `"error","id":"last"`)
		if err != nil || last {
			if err != nil && ctx.Err() != nil {
				t.Errorf("%s × %d: neither an answer nor an end", a.name, n)
			}
			cancel()
			<-said
			return heard
		}
		heard = append(heard, string(text))
	}
}

func TestNoSocketIsWorthItsMessages(t *testing.T) {
	r := newTarget(t)
	who := r.attackers(t)
	for _, a := range socketAttacks() {
		t.Run(a.name, func(t *testing.T) {
			for _, n := range []int{1, 20, 150} {
				for _, caller := range []string{"nobody", "a guest"} {
					// Many messages are many requests: each may take a tenth of what one alone may.
					most := bounds()
					most.cpu += time.Duration(n) * most.cpu / 10
					most.bytes += uint64(n) * most.bytes / 10
					took := medianOf(most, func() {
						for _, text := range r.play(t, a, n, who[caller]) {
							if strings.Contains(text, marker) {
								t.Errorf("× %d by %s repeats what was sent: %.200s", n, caller, text)
							}
						}
					})
					if !took.within(most) {
						t.Errorf("× %d by %s takes %v of CPU and allocates %d KB", n, caller, took.cpu, took.bytes>>10)
					}
				}
			}
			r.connect(t, "").subscribe(t, fmt.Sprint(1), "{__typename}", nil)
		})
	}
}
