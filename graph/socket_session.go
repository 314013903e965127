package graph

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/time/rate"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/retail"
)

// socket is one open WebSocket. One goroutine reads, each operation has its own, one keeps the time, and whoever has something to
// say writes it: nothing is queued, so a client that does not read holds what it has not read in its own operations.
type socket struct {
	*Sockets

	conn    *websocket.Conn
	raw     net.Conn
	request *http.Request // the upgrade; its context is the socket's
	guard   func(http.Handler) http.Handler
	limiter *rate.Limiter // of messages

	working chan struct{}  // operations that are executed
	active  sync.WaitGroup // goroutines of operations
	changed chan struct{}  // an operation has ended
	ending  chan struct{}  // closed when the socket is to end
	once    sync.Once      // of the end
	code    websocket.StatusCode
	reason  string

	mu         sync.Mutex
	asker      context.Context //nolint:containedctx // nil until connection_init; carries who asks and is that of every operation
	leave      func()          // gives back the principal's place; nil until connection_init
	operations map[string]*running
	alive      int // goroutines of operations, those of completed ones included
	idleSince  time.Time
}

// running is an operation in flight.
type running struct {
	id      string
	payload []byte // until it is read: a subscription may last for hours
	cancel  context.CancelFunc
	streams bool // guarded by the socket's mutex
}

// take gives away the payload.
func (r *running) take() []byte {
	payload := r.payload
	r.payload = nil
	return payload
}

// run serves the socket until it ends.
func (x *socket) run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	var own sync.WaitGroup
	own.Go(func() { x.keep(ctx) })
	own.Go(func() { x.ping(ctx) })
	if x.conn.Subprotocol() == subprotocol {
		x.read(ctx)
	} else {
		x.end(closeSubprotocol, "Subprotocol not acceptable")
	}
	x.end(-1, "") // the client closed, or vanished
	own.Wait()
	cancel()
	x.active.Wait()
	if x.leave != nil {
		x.leave()
	}
}

// end lets the socket end with a close code, -1 without one. The first to say so decides.
func (x *socket) end(code websocket.StatusCode, reason string) {
	x.once.Do(func() {
		x.code, x.reason = code, reason
		close(x.ending)
	})
}

// keep watches the time: the first message, the token, idleness, the drain. It is also the one that closes.
func (x *socket) keep(ctx context.Context) {
	initLate := time.AfterFunc(x.config.Init, func() {
		if x.principal() == nil {
			x.end(closeInitLate, "Connection initialisation timeout")
		}
	})
	defer initLate.Stop()
	look := time.NewTicker(x.config.Recheck)
	defer look.Stop()
	draining := x.draining
	for {
		select {
		case <-x.ending:
			x.close()
			return
		case <-ctx.Done():
			x.end(-1, "")
		case <-look.C:
			x.look(ctx)
		case <-draining:
			draining = nil
			x.cancelAll(true)
			x.drained()
		case <-x.changed:
			x.drained()
		}
	}
}

// look ends a socket whose token does not count any more, or that nobody uses.
func (x *socket) look(ctx context.Context) {
	if x.stillKnown(ctx) && x.idle() {
		x.end(websocket.StatusNormalClosure, "idle")
	}
}

// stillKnown reports whether the token still counts, and ends the socket when not.
func (x *socket) stillKnown(ctx context.Context) bool {
	p := x.principal()
	switch {
	case p == nil || !p.Known():
	case !p.Expires.IsZero() && !x.now().Before(p.Expires):
		x.end(closeForbidden, "the token has expired")
		return false
	case x.recheck == nil:
	default:
		err := x.recheck(ctx, *p)
		if retail.CodeOf(err) == retail.CodeUpstreamUnavailable {
			x.end(websocket.StatusTryAgainLater, "the token cannot be checked at the moment")
			return false
		}
		if err != nil {
			x.end(closeForbidden, "the token does not count any more")
			return false
		}
	}
	return true
}

func (x *socket) idle() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.alive == 0 && x.now().Sub(x.idleSince) >= x.config.Idle
}

// principal is who asks; nil before connection_init.
func (x *socket) principal() *auth.Principal {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.asker == nil {
		return nil
	}
	p := auth.PrincipalOf(x.asker)
	return &p
}

// drained ends a socket of a gateway that drains as soon as nothing is in flight.
func (x *socket) drained() {
	select {
	case <-x.draining:
	default:
		return
	}
	x.mu.Lock()
	alive := x.alive
	x.mu.Unlock()
	if alive == 0 {
		x.end(websocket.StatusGoingAway, "the gateway is going away")
	}
}

// cancelAll cancels operations, or only subscriptions.
func (x *socket) cancelAll(onlySubscriptions bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, op := range x.operations {
		if op.streams || !onlySubscriptions {
			op.cancel()
		}
	}
}

// close cancels what is in flight and closes the connection. A client that does not close its side in time is cut off.
func (x *socket) close() {
	x.cancelAll(false)
	if x.code == -1 {
		x.code = websocket.StatusAbnormalClosure
		_ = x.raw.Close()
		_ = x.conn.CloseNow()
		return
	}
	cut := time.AfterFunc(x.config.Close, func() { _ = x.raw.Close() })
	defer cut.Stop()
	_ = x.conn.Close(x.code, x.reason) // whatever fails, the connection is closed
}

// ping asks the client again and again whether it is there.
func (x *socket) ping(ctx context.Context) {
	tick := time.NewTicker(x.config.Ping)
	defer tick.Stop()
	for {
		select {
		case <-x.ending:
			return
		case <-tick.C:
		}
		pong, cancel := context.WithTimeout(ctx, x.config.Pong)
		err := x.conn.Ping(pong)
		cancel()
		if err != nil {
			x.end(-1, "")
			return
		}
	}
}

// read takes the client's messages until there are no more.
func (x *socket) read(ctx context.Context) {
	for {
		if x.limiter.Wait(ctx) != nil {
			return
		}
		kind, text, err := x.conn.Read(ctx)
		switch {
		case errors.Is(err, websocket.ErrMessageTooBig):
			x.end(websocket.StatusMessageTooBig, "a message is too big")
			return
		case websocket.CloseStatus(err) != -1:
			x.end(websocket.StatusNormalClosure, "closed by the client")
			return
		case err != nil:
			return
		case kind != websocket.MessageText:
			x.end(websocket.StatusUnsupportedData, "messages are text")
			return
		}
		if !x.take(ctx, text) {
			return
		}
	}
}

// take obeys one message; false ends the socket.
func (x *socket) take(ctx context.Context, text []byte) bool {
	m, err := readMessage(text)
	if err != nil {
		return x.bad()
	}
	switch m.kind {
	case "connection_init":
		return x.init(ctx, m.payload)
	case "ping":
		return x.send(ctx, pongMessage)
	case "pong":
		return true
	case "subscribe":
		return x.subscribe(ctx, m)
	case "complete":
		x.complete(m.id)
		return true
	}
	return x.bad()
}

func (x *socket) bad() bool {
	x.end(closeBadMessage, "Invalid message")
	return false
}

// init finds out who asks: by the token of the upgrade, or the one in the payload. A token that is bound to a key comes with the
// upgrade, where its proof is.
func (x *socket) init(ctx context.Context, payload []byte) bool {
	if x.principal() != nil {
		x.end(closeTwiceInit, "Too many initialisation requests")
		return false
	}
	credentials, given, err := authorization(payload, &x.handler.limits)
	switch {
	case err != nil:
		return x.bad()
	case given && x.request.Header.Get("Authorization") != "":
		x.end(closeBadMessage, "the token is given twice")
		return false
	case given:
		if ctx = x.authenticate(ctx, credentials); ctx == nil {
			x.end(closeForbidden, "Forbidden")
			return false
		}
	}
	leave, ok := x.enterAs(auth.PrincipalOf(ctx))
	if !ok {
		x.end(websocket.StatusTryAgainLater, "too many sockets")
		return false
	}
	x.mu.Lock()
	x.asker, x.leave = ctx, leave
	x.mu.Unlock()
	if !x.stillKnown(ctx) {
		return false
	}
	return x.send(ctx, ackMessage)
}

// authenticate puts the credentials before the same guard as those of a request; nil when they are refused.
func (x *socket) authenticate(ctx context.Context, credentials string) (known context.Context) {
	r := x.request.Clone(ctx)
	r.Header.Del("DPoP")
	r.Header.Set("Authorization", credentials)
	x.guard(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { known = r.Context() })).ServeHTTP(discard{http.Header{}}, r)
	return known
}

// discard is where the guard's words of refusal go; the close code says as much.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}

// send writes one message; false, and the socket ends, when the client does not take it in time.
func (x *socket) send(ctx context.Context, text []byte) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), x.config.Write) // half a message would end the socket
	defer cancel()
	if err := x.conn.Write(ctx, websocket.MessageText, text); err != nil {
		x.end(-1, "")
		return false
	}
	return true
}
