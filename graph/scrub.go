package graph

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"

	"github.com/portico-retail/portico/retail"
)

// ScrubHandler returns a handler that takes personal data out of what it passes on to next: the personal values of the request
// that a line belongs to, and whatever retail.Scrub finds. Keys stay as they are: the program writes them.
func ScrubHandler(next slog.Handler) slog.Handler { return &scrubHandler{next} }

type scrubHandler struct{ next slog.Handler }

func (s *scrubHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return s.next.Enabled(ctx, level)
}

func (s *scrubHandler) Handle(ctx context.Context, r slog.Record) error {
	clean := scrubberOf(ctx)
	out := slog.NewRecord(r.Time, r.Level, clean(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		out.AddAttrs(scrubAttr(clean, a, 0))
		return true
	})
	return s.next.Handle(ctx, out)
}

func (s *scrubHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	clean := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		clean[i] = scrubAttr(retail.Scrub, a, 0)
	}
	return &scrubHandler{s.next.WithAttrs(clean)}
}

func (s *scrubHandler) WithGroup(name string) slog.Handler {
	return &scrubHandler{s.next.WithGroup(name)}
}

// maxGroups bounds groups within groups.
const maxGroups = 8

func scrubAttr(clean func(string) string, a slog.Attr, depth int) slog.Attr {
	v := a.Value.Resolve()
	switch v.Kind() {
	case slog.KindBool, slog.KindDuration, slog.KindTime, slog.KindFloat64:
	case slog.KindInt64, slog.KindUint64:
		if text := v.String(); clean(text) != text {
			v = slog.StringValue(retail.Scrubbed)
		}
	case slog.KindGroup:
		if depth >= maxGroups {
			return slog.String(a.Key, retail.Scrubbed)
		}
		group := v.Group()
		list := make([]slog.Attr, len(group))
		for i, inner := range group {
			list[i] = scrubAttr(clean, inner, depth+1)
		}
		v = slog.GroupValue(list...)
	case slog.KindString:
		v = slog.StringValue(clean(v.String()))
	default:
		v = slog.StringValue(clean(logText(v.Any())))
	}
	return slog.Attr{Key: a.Key, Value: v}
}

// logText writes a value as the handlers of log/slog would. A value that cannot be written says so and no more.
func logText(v any) (text string) {
	defer func() {
		if recover() != nil {
			text = "(a value that cannot be written)"
		}
	}()
	switch v := v.(type) {
	case nil:
		return "null"
	case error:
		return v.Error()
	case fmt.Stringer:
		return v.String()
	case []byte:
		return string(v)
	}
	if encoded, err := json.Marshal(v); err == nil {
		return string(encoded)
	}
	return fmt.Sprintf("%+v", v)
}
