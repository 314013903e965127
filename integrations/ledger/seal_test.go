package ledger_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/portico-retail/portico/integrations/ledger"
	"github.com/portico-retail/portico/retail"
)

const secretAnswer = `{"data":{"name":"张小明","phone":"+8613812348000"}}`

func TestStoredAnswersCannotBeRead(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, ctx := r.open(t), t.Context()
		for _, owner := range []string{"guest:a", "guest:b"} {
			token, _, err := l.Begin(ctx, owner, "a-key-of-122-bits", []byte("f"), time.Minute)
			mustDo(t, err)
			mustDo(t, l.Finish(ctx, owner, "a-key-of-122-bits", token, []byte(secretAnswer)))
		}
		rows, err := raw(t, r).Query(`SELECT owner, key, answer FROM answers`)
		mustDo(t, err)
		defer rows.Close()
		seen := map[string]bool{}
		for rows.Next() {
			var owner, key string
			var answer []byte
			mustDo(t, rows.Scan(&owner, &key, &answer))
			if bytes.Contains(answer, []byte("小明")) || bytes.Contains(answer, []byte("8613812348000")) || strings.Contains(key, "122") {
				t.Errorf("the table tells %q %q", key, answer)
			}
			seen[key+string(answer)] = true
		}
		mustDo(t, rows.Err())
		if len(seen) != 2 {
			t.Errorf("two owners' same answer under the same key look the same: %d", len(seen))
		}
		if _, answer, err := l.Begin(ctx, "guest:a", "a-key-of-122-bits", []byte("f"), time.Minute); err != nil || string(answer) != secretAnswer {
			t.Errorf("the owner reads %q, %v", answer, err)
		}
	})
}

func TestAnAnswerThatWasChangedIsNotGiven(t *testing.T) {
	r := newRig(t, "sqlite")
	l, ctx := r.open(t), t.Context()
	for i, key := range []string{"k0", "k1"} {
		token, _, err := l.Begin(ctx, "guest:a", key, []byte("f"), time.Minute)
		mustDo(t, err)
		mustDo(t, l.Finish(ctx, "guest:a", key, token, fmt.Appendf(nil, `{"n":%d}`, i)))
	}
	db := raw(t, r)
	// The answer of one key is put under the other, and one is cut short.
	_, err := db.Exec(`UPDATE answers SET answer = (SELECT answer FROM answers ORDER BY key LIMIT 1)`)
	mustDo(t, err)
	failed := 0
	for _, key := range []string{"k0", "k1"} {
		if _, _, err := l.Begin(ctx, "guest:a", key, []byte("f"), time.Minute); retail.CodeOf(err) == retail.CodeInternal && err != nil {
			failed++
		}
	}
	if failed != 1 {
		t.Errorf("%d of 2 answers are refused", failed)
	}
	_, err = db.Exec(`UPDATE answers SET answer = x'00'`)
	mustDo(t, err)
	_, _, err = l.Begin(ctx, "guest:a", "k0", []byte("f"), time.Minute)
	wantCode(t, err, retail.CodeInternal, false)
}

// A ledger of before has answers in the open: a repetition still finds them, and nobody else does any more.
func TestAnswersOfBeforeAreSealed(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, closeIt := r.openFor(t)
		before := []ledger.OpenAnswer{
			{Owner: "guest:a", Key: "k1", Answer: []byte(secretAnswer)}, {Owner: "guest:a", Key: "k2"}, {Owner: "guest:b", Key: "k1", Answer: []byte{}},
		}
		for i := range 250 { // more than are sealed at a time
			before = append(before, ledger.OpenAnswer{Owner: "guest:c", Key: fmt.Sprint("k", i), Answer: []byte("{}")})
		}
		mustDo(t, l.SealBefore(t.Context(), before))
		closeIt()
		l = r.open(t)
		if _, answer, err := l.Begin(t.Context(), "guest:a", "k1", []byte("f"), time.Minute); err != nil || string(answer) != secretAnswer {
			t.Errorf("got %q, %v", answer, err)
		}
		if token, answer, err := l.Begin(t.Context(), "guest:b", "k1", []byte("f"), time.Minute); err != nil || token != "" || answer == nil || len(answer) != 0 {
			t.Errorf("the empty answer came back as %q %q, %v", token, answer, err)
		}
		token, _, err := l.Begin(t.Context(), "guest:a", "k2", []byte("f"), time.Minute)
		if r.kind == "postgres" { // another gateway may be at it
			wantCode(t, err, retail.CodeConflict, true)
		} else if token == "" {
			t.Errorf("the call of a gateway that died: %v", err)
		}
		var found int
		mustDo(t, raw(t, r).QueryRow(`SELECT COUNT(*) FROM answers WHERE key LIKE 'k%'`).Scan(&found))
		if found != 0 {
			t.Errorf("%d keys can be read", found)
		}
	})
}
