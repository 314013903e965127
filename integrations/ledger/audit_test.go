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
		var before []*privacy.AuditKey
		for i, key := range []*privacy.AuditKey{nil, first, second} {
			if key != nil {
				if l, err := open(key); err == nil {
					t.Error(errors.Join(errors.New("opened with a key that was not begun"), l.Close()))
				}
				head, err := ledger.BeginAuditKey(t.Context(), ledger.Config{DSN: r.dsn, AuditKey: key}, before)
				if mustDo(t, err); head.Seq != int64(2*i) {
					t.Errorf("the key begins with entry %s", head)
				}
				if _, err := ledger.BeginAuditKey(t.Context(), ledger.Config{DSN: r.dsn, AuditKey: key}, append(before, key)); err == nil {
					t.Error("a key was begun twice")
				}
				before = append(before, key)
			}
			l, err := open(key)
			mustDo(t, err)
			mustDo(t, l.AppendAudit(t.Context(), []retail.Disclosure{reading(i)}))
			all = entries(t, l, "")
			mustDo(t, l.Close())
		}
		for name, key := range map[string]*privacy.AuditKey{"no key": nil, "the first": first} {
			if l, err := open(key); err == nil {
				t.Error(errors.Join(fmt.Errorf("opened with %s", name), l.Close()))
			}
		}
		if _, err := ledger.BeginAuditKey(t.Context(), ledger.Config{DSN: r.dsn, AuditKey: first}, []*privacy.AuditKey{second}); err == nil {
			t.Error("a key was begun behind what nobody looked at")
		}
		if _, err := ledger.BeginAuditKey(t.Context(), ledger.Config{DSN: r.dsn}, before); err == nil {
			t.Error("no key was begun")
		}
		mustDo(t, verify(all, before))
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

// forge writes a log of entries that follow from the start, as whoever can write the database can.
func forge(t testing.TB, db *sql.DB, r rig, key *privacy.AuditKey, entries ...privacy.AuditEntry) {
	t.Helper()
	statements := []string{`DROP TRIGGER audit_unchanged`, `DROP TRIGGER audit_kept`}
	if r.kind == "postgres" {
		statements = []string{`ALTER TABLE audit DISABLE TRIGGER ALL`}
	}
	for _, s := range append(statements, `DELETE FROM audit`, `DELETE FROM audit_mark`) {
		_, err := db.Exec(s)
		mustDo(t, err)
	}
	place := func(list ...any) string {
		marks := make([]string, len(list))
		for i := range list {
			marks[i] = "?"
			if r.kind == "postgres" {
				marks[i] = fmt.Sprint("$", i+1)
			}
		}
		return strings.Join(marks, ", ")
	}
	head := privacy.AuditStart()
	for _, e := range entries {
		values := []any{e.Seq, e.At, e.Subject, e.KeyID, string(e.Body), e.Prev, e.Hash}
		_, err := db.Exec(`INSERT INTO audit (seq, at, subject, key_id, body, prev, hash) VALUES (`+place(values...)+`)`, values...)
		mustDo(t, err)
		head = privacy.AuditHead{Seq: e.Seq, Hash: e.Hash}
	}
	m := key.Mark(head)
	values := []any{1, m.Seq, m.Hash, m.KeyID, m.Sum}
	_, err := db.Exec(`INSERT INTO audit_mark (one, seq, hash, key_id, sum) VALUES (`+place(values...)+`)`, values...)
	mustDo(t, err)
}

func TestNothingIsAppendedToAForgedLog(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		ctx := t.Context()
		key, err := privacy.NewAuditKey([]byte(strings.Repeat("a", 32)))
		mustDo(t, err)
		keys, cfg := []*privacy.AuditKey{key}, ledger.Config{DSN: r.dsn, AuditKey: key}
		l, err := ledger.Open(ctx, cfg)
		mustDo(t, err)
		for i := range 4 {
			mustDo(t, l.AppendAudit(ctx, []retail.Disclosure{reading(i)}))
		}
		list, db := entries(t, l, ""), raw(t, r)
		var unkeyed []privacy.AuditEntry
		from := privacy.AuditStart()
		for i := range 4 {
			e, err := (*privacy.AuditKey)(nil).Next(from, reading(i+10))
			mustDo(t, err)
			unkeyed, from = append(unkeyed, e), privacy.AuditHead{Seq: e.Seq, Hash: e.Hash}
		}
		mark := must(l.AuditMark(ctx))(t)
		sees := func(name string) {
			t.Helper()
			check := privacy.NewAuditCheck(keys)
			check.Expect(must(l.AuditMark(ctx))(t))
			err := l.Audit(ctx, "", func(e privacy.AuditEntry) error { return check.Next(&e) })
			if errors.Join(err, check.End()) == nil {
				t.Errorf("%s: goes unseen", name)
			}
		}
		refuses := func(name string) {
			t.Helper()
			if err := l.AppendAudit(ctx, []retail.Disclosure{reading(9)}); retail.CodeOf(err) != retail.CodeInternal {
				t.Errorf("%s: appended: %v", name, err)
			}
			if again, err := ledger.Open(ctx, cfg); err == nil {
				t.Error(errors.Join(fmt.Errorf("%s: opened", name), again.Close()))
			}
		}
		restore := func(entries []privacy.AuditEntry) {
			if r.kind == "sqlite" {
				for _, trigger := range []string{"audit_unchanged", "audit_kept"} {
					_, _ = db.Exec(`CREATE TRIGGER IF NOT EXISTS ` + trigger + ` BEFORE UPDATE ON audit BEGIN SELECT 1; END`)
				}
			}
			forge(t, db, r, key, entries...)
		}

		restore(unkeyed)
		_, err = db.Exec(`DELETE FROM audit_mark`)
		mustDo(t, err)
		refuses("a log without a key and without a mark")
		sees("a log without a key and without a mark")

		restore(list[:3])
		mustDo(t, func() error { _, err := db.Exec(`UPDATE audit_mark SET seq = 4`); return err }())
		refuses("an end that was cut off")
		sees("an end that was cut off")

		restore(append(slices.Clone(list[:3]), unkeyed[3]))
		refuses("a forged last entry")
		sees("a forged last entry")

		restore(append(slices.Clone(list[:1]), list[2:]...))
		sees("an entry that is missing in the middle")
		swapped := slices.Clone(list)
		swapped[1].Subject, swapped[2].Subject = swapped[2].Subject, swapped[1].Subject
		restore(swapped)
		sees("entries that changed their places")

		// Whoever puts back an older end with the mark of that time is found out by the gateway that runs, and by noted heads.
		restore(list[:2])
		if err := l.AppendAudit(ctx, []retail.Disclosure{reading(9)}); retail.CodeOf(err) != retail.CodeInternal {
			t.Errorf("appended to an older end: %v", err)
		}
		if verify(entries(t, l, ""), keys, mark.AuditHead) == nil {
			t.Error("an older end goes unseen with a head that was noted")
		}

		restore(list)
		mustDo(t, l.AppendAudit(ctx, []retail.Disclosure{reading(9)}))
		mustDo(t, verify(entries(t, l, ""), keys))
		mustDo(t, l.Close())
	})
}

func TestWhatWaitsToBeRecordedIsBounded(t *testing.T) {
	l := newRig(t, "sqlite").open(t)
	rows := slices.Repeat([]retail.Disclosure{reading(0)}, 1000)
	store := l.HoldAudit()
	hasty, leave := context.WithCancel(t.Context())
	leave() // what was asked stays in the queue
	for range 20 {
		if err := l.AppendAudit(hasty, rows); retail.CodeOf(err) != retail.CodeTimeout {
			t.Fatal(err)
		}
	}
	if err := l.AppendAudit(hasty, rows[:1]); retail.CodeOf(err) != retail.CodeUpstreamUnavailable {
		t.Errorf("more waits than may: %v", err)
	}
	store()
	mustDo(t, l.AppendAudit(t.Context(), rows[:1]))
	if n := len(entries(t, l, "")); n != 20_001 {
		t.Errorf("%d entries", n)
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
