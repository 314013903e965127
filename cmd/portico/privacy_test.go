package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/portico-retail/portico/graph/generated"
	"github.com/portico-retail/portico/graph/model"
	"github.com/portico-retail/portico/integrations/ledger"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/care"
	"github.com/portico-retail/portico/retail/privacy"
)

// subjects are the types that know whom they are about, as the executor holds them.
var subjects = map[string]retail.DataSubject{
	"Order": &retail.Order{}, "Member": &retail.Member{}, "Cart": &retail.PricedCart{Cart: &retail.Cart{}}, "Feedback": &care.Feedback{},
	"MemberDifference": &model.MemberDifference{}, "WeakMatch": &model.WeakMatch{}, "ReturnPayload": &model.ReturnPayload{},
}

func personal(d ast.DirectiveList) bool { return d.ForName("personal") != nil }

// A personal field to which a way leads that passes nobody who knows whose it is would be masked for its owner too.
func TestSomebodyOwnsEveryPersonalField(t *testing.T) {
	schema := generated.NewExecutableSchema(generated.Config{}).Schema()
	seen, fields := map[string]bool{}, 0
	var walk func(def *ast.Definition, path string)
	walk = func(def *ast.Definition, path string) {
		if seen[def.Name] || subjects[def.Name] != nil {
			return
		}
		seen[def.Name] = true
		for _, f := range def.Fields {
			at := path + "." + f.Name
			if personal(f.Directives) {
				t.Errorf("nobody is known to own %s", at)
			}
			if next := schema.Types[f.Type.Name()]; next != nil && next.IsCompositeType() {
				walk(next, at)
			}
		}
		for _, p := range schema.PossibleTypes[def.Name] {
			walk(p, path)
		}
	}
	for _, root := range []*ast.Definition{schema.Query, schema.Mutation, schema.Subscription} {
		walk(root, root.Name)
	}
	for _, def := range schema.Types {
		for _, f := range def.Fields {
			if def.Kind == ast.Object && personal(f.Directives) {
				fields++
			}
		}
	}
	if fields < 15 {
		t.Errorf("the schema has %d personal fields only", fields)
	}
}

// What is rendered whole passes no directive.
func TestWhatIsRenderedWholeIsNobodys(t *testing.T) {
	schema := generated.NewExecutableSchema(generated.Config{}).Schema()
	seen := map[string]bool{}
	var walk func(name string)
	walk = func(name string) {
		def := schema.Types[name]
		if def == nil || seen[name] {
			return
		}
		seen[name] = true
		for _, f := range def.Fields {
			if personal(f.Directives) {
				t.Errorf("%s.%s is personal", name, f.Name)
			}
			walk(f.Type.Name())
		}
	}
	for _, name := range []string{"StockCheck", "PickupOption", "StoreAvailability"} {
		if schema.Types[name] == nil {
			t.Fatalf("there is no %s", name)
		}
		walk(name)
	}
}

// portico runs a command and returns what it prints.
func portico(t *testing.T, args ...string) (out string, err error) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	err = run(t.Context(), args, nil, &stdout, &stderr)
	return stdout.String(), err
}

func TestTheAuditCommandFindsWhatWasChanged(t *testing.T) {
	dir := t.TempDir()
	dsn, keyFile := filepath.Join(dir, "ledger.db"), filepath.Join(dir, "audit.key")
	must(t, os.WriteFile(keyFile, []byte(strings.Repeat("0f", 32)+"\n"), 0o600))
	key, err := auditKeyOf(keyFile)
	must(t, err)
	books, err := ledger.Open(t.Context(), ledger.Config{DSN: dsn, AuditKey: key})
	must(t, err)
	append3 := func() {
		t.Helper()
		for range 3 {
			must(t, books.AppendAudit(context.Background(), []retail.Disclosure{{
				At: time.Date(2026, 3, 2, 4, 0, 0, 0, time.UTC), Role: "associate", Reader: "a\t7", Subject: "guest:g-1",
				Purpose: retail.PurposeFulfilment, Fields: []string{"Contact.name"}, Full: true,
			}}))
		}
	}
	append3()
	head, err := books.AuditHead(t.Context())
	must(t, err)
	append3()
	out, err := portico(t, "audit", "verify", "--ledger-dsn", dsn, "--audit-key", keyFile, "--expect", head.String())
	if err != nil || !strings.Contains(out, "entries 6, made without a key 0\nhead 6:") {
		t.Errorf("got %q, %v", out, err)
	}
	for name, args := range map[string][]string{
		"without the key":         {"--ledger-dsn", dsn},
		"with another head":       {"--ledger-dsn", dsn, "--audit-key", keyFile, "--expect", "3:" + strings.Repeat("0", 64)},
		"with a head behind":      {"--ledger-dsn", dsn, "--audit-key", keyFile, "--expect", "7:" + strings.Repeat("0", 64)},
		"with what is no head":    {"--ledger-dsn", dsn, "--audit-key", keyFile, "--expect", "7"},
		"with a key of nowhere":   {"--ledger-dsn", dsn, "--audit-key", filepath.Join(dir, "none")},
		"of a ledger of nowhere":  {"--ledger-dsn", filepath.Join(dir, "none.db"), "--audit-key", keyFile},
		"with what is no key":     {"--ledger-dsn", dsn, "--audit-key", dsn},
		"of a ledger with no DSN": {"--audit-key", keyFile},
	} {
		if out, err := portico(t, append([]string{"audit", "verify"}, args...)...); err == nil {
			t.Errorf("%s: got %q", name, out)
		}
	}
	out, err = portico(t, "audit", "list", "--ledger-dsn", dsn, "--subject", "guest:g-1")
	if err != nil || strings.Count(out, "guest:g-1  FULFILMENT  full  associate  \"a\\t7\"") != 6 {
		t.Errorf("got %q, %v", out, err)
	}
	if out, err := portico(t, "audit", "list", "--ledger-dsn", dsn, "--subject", "guest:g-2"); err != nil || strings.Count(out, "\n") != 1 {
		t.Errorf("of somebody else: %q, %v", out, err)
	}
	must(t, books.Close())
	second := filepath.Join(dir, "second.key")
	must(t, os.WriteFile(second, []byte(strings.Repeat("1e", 32)), 0o600))
	if out, err := portico(t, "audit", "rekey", "--ledger-dsn", dsn, "--audit-key", second); err == nil {
		t.Errorf("a key was begun behind what nobody could look at: %q", out)
	}
	if out, err := portico(t, "audit", "rekey", "--ledger-dsn", dsn, "--audit-key", second, "--old-key", keyFile); err != nil || !strings.Contains(out, "head 7:") {
		t.Errorf("got %q, %v", out, err)
	}
	out, err = portico(t, "audit", "verify", "--ledger-dsn", dsn, "--audit-key", keyFile, "--audit-key", second)
	if err != nil || !strings.Contains(out, "entries 7, ") {
		t.Errorf("got %q, %v", out, err)
	}
	db, err := openERP(dsn) // any SQLite file
	must(t, err)
	defer db.Close()
	_, err = db.Exec(`DROP TRIGGER audit_kept; DELETE FROM audit WHERE seq = 7`)
	must(t, err)
	if out, err := portico(t, "audit", "verify", "--ledger-dsn", dsn, "--audit-key", keyFile, "--audit-key", second); err == nil ||
		!strings.Contains(err.Error(), "entry 7 was expected") {
		t.Errorf("got %q, %v", out, err)
	}
	_, err = db.Exec(`DROP TRIGGER audit_unchanged; UPDATE audit SET body = replace(body, 'a\t7', 'a\t8') WHERE seq = 4`)
	must(t, err)
	out, err = portico(t, "audit", "verify", "--ledger-dsn", dsn, "--audit-key", keyFile)
	if err == nil || !strings.Contains(err.Error(), "entry 4 is not what was written") || !strings.Contains(out, "sound up to 3:") {
		t.Errorf("got %q, %v", out, err)
	}
}

func TestTheHeadOfTheAuditLogIsLogged(t *testing.T) {
	books, err := ledger.Open(t.Context(), ledger.Config{})
	must(t, err)
	t.Cleanup(func() { must(t, books.Close()) })
	var out bytes.Buffer
	ctx, cancel := context.WithCancel(t.Context())
	h := &auditHeads{ledger: books, log: logFlags{LogLevel: "info", LogFormat: "text"}.logger(&out)}
	tick, done := make(chan time.Time), make(chan error)
	go func() { h.run(ctx, tick); done <- nil }()
	tick <- time.Time{}
	tick <- time.Time{} // the first has been dealt with
	must(t, books.AppendAudit(ctx, []retail.Disclosure{{At: time.Now(), Subject: "guest:g"}}))
	cancel()
	must(t, errors.Join(<-done))
	h.tell(ctx) // at the stop
	want, err := books.AuditHead(t.Context())
	must(t, err)
	if got := out.String(); strings.Count(got, "audit head") != 2 || !strings.Contains(got, privacy.AuditStart().String()) || !strings.Contains(got, want.String()) {
		t.Errorf("the log says %s", got)
	}
}

// The executor does not show a field below an event the order that it belongs to.
func TestAnEventKnowsWhomItIsAbout(t *testing.T) {
	s := newStories(t)
	s.purchase(t, "ordered", []string{"guest", "S-SH01", "10000018=1"})
	clerk, _ := s.asker(t, []string{"associate", "S-SH01"})
	for name, c := range map[string]struct{ token, want string }{
		"the owner":   {s.saved["guest"], `{"name":"Lin","phone":"+8613800207001"}`},
		"the counter": {clerk, `{"name":"L*","phone":"138****7001"}`},
	} {
		w := s.connect(t, c.token)
		w.subscribe(t, "1", `subscription($id: ID!) { orderChanged(id: $id) { contact { name phone } } }`, map[string]any{"id": s.saved["order"]})
		if m := w.hear(t); !strings.Contains(string(m.Payload), c.want) {
			t.Errorf("%s hears %s", name, m.Payload)
		}
	}
	head, err := s.ledger.AuditHead(t.Context())
	if must(t, err); head.Seq != 1 {
		t.Errorf("%d readings are on record", head.Seq)
	}
}
