package faults

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strconv"
	"time"
)

// Middleware applies the faults of the transport to an HTTP backend: down, latency and error rate before the backend
// works, lost replies, garbage, truncate and drip afterwards, in this order. fail writes a fault in the backend's own form.
// The backend has done its work when its reply is spoiled, as in real life.
func (b *Board) Middleware(fail http.HandlerFunc) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			state := b.Get()
			if Pause(r.Context(), state.Latency()) != nil || state.Down {
				panic(http.ErrAbortHandler) // net/http's way to close the connection unanswered
			}
			if b.Share(state.ErrorRate) {
				fail(w, r)
				return
			}
			if b.Share(state.LoseReplies) {
				next.ServeHTTP(&recording{header: http.Header{}}, r)
				panic(http.ErrAbortHandler)
			}
			if !state.Garbage && !state.Truncate && state.DripBytesPerSecond == 0 {
				next.ServeHTTP(w, r)
				return
			}
			reply := &recording{header: w.Header(), status: http.StatusOK}
			next.ServeHTTP(reply, r)
			b.spoil(r.Context(), w, reply, state)
		})
	}
}

func (b *Board) spoil(ctx context.Context, w http.ResponseWriter, reply *recording, state State) {
	body := reply.body.Bytes()
	if state.Garbage {
		body, reply.status = b.garbage(len(body)), http.StatusOK
	}
	if len(body) > 0 {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(reply.status)
	sent := body
	if state.Truncate {
		sent = body[:len(body)/2]
	}
	err := drip(ctx, w, sent, state.DripBytesPerSecond)
	if err != nil || len(sent) < len(body) {
		_ = http.NewResponseController(w).Flush() // the half must be on its way before the connection closes
		panic(http.ErrAbortHandler)
	}
}

// garbage begins with a zero byte, which neither XML nor JSON allows.
func (b *Board) garbage(size int) []byte {
	out := make([]byte, min(max(size, 16), 4096))
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range out[1:] {
		out[1+i] = byte(b.chance.Uint32())
	}
	return out
}

// drip writes body at the given pace, in steps of a tenth of a second or of one byte.
func drip(ctx context.Context, w http.ResponseWriter, body []byte, bytesPerSecond int) error {
	if bytesPerSecond == 0 {
		_, err := w.Write(body)
		return err
	}
	step := max(1, bytesPerSecond/10)
	pause := time.Duration(step) * time.Second / time.Duration(bytesPerSecond)
	flusher := http.NewResponseController(w)
	for rest := bytes.NewReader(body); rest.Len() > 0; {
		if err := Pause(ctx, pause); err != nil {
			return err
		}
		if _, err := io.CopyN(w, rest, int64(min(step, rest.Len()))); err != nil {
			return err
		}
		if err := flusher.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// recording keeps a reply until it is spoiled.
type recording struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recording) Header() http.Header         { return r.header }
func (r *recording) WriteHeader(status int)      { r.status = status }
func (r *recording) Write(p []byte) (int, error) { return r.body.Write(p) }
