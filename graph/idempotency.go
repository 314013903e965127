package graph

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/retail"
)

// Answers keeps what mutations answered, so that a repetition under the same key is answered the same and executed once.
type Answers interface {
	// Begin claims a key of an owner. It returns a token when the caller is to execute, or the stored answer. It fails with
	// CodeConflict when the key came with another fingerprint, retryable when the first call is still under way. A call
	// that has neither finished nor been abandoned when its lease is over counts as dead, and another may take its place.
	Begin(ctx context.Context, owner, key string, fingerprint []byte, lease time.Duration) (token string, answer []byte, err error)
	// Finish stores the answer under the token of Begin.
	Finish(ctx context.Context, owner, key, token string, answer []byte) error
	// Abandon forgets the key: nothing was answered.
	Abandon(ctx context.Context, owner, key, token string) error
}

// keyArgument names the argument that carries a mutation's key.
const keyArgument = "idempotencyKey"

const (
	maxKey = 128
	// lease is how long a call may take before it counts as dead; longer than any request.
	lease = maxTimeout + 10*time.Second
	// twinPause and twinPauseMost are how long a call waits before it looks whether its twin has answered: longer each time,
	// because every look costs the ledger as much as a mutation does.
	twinPause     = 20 * time.Millisecond
	twinPauseMost = 320 * time.Millisecond
	// keepFor bounds the storing of an answer, which goes on when the client is gone.
	keepFor = 5 * time.Second
)

// once answers one root field of a mutation: from the store when its key was answered before, else by executing it.
// Mutations without a key or without a session to which a key could belong are executed each time.
func (h *Handler) once(ctx context.Context, next graphql.RootResolver) graphql.Marshaler {
	root := graphql.GetRootFieldContext(ctx)
	p := auth.PrincipalOf(ctx)
	if h.answers == nil || root == nil || !p.Known() || graphql.GetOperationContext(ctx).Operation.Operation != ast.Mutation ||
		root.Field.Definition == nil || root.Field.Definition.Arguments.ForName(keyArgument) == nil {
		return next(ctx)
	}
	path := graphql.WithPathContext(ctx, graphql.NewPathWithField(root.Field.Alias))
	arguments := root.Field.ArgumentMap(graphql.GetOperationContext(ctx).Variables)
	key, _ := arguments[keyArgument].(string)
	if !sound(key) {
		graphql.AddError(path, retail.BadInput("%s has 1 to %d visible ASCII characters", keyArgument, maxKey))
		return graphql.Null
	}
	owner := p.ClientKey()
	token, stored, err := h.claim(ctx, owner, key, fingerprint(ctx, root, arguments))
	switch {
	case err != nil:
		graphql.AddError(path, err)
		return graphql.Null
	case token == "":
		return replay(path, root.Field.Alias, stored)
	}
	return h.first(ctx, next, owner, key, token)
}

func sound(key string) bool {
	for i := range len(key) {
		if key[i] <= ' ' || key[i] > '~' {
			return false
		}
	}
	return key != "" && len(key) <= maxKey
}

// fingerprint tells one request from another: the field as it stands in its operation and document, with the values of its
// arguments and of the operation's variables, on which what is selected may depend, and the channel, which an order keeps.
func fingerprint(ctx context.Context, root *graphql.RootFieldContext, arguments map[string]any) []byte {
	sum := sha256.New()
	op := graphql.GetOperationContext(ctx)
	for _, part := range [][]byte{
		[]byte(root.Field.Alias), []byte(root.Field.Name), []byte(op.Operation.Name), []byte(op.Operation.Position.Src.Input),
		values(arguments), values(op.Variables), []byte(retail.ContextOf(ctx).Channel),
	} {
		_, _ = fmt.Fprintf(sum, "%d:", len(part))
		sum.Write(part)
	}
	return sum.Sum(nil)
}

// values writes a map in the order of its names.
func values(m map[string]any) []byte {
	text, err := json.Marshal(m)
	if err != nil {
		return []byte(fmt.Sprint(m))
	}
	return text
}

// claim begins, or waits for a twin that is under way to answer, for as long as the request has time.
func (h *Handler) claim(ctx context.Context, owner, key string, fingerprint []byte) (token string, answer []byte, err error) {
	for pause := twinPause; ; pause = min(2*pause, twinPauseMost) {
		token, answer, err = h.answers.Begin(ctx, owner, key, fingerprint, lease)
		var conflict *retail.Error
		if err == nil || !errors.As(err, &conflict) || conflict.Code != retail.CodeConflict || !conflict.Retryable {
			return token, answer, err
		}
		room := aside(ctx, func() {
			timer := time.NewTimer(pause)
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-ctx.Done():
			}
		})
		if !room || ctx.Err() != nil {
			return "", nil, err
		}
	}
}

// first executes the field and keeps its answer. A failure is not kept, and neither is an answer that ran out of time or of
// its limits while it was read: the services find what was done already, and a repetition goes on from there.
func (h *Handler) first(ctx context.Context, next graphql.RootResolver, owner, key, token string) graphql.Marshaler {
	finished := false
	keep, cancel := context.WithTimeout(context.WithoutCancel(ctx), h.limits.Timeout+keepFor)
	defer cancel()
	defer func() {
		if !finished {
			h.note(ctx, h.answers.Abandon(keep, owner, key, token))
		}
	}()
	x, before := exchangeOf(ctx), len(graphql.GetErrors(ctx))
	failures := x.presented.Load()
	var data bytes.Buffer
	next(ctx).MarshalGQL(&data)
	errs := graphql.GetErrors(ctx)[before:]
	if bytes.Equal(data.Bytes(), null) {
		return graphql.Null // the executor tells it by its identity
	}
	if x.presented.Load() > failures && (ctx.Err() != nil || x.cutShort()) {
		return raw(data.Bytes()) // rows are missing
	}
	answer, err := json.Marshal(kept{
		Data: data.Bytes(), Errors: errs, Rights: rightsSum(ctx),
		Disclosed: disclosedBelow(ctx, graphql.GetRootFieldContext(ctx).Field.Alias),
	})
	if err == nil {
		err = h.answers.Finish(keep, owner, key, token, answer)
	}
	finished = err == nil
	h.note(ctx, err)
	return raw(data.Bytes())
}

func (h *Handler) note(ctx context.Context, err error) {
	if err != nil {
		h.errors.log.WarnContext(ctx, "the answer of a mutation was not kept", slog.String("request", RequestID(ctx)), slog.Any("error", err))
	}
}

// kept is a stored answer.
type kept struct {
	Data   json.RawMessage `json:"data"`
	Errors gqlerror.List   `json:"errors,omitempty"`
	// Rights are those of whoever asked first, which shaped the answer.
	Rights []byte `json:"rights"`
	// Disclosed is what the answer tells about others.
	Disclosed []disclosed `json:"disclosed,omitempty"`
}

// rightsSum is a digest of what decides, besides the request, what its answer tells: role, scopes, places and reach.
func rightsSum(ctx context.Context) []byte {
	p, reach := auth.PrincipalOf(ctx), retail.ReachOf(ctx)
	sum := sha256.New()
	_, _ = fmt.Fprintf(sum, "%q %q", rightsOf(p), slices.Sorted(slices.Values(p.Locations)))
	if reach != nil {
		_, _ = fmt.Fprintf(sum, " %x %x %q", reach.LocationsKey(), reach.SKUsKey(), reach.Channels)
	}
	return sum.Sum(nil)
}

// replay answers as before. Whoever has other rights by now is told that it was done, and may ask for what they may see of it.
func replay(ctx context.Context, root string, stored []byte) graphql.Marshaler {
	var k kept
	if err := json.Unmarshal(stored, &k); err != nil || len(k.Data) == 0 {
		graphql.AddError(ctx, fmt.Errorf("graph: a stored answer cannot be read: %w", err))
		return graphql.Null
	}
	if !bytes.Equal(k.Rights, rightsSum(ctx)) {
		graphql.AddError(ctx, retail.Errorf(retail.CodeForbidden, "it was done before, with other rights than now: ask for what became of it"))
		return graphql.Null
	}
	if err := discloseAgain(ctx, root, k.Disclosed); err != nil {
		graphql.AddError(ctx, err)
		return graphql.Null
	}
	for _, e := range k.Errors {
		graphql.AddError(ctx, &replayed{e})
	}
	return raw(k.Data)
}

// replayed is an error that had its public form when it was stored.
type replayed struct{ public *gqlerror.Error }

func (r *replayed) Error() string { return r.public.Message }

func raw(data []byte) graphql.Marshaler {
	return graphql.WriterFunc(func(w io.Writer) { _, _ = w.Write(data) })
}
