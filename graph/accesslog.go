package graph

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/portico-retail/portico/auth"
)

// entry is one line of the access log. The handler fills in the operation and how it ended; the query text and its
// variables, which may hold personal data, never get here.
type entry struct {
	operation string
	document  string // id of a trusted document
	kind      string
	role      auth.Role
	code      string // of the first error
	reason    string // why a token was not accepted
}

type entryKey struct{}

// noteOperation puts the executed operation into the access log.
func noteOperation(ctx context.Context, op *ast.OperationDefinition) {
	if e, ok := ctx.Value(entryKey{}).(*entry); ok {
		e.operation, e.kind, e.role = clip(op.Name), string(op.Operation), auth.PrincipalOf(ctx).Role
	}
}

// noteDocument puts the id of the executed document into the access log; it is empty for one of no manifest.
func noteDocument(ctx context.Context, id string) {
	if e, ok := ctx.Value(entryKey{}).(*entry); ok {
		e.document = id
	}
}

// noteErrors puts the code of the first error into the access log: most errors travel with status 200.
func noteErrors(ctx context.Context, errs gqlerror.List) {
	if e, ok := ctx.Value(entryKey{}).(*entry); ok && len(errs) > 0 {
		e.code, _ = errs[0].Extensions["code"].(string)
	}
}

// noteToken puts the reason why a token was not accepted into the access log; the client does not learn it.
func noteToken(ctx context.Context, err error) {
	if e, ok := ctx.Value(entryKey{}).(*entry); ok {
		e.reason = clip(err.Error())
	}
}

// noteReason puts into the access log how a socket ended.
func noteReason(ctx context.Context, reason string) {
	if e, ok := ctx.Value(entryKey{}).(*entry); ok && e.reason == "" {
		e.reason = clip(reason)
	}
}

// withEntry gives an operation a line of its own in the access log; write writes it.
func withEntry(ctx context.Context) (context.Context, *entry) {
	e := new(entry)
	return context.WithValue(ctx, entryKey{}, e), e
}

// withAccessLog logs every request when it is answered.
func withAccessLog(log *slog.Logger, now func() time.Time, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := now()
		seen := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		ctx, e := withEntry(r.Context())
		defer func() {
			level := slog.LevelInfo
			if e.kind == "" && e.code == "" && seen.status < http.StatusBadRequest && seen.status != http.StatusSwitchingProtocols {
				level = slog.LevelDebug // probes and the query page
			}
			e.write(ctx, log, level, r, seen.bytes, now().Sub(started), slog.Int("status", seen.status))
		}()
		next.ServeHTTP(seen, r.WithContext(ctx))
	})
}

// write writes the line of a request, or of an operation that came over the socket which the request opened.
func (e *entry) write(
	ctx context.Context, log *slog.Logger, level slog.Level, r *http.Request, bytes int64, took time.Duration, more ...slog.Attr,
) {
	if !log.Enabled(ctx, level) {
		return
	}
	line := append([]slog.Attr{
		slog.String("request", RequestID(ctx)),
		slog.String("client", truncated(ClientAddress(ctx))),
		slog.String("method", clip(r.Method)), slog.String("path", clip(r.URL.Path)),
		slog.Int64("bytes", bytes),
		slog.Duration("took", took),
		slog.String("kind", e.kind), slog.String("operation", e.operation),
		slog.String("role", string(e.role)),
	}, more...)
	for _, optional := range [...]struct{ key, value string }{{"document", e.document}, {"code", e.code}, {"reason", e.reason}} {
		if optional.value != "" {
			line = append(line, slog.String(optional.key, optional.value))
		}
	}
	log.LogAttrs(ctx, level, "request", line...)
}

// statusWriter remembers what was answered.
type statusWriter struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(b []byte) (int, error) {
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
