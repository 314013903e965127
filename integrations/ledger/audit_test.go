package ledger_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/portico-retail/portico/integrations/ledger"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/privacy"
)

func reading(i int) retail.Disclosure {
	return retail.Disclosure{
		At: noon.Add(time.Duration(i) * time.Second), Request: fmt.Sprint("r-", i), Role: "associate", Reader: "a-7", Client: "till",
		Operation: "Queue", Subject: fmt.Sprint("guest:g-", i%3), Purpose: retail.PurposeFulfilment,
		Fields: []string{"Contact.name", "Contact.phone"}, Full: i%2 == 0,
	}
}

func entries(t testing.TB, l *ledger.Ledger, subject string) (list []privacy.AuditEntry) {
	t.Helper()
	mustDo(t, l.Audit(context.Background(), subject, func(e privacy.AuditEntry) error {
		list = append(list, e)
		return nil
	}))
	return list
}

func verify(list []privacy.AuditEntry, keys []*privacy.AuditKey, expected ...privacy.AuditHead) error {
	c := privacy.NewAuditCheck(keys, expected...)
	for i := range list {
		if err := c.Next(&list[i]); err != nil {
			return err
		}
	}
	return c.End()
}

func TestReadingsAreChained(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, ctx := r.open(t), t.Context()
		if head := must(l.AuditHead(ctx))(t); head.String() != privacy.AuditStart().String() {
			t.Errorf("an empty log has the head %s", head)
		}
		var rows []retail.Disclosure
		for i := range 250 { // more than one statement
			rows = append(rows, reading(i))
		}
		mustDo(t, l.AppendAudit(ctx, rows))
		mustDo(t, l.AppendAudit(ctx, nil))
		mustDo(t, l.AppendAudit(ctx, []retail.Disclosure{reading(250)}))
		list, head := entries(t, l, ""), must(l.AuditHead(ctx))(t)
		mustDo(t, verify(list, nil, head))
		if len(list) != 251 || head.Seq != 251 {
			t.Fatalf("%d entries, head %s", len(list), head)
		}
		if d := must(list[250].Disclosure())(t); fmt.Sprint(d) != fmt.Sprint(reading(250)) {
			t.Errorf("got %v, want %v", d, reading(250))
		}
		if of := entries(t, l, "guest:g-1"); len(of) != 84 || of[0].Subject != "guest:g-1" {
			t.Errorf("%d entries of one subject", len(of))
		}
		bad := reading(1)
		bad.Operation = strings.Repeat("x", 300)
		if err := l.AppendAudit(ctx, []retail.Disclosure{reading(0), bad}); retail.CodeOf(err) != retail.CodeBadInput {
			t.Errorf("got %v", err)
		}
		if after := must(l.AuditHead(ctx))(t); after.Seq != 251 {
			t.Errorf("a part of what was refused is stored: %s", after)
		}
	})
}

func TestManyAppendAtOnceFromSeveralGateways(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		ctx := t.Context()
		gateways := []*ledger.Ledger{r.open(t), r.open(t)}
		for _, err := range parallel(64, func(i int) error {
			return gateways[i%2].AppendAudit(ctx, []retail.Disclosure{reading(i), reading(i)})
		}) {
			mustDo(t, err)
		}
		list := entries(t, gateways[0], "")
		mustDo(t, verify(list, nil))
		seen := map[string]int{}
		for _, e := range list {
			seen[must(e.Disclosure())(t).Request]++
		}
		for i := range 64 {
			if seen[fmt.Sprint("r-", i)] != 2 {
				t.Errorf("reading %d is there %d times", i, seen[fmt.Sprint("r-", i)])
			}
		}
	})
}

// raw is a connection of somebody who can write the database.
func raw(t testing.TB, r rig) *sql.DB {
	t.Helper()
	driver, dsn := "sqlite", "file:"+r.dsn+"?_pragma=busy_timeout(5000)"
	if r.kind == "postgres" {
		driver, dsn = "pgx", r.dsn
	}
	db, err := sql.Open(driver, dsn)
	mustDo(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func TestTheDatabaseRefusesToChangeTheAuditLog(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l := r.open(t)
		mustDo(t, l.AppendAudit(t.Context(), []retail.Disclosure{reading(0), reading(1)}))
		statements := []string{
			`UPDATE audit SET body = '{}' WHERE seq = 1`,
			`UPDATE audit SET subject = 'x'`,
			`DELETE FROM audit WHERE seq = 2`,
			`DELETE FROM audit`,
		}
		if r.kind == "postgres" {
			statements = append(statements, `TRUNCATE audit`)
		} else {
			statements = append(statements, `INSERT OR REPLACE INTO audit (seq, at, subject, key_id, body, prev, hash) VALUES (1, 0, '', '', '', x'', x'')`)
		}
		for _, statement := range statements {
			_, err := raw(t, r).Exec(statement)
			if err == nil || !strings.Contains(err.Error(), "only appended to") {
				t.Errorf("%s: %v", statement, err)
			}
		}
		mustDo(t, verify(entries(t, l, ""), nil, must(l.AuditHead(t.Context()))(t)))
	})
}

// Whoever gets around the triggers is found out: here the log is changed as it is read.
func TestEveryChangeOfTheAuditLogIsDetected(t *testing.T) {
	secret := []byte(strings.Repeat("k", 32))
	key, err := privacy.NewAuditKey(secret)
	mustDo(t, err)
	for _, keys := range [][]*privacy.AuditKey{nil, {key}} {
		cfg := ledger.Config{DSN: newRig(t, "sqlite").dsn}
		if keys != nil {
			cfg.AuditKey = key
		}
		l, err := ledger.Open(t.Context(), cfg)
		mustDo(t, err)
		var rows []retail.Disclosure
		for i := range 12 {
			rows = append(rows, reading(i))
		}
		mustDo(t, l.AppendAudit(t.Context(), rows))
		sound, head := entries(t, l, ""), must(l.AuditHead(t.Context()))(t)
		mustDo(t, l.Close())
		mustDo(t, verify(sound, keys, head))
		rapid.Check(t, func(rt *rapid.T) {
			list := slices.Clone(sound)
			i := rapid.IntRange(0, len(list)-1).Draw(rt, "entry")
			change := rapid.SampledFrom([]string{"alter", "delete", "swap", "insert", "cut", "forge"}).Draw(rt, "change")
			switch change {
			case "alter":
				e := &list[i]
				switch rapid.SampledFrom([]string{"seq", "at", "subject", "key", "body", "prev", "hash"}).Draw(rt, "part") {
				case "seq":
					e.Seq += int64(rapid.IntRange(1, 3).Draw(rt, "by"))
				case "at":
					e.At++
				case "subject":
					e.Subject += "x"
				case "key":
					e.KeyID += "x"
				case "body":
					e.Body = slices.Concat(e.Body[:len(e.Body)-1], []byte(" }"))
				case "prev":
					e.Prev = flip(e.Prev, rapid.IntRange(0, 255).Draw(rt, "bit"))
				case "hash":
					e.Hash = flip(e.Hash, rapid.IntRange(0, 255).Draw(rt, "bit"))
				}
			case "delete":
				list = slices.Delete(list, i, i+1)
			case "swap":
				j := (i + 1) % len(list)
				list[i], list[j] = list[j], list[i]
			case "insert":
				list = slices.Insert(list, i, list[rapid.IntRange(0, len(list)-1).Draw(rt, "copy")])
			case "cut":
				list = list[:i]
			case "forge": // everything behind an entry is made anew, as whoever lacks the key can
				from := privacy.AuditStart()
				if i > 0 {
					from = privacy.AuditHead{Seq: list[i-1].Seq, Hash: list[i-1].Hash}
				}
				for k := i; k < len(list); k++ {
					d, _ := list[k].Disclosure()
					d.Reader = "somebody else"
					list[k], _ = (*privacy.AuditKey)(nil).Next(from, d)
					from = privacy.AuditHead{Seq: list[k].Seq, Hash: list[k].Hash}
				}
			}
			if verify(list, keys, head) == nil {
				rt.Fatalf("%s at %d goes unseen", change, i)
			}
			if change == "forge" && keys != nil && verify(list, keys) == nil {
				rt.Fatal("with the key a forged end shows without a head that was noted")
			}
		})
	}
}

func flip(b []byte, bit int) []byte {
	out := slices.Clone(b)
	out[bit/8] ^= 1 << (bit % 8)
	return out
}

func TestALogThatWasMadeWithAKeyGoesOnWithOne(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		open := func(key *privacy.AuditKey) (*ledger.Ledger, error) {
			return ledger.Open(t.Context(), ledger.Config{DSN: r.dsn, AuditKey: key})
		}
		first, err := privacy.NewAuditKey([]byte(strings.Repeat("a", 32)))
		mustDo(t, err)
		second, err := privacy.NewAuditKey([]byte(strings.Repeat("b", 64)))
		mustDo(t, err)
		var all []privacy.AuditEntry
		for i, key := range []*privacy.AuditKey{nil, first, second} {
			l, err := open(key)
			mustDo(t, err)
			mustDo(t, l.AppendAudit(t.Context(), []retail.Disclosure{reading(i)}))
			all = entries(t, l, "")
			mustDo(t, l.Close())
		}
		if l, err := open(nil); err == nil {
			t.Error(errors.Join(errors.New("opened without the key"), l.Close()))
		}
		mustDo(t, verify(all, []*privacy.AuditKey{first, second}))
		for name, keys := range map[string][]*privacy.AuditKey{"no key": nil, "the first": {first}, "the second": {second}} {
			if verify(all, keys) == nil {
				t.Errorf("%s suffices", name)
			}
		}
		if verify(all[:1], []*privacy.AuditKey{first}) == nil {
			t.Error("with a key, a log that ends without one passes")
		}
	})
	if _, err := privacy.NewAuditKey(make([]byte, 31)); err == nil {
		t.Error("a short key is accepted")
	}
}

func TestAReaderDisturbsNobody(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, ctx := r.open(t), t.Context()
		mustDo(t, l.AppendAudit(ctx, []retail.Disclosure{reading(0)}))
		token, _, err := l.Begin(ctx, "guest:a", "k1", []byte("f"), time.Minute)
		mustDo(t, err)
		reader, err := ledger.OpenReader(ctx, ledger.Config{DSN: r.dsn})
		mustDo(t, err)
		if list := entries(t, reader, ""); len(list) != 1 {
			t.Errorf("%d entries", len(list))
		}
		mustDo(t, reader.Close())
		mustDo(t, l.Finish(ctx, "guest:a", "k1", token, []byte("{}"))) // the call is still the gateway's
	})
	if _, err := ledger.OpenReader(t.Context(), ledger.Config{}); err == nil {
		t.Error("a ledger of nowhere was opened")
	}
	if _, err := ledger.OpenReader(t.Context(), ledger.Config{DSN: t.TempDir() + "/none.db"}); err == nil {
		t.Error("a ledger that there is not was opened")
	}
}

func TestHeadsAreWrittenAndRead(t *testing.T) {
	e, err := (*privacy.AuditKey)(nil).Next(privacy.AuditStart(), reading(0))
	mustDo(t, err)
	head := privacy.AuditHead{Seq: e.Seq, Hash: e.Hash}
	if again := must(privacy.ParseAuditHead(head.String()))(t); again.String() != head.String() {
		t.Errorf("got %s from %s", again, head)
	}
	for _, text := range []string{"", "1", "1:", "1:ab", "x:" + strings.Repeat("0", 64), "-1:" + strings.Repeat("0", 64)} {
		if _, err := privacy.ParseAuditHead(text); err == nil {
			t.Errorf("%q is a head", text)
		}
	}
}

func BenchmarkAppendAudit(b *testing.B) {
	l := newRig(b, "sqlite").open(b)
	rows := []retail.Disclosure{reading(0), reading(1), reading(2)}
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			mustDo(b, l.AppendAudit(context.Background(), rows))
		}
	})
}
