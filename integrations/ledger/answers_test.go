package ledger_test

import (
	"bytes"
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/portico-retail/portico/retail"
)

func TestOneOfManyRequestsWithOneKeyRuns(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, ctx := r.open(t), t.Context()
		var tokens atomic.Int64
		var token atomic.Value
		for _, err := range parallel(64, func(int) error {
			got, answer, err := l.Begin(ctx, "guest:a", "k1", []byte("f"), time.Minute)
			if err != nil {
				if retail.CodeOf(err) != retail.CodeConflict {
					return err
				}
				return nil
			}
			if got == "" || answer != nil {
				return errors.New("an answer before anybody gave one")
			}
			tokens.Add(1)
			token.Store(got)
			return nil
		}) {
			mustDo(t, err)
		}
		if tokens.Load() != 1 {
			t.Fatalf("%d requests run", tokens.Load())
		}
		_, _, err := l.Begin(ctx, "guest:a", "k1", []byte("f"), time.Minute)
		wantCode(t, err, retail.CodeConflict, true)
		answer := []byte("{\"data\":\"\x00\xff 42\"}")
		mustDo(t, l.Finish(ctx, "guest:a", "k1", token.Load().(string), answer))
		mustDo(t, l.Finish(ctx, "guest:a", "k1", token.Load().(string), answer)) // the reply was lost
		got, stored, err := l.Begin(ctx, "guest:a", "k1", []byte("f"), time.Minute)
		if err != nil || got != "" || !bytes.Equal(stored, answer) {
			t.Errorf("got token %q, answer %q, %v", got, stored, err)
		}
		_, _, err = l.Begin(ctx, "guest:a", "k1", []byte("another"), time.Minute)
		wantCode(t, err, retail.CodeConflict, false)
		if got, _, err := l.Begin(ctx, "guest:b", "k1", []byte("another"), time.Minute); err != nil || got == "" {
			t.Errorf("another owner's key: %q, %v", got, err)
		}
	})
}

func TestARunWhoseProcessDiedIsTakenOver(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, ctx := r.open(t), t.Context()
		dead, _, err := l.Begin(ctx, "guest:a", "k1", []byte("f"), time.Minute)
		mustDo(t, err)
		r.clock.pass(time.Minute - time.Microsecond)
		_, _, err = l.Begin(ctx, "guest:a", "k1", []byte("f"), time.Minute)
		wantCode(t, err, retail.CodeConflict, true)
		r.clock.pass(time.Microsecond)
		_, _, err = l.Begin(ctx, "guest:a", "k1", []byte("g"), time.Minute)
		wantCode(t, err, retail.CodeConflict, false)
		heir, _, err := l.Begin(ctx, "guest:a", "k1", []byte("f"), time.Minute)
		if err != nil || heir == "" || heir == dead {
			t.Fatalf("got %q, %v", heir, err)
		}
		// Who was thought dead neither answers nor abandons any more.
		wantCode(t, l.Finish(ctx, "guest:a", "k1", dead, []byte("late")), retail.CodeConflict, false)
		mustDo(t, l.Abandon(ctx, "guest:a", "k1", dead))
		mustDo(t, l.Finish(ctx, "guest:a", "k1", heir, nil))
		token, answer, err := l.Begin(ctx, "guest:a", "k1", []byte("f"), time.Minute)
		if err != nil || token != "" || answer == nil || len(answer) != 0 {
			t.Errorf("an empty answer came back as token %q, answer %v, %v", token, answer, err)
		}
	})
}

func TestAnAbandonedRunMayRunAgain(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l := r.open(t)
		ctx, cancel := context.WithCancel(t.Context())
		token, _, err := l.Begin(ctx, "guest:a", "k1", nil, time.Hour)
		mustDo(t, err)
		cancel() // the caller has left: what it did counts all the same
		mustDo(t, l.Abandon(ctx, "guest:a", "k1", token))
		token, _, err = l.Begin(t.Context(), "guest:a", "k1", []byte("other"), time.Hour)
		mustDo(t, err)
		mustDo(t, l.Finish(ctx, "guest:a", "k1", token, []byte("answer")))
		mustDo(t, l.Abandon(ctx, "guest:a", "k1", token)) // too late: it has an answer
		if _, answer, err := l.Begin(t.Context(), "guest:a", "k1", []byte("other"), time.Hour); err != nil || string(answer) != "answer" {
			t.Errorf("got %q, %v", answer, err)
		}
	})
}

func TestKeysAndAnswersAreBounded(t *testing.T) {
	l := newRig(t, "sqlite").open(t)
	for _, key := range []string{"", string(make([]byte, 256)), "a\x00", "\xff"} {
		_, _, err := l.Begin(t.Context(), "guest:a", key, nil, time.Minute)
		wantCode(t, err, retail.CodeBadInput, false)
	}
	token, _, err := l.Begin(t.Context(), "guest:a", "k", nil, time.Minute)
	mustDo(t, err)
	wantCode(t, l.Finish(t.Context(), "guest:a", "k", token, make([]byte, 4<<20+1)), retail.CodeLimitExceeded, false)
}

// Whoever repeats a request waits for the lease of a gateway that died only where another gateway may be answering it.
func TestAGatewayThatStartsAgainForgetsTheRunsOfTheOneThatDied(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, ctx := r.open(t), t.Context()
		_, _, err := l.Begin(ctx, "guest:a", "k1", []byte("f"), time.Minute)
		mustDo(t, err)
		token, _, err := l.Begin(ctx, "guest:a", "k2", []byte("f"), time.Minute)
		mustDo(t, err)
		mustDo(t, l.Finish(ctx, "guest:a", "k2", token, []byte("{}")))
		next := r.open(t)
		token, _, err = next.Begin(ctx, "guest:a", "k1", []byte("f"), time.Minute)
		if r.kind == "postgres" {
			wantCode(t, err, retail.CodeConflict, true)
		} else if err != nil || token == "" {
			t.Errorf("the repetition does not run: %v", err)
		}
		if token, answer, err := next.Begin(ctx, "guest:a", "k2", []byte("f"), time.Minute); err != nil || token != "" || string(answer) != "{}" {
			t.Errorf("an answer was forgotten: %q %q %v", token, answer, err)
		}
	})
}
