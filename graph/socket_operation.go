package graph

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"sync"

	"github.com/vektah/gqlparser/v2/gqlerror"
)

// subscribe starts an operation.
func (x *socket) subscribe(ctx context.Context, m message) bool {
	if m.id == "" || m.payload == nil {
		return x.bad()
	}
	if !x.stillKnown(ctx) {
		return false
	}
	x.mu.Lock()
	asker := x.asker
	_, twice := x.operations[m.id]
	full := x.alive >= x.config.Operations
	if asker == nil || twice || full {
		x.mu.Unlock()
		switch {
		case asker == nil:
			x.end(closeNotYet, "Unauthorized")
		case twice:
			x.end(closeTwiceID, "Subscriber already exists")
		default:
			return x.send(ctx, errorMessage(m.id, gqlerror.List{limitError("socketOperations", x.config.Operations)}))
		}
		return false
	}
	ctx, cancel := context.WithCancel(asker) //nolint:contextcheck // it is the socket's own, with who asks
	op := &running{id: m.id, payload: m.payload, cancel: cancel}
	x.operations[m.id] = op
	x.alive++
	x.active.Go(func() {
		defer x.gone()
		defer cancel()
		x.operate(ctx, op)
	})
	x.mu.Unlock()
	return true
}

// gone counts an operation out.
func (x *socket) gone() {
	x.mu.Lock()
	x.alive--
	x.idleSince = x.now()
	x.mu.Unlock()
	select {
	case x.changed <- struct{}{}:
	default:
	}
}

// complete ends an operation that the client wants no more of.
func (x *socket) complete(id string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if op, ok := x.operations[id]; ok {
		op.cancel()
		delete(x.operations, id)
	}
}

// forget takes an operation off the list and reports whether the client still waits for it.
func (x *socket) forget(op *running) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.operations[op.id] != op {
		return false
	}
	delete(x.operations, op.id)
	return true
}

// operate executes an operation and sends what comes of it.
func (x *socket) operate(ctx context.Context, op *running) {
	h := x.handler
	ctx, line := withEntry(ctx)
	started, sent, out := x.now(), int64(0), outcomeRefused
	h.metrics.inFlight.Inc()
	defer func() {
		h.metrics.inFlight.Dec()
		h.metrics.observe(out, x.now().Sub(started))
		line.write(ctx, x.log, slog.LevelInfo, x.request, sent, x.now().Sub(started))
	}()
	select {
	case x.working <- struct{}{}:
	case <-ctx.Done():
		out = outcomeCancelled
		return
	}
	free := sync.OnceFunc(func() { <-x.working })
	defer free()
	res, no := x.ask(ctx, op.take())
	if no != nil {
		x.refuse(ctx, op, no)
		return
	}
	tell := func(res *result) bool {
		noteErrors(ctx, res.errs)
		out = outcomeOf(ctx, res)
		text := nextMessage(op.id, res, x.now())
		if !x.waits(op) || !x.send(ctx, text) {
			out = outcomeCancelled
			return false
		}
		sent += int64(len(text))
		return true
	}
	if res.events == nil {
		if tell(res) && x.forget(op) {
			x.send(ctx, completeMessage(op.id))
		}
		return
	}
	free()
	x.mu.Lock()
	op.streams = true
	x.mu.Unlock()
	out = outcomeOK
	if no := x.stream(ctx, res, tell); no != nil {
		out = outcomeRefused
		x.refuse(ctx, op, no)
		return
	}
	if x.forget(op) {
		x.send(ctx, completeMessage(op.id))
	}
}

// refuse ends an operation with an error. What HTTP says in the header Retry-After is an extension of the error here.
func (x *socket) refuse(ctx context.Context, op *running, no *refusal) {
	x.handler.metrics.refuse(no)
	noteErrors(ctx, no.errs)
	if seconds, err := strconv.Atoi(no.retryAfter); err == nil && len(no.errs) > 0 {
		no.errs[0].Extensions["retryAfter"] = seconds
	}
	if x.forget(op) {
		x.send(ctx, errorMessage(op.id, no.errs))
	}
}

// stream tells event after event for as long as the token counts and the client can pay.
func (x *socket) stream(ctx context.Context, res *result, tell func(*result) bool) *refusal {
	select {
	case <-x.draining:
		return nil
	default:
	}
	for event := res.events(); event != nil; event = res.events() {
		if !x.stillKnown(ctx) {
			return nil
		}
		if event.refused != nil {
			return event.refused
		}
		if !tell(event) {
			return nil
		}
		x.metrics.events.Inc()
	}
	return nil
}

// waits reports whether the client still waits for an operation.
func (x *socket) waits(op *running) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.operations[op.id] == op
}

// ask takes an operation the way that every request takes.
func (x *socket) ask(ctx context.Context, payload []byte) (res *result, no *refusal) {
	h := x.handler
	defer func() {
		if v := recover(); v != nil {
			res, no = nil, refuse(http.StatusInternalServerError, h.errors.present(ctx, h.errors.recovered(ctx, v)))
		}
	}()
	return h.take(ctx, call{header: x.request.Header, streams: true}, func() (*request, int, *refusal) {
		req, no := decodeRequest(payload, h.classes.limits(ctx))
		return req, len(payload), no
	})
}
