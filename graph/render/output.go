package render

import (
	"bytes"
	"context"
	"io"
	"reflect"
	"sync"
)

// output is the JSON written so far and what one rendering remembers.
type output struct {
	ctx  context.Context //nolint:containedctx // lives for one rendering, which is one call
	args []reflect.Value // the context, for methods that take one
	buf  []byte
	most int // bytes that buf may have
	memo map[memoKey]span
}

// memoKey is an object already rendered by a plan; span is where its JSON lies.
type memoKey struct {
	plan   *object
	object uintptr
}

type span struct{ from, to int }

var outputs = sync.Pool{New: func() any { return &output{memo: map[memoKey]span{}, args: make([]reflect.Value, 1)} }}

func newOutput(ctx context.Context, most int) *output {
	out, _ := outputs.Get().(*output)
	out.ctx, out.most, out.buf = ctx, most, out.buf[:0]
	out.args[0] = reflect.ValueOf(&out.ctx).Elem() // of the interface's own type, which a call takes as it is
	return out
}

// free keeps out for the next rendering unless it is much larger than most need.
func (out *output) free() {
	if cap(out.buf) > 1<<20 || len(out.memo) > 200 {
		return
	}
	clear(out.memo)
	out.ctx = nil
	outputs.Put(out)
}

// rendered is finished JSON. It is written once, which frees the output that holds it.
type rendered struct {
	json []byte
	out  *output // nil when json is a copy
}

// finish returns what was written. Thousands of small results may wait for the end of their response, so one that would
// keep a much larger buffer waiting is copied.
func (out *output) finish() *rendered {
	if len(out.buf) >= cap(out.buf)/2 {
		return &rendered{json: out.buf, out: out}
	}
	r := &rendered{json: bytes.Clone(out.buf)}
	out.free()
	return r
}

// MarshalGQL writes the JSON.
func (r *rendered) MarshalGQL(w io.Writer) {
	_, _ = w.Write(r.json)
	if r.out != nil {
		r.out.free()
		r.json, r.out = nil, nil
	}
}
