package ledger_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"go.uber.org/goleak"
	"golang.org/x/sync/errgroup"

	"github.com/portico-retail/portico/integrations/ledger"
	"github.com/portico-retail/portico/retail"
)

func TestMain(m *testing.M) {
	if dsn := os.Getenv("PORTICO_LEDGER_CHILD"); dsn != "" {
		childMain(dsn)
		return
	}
	if dsn := os.Getenv("PORTICO_LEDGER_WORKER"); dsn != "" {
		workerMain(dsn)
		return
	}
	goleak.VerifyTestMain(m)
}

var noon = time.Date(2026, 3, 2, 4, 0, 0, 0, time.UTC)

// clock is a clock that stands still until it is moved.
type clock struct{ micros atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.micros.Store(noon.UnixMicro())
	return c
}

func (c *clock) now() time.Time       { return time.UnixMicro(c.micros.Load()).UTC() }
func (c *clock) pass(d time.Duration) { c.micros.Add(d.Microseconds()) }

// rig is an empty database of some kind.
type rig struct {
	kind  string
	dsn   string
	clock *clock
}

var rigs atomic.Int64

// onEveryDatabase runs the suite on SQLite, and on the PostgreSQL that the environment names.
func onEveryDatabase(t *testing.T, suite func(t *testing.T, r rig)) {
	t.Helper()
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) { suite(t, newRig(t, kind)) })
	}
}

func newRig(t testing.TB, kind string) rig {
	t.Helper()
	r := rig{kind: kind, clock: newClock()}
	if kind == "sqlite" {
		r.dsn = filepath.Join(t.TempDir(), "ledger.db")
		return r
	}
	base := os.Getenv("PORTICO_TEST_POSTGRES_DSN")
	if base == "" {
		t.Skip("PORTICO_TEST_POSTGRES_DSN is not set")
	}
	schema := fmt.Sprintf("ledger_%d_%d", os.Getpid(), rigs.Add(1))
	admin(t, base, `CREATE SCHEMA `+schema)
	t.Cleanup(func() { admin(t, base, `DROP SCHEMA `+schema+` CASCADE`) })
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	r.dsn = u.String()
	return r
}

func admin(t testing.TB, dsn, statement string) {
	t.Helper()
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(context.Background(), statement); err != nil {
		t.Fatal(err)
	}
}

// open opens the rig's ledger until the test ends.
func (r rig) open(t testing.TB) *ledger.Ledger {
	t.Helper()
	l, closeIt := r.openFor(t)
	t.Cleanup(closeIt)
	return l
}

func (r rig) openFor(t testing.TB) (l *ledger.Ledger, closeIt func()) {
	t.Helper()
	l, err := ledger.Open(context.Background(), ledger.Config{DSN: r.dsn, Now: r.clock.now, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return l, func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
}

// parallel runs do n times at once and returns the errors by number.
func parallel(n int, do func(i int) error) []error {
	errs := make([]error, n)
	var ready, done sync.WaitGroup
	ready.Add(n)
	for i := range n {
		done.Go(func() {
			ready.Done()
			ready.Wait()
			errs[i] = do(i)
		})
	}
	done.Wait()
	return errs
}

func wantCode(t testing.TB, err error, code retail.Code, retryable bool) {
	t.Helper()
	var e *retail.Error
	if !errors.As(err, &e) || e.Code != code || e.Retryable != retryable {
		t.Fatalf("got error %v, want %s, retryable %v", err, code, retryable)
	}
}

func wantRefusal(t testing.TB, err error, why retail.Why) retail.Refusal {
	t.Helper()
	list, ok := retail.RefusalsOf(err)
	if !ok || list[0].Why != why {
		t.Fatalf("got error %v, want a refusal with %s", err, why)
	}
	return *list[0]
}

func must[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func mustDo(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestOpeningAgainChangesNothing(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, closeIt := r.openFor(t)
		if fresh := must(l.Notify(t.Context(), "event-1"))(t); !fresh {
			t.Error("the first event is not fresh")
		}
		closeIt()
		if fresh := must(r.open(t).Notify(t.Context(), "event-1"))(t); fresh {
			t.Error("the second ledger does not know what the first one stored")
		}
	})
}

func TestSeveralGatewaysMayOpenAtOnce(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		var g errgroup.Group
		for range 6 {
			g.Go(func() error {
				l, err := ledger.Open(t.Context(), ledger.Config{DSN: r.dsn})
				if err != nil {
					return err
				}
				return l.Close()
			})
		}
		mustDo(t, g.Wait())
		mustDo(t, r.open(t).Check(t.Context()))
	})
}

func TestAPrivateLedgerLeavesNothingBehind(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	l, err := ledger.Open(t.Context(), ledger.Config{})
	mustDo(t, err)
	if files, _ := filepath.Glob(filepath.Join(os.TempDir(), "portico-ledger-*")); len(files) != 1 {
		t.Fatalf("got %v, want one private folder", files)
	}
	mustDo(t, l.Close())
	if files, _ := filepath.Glob(filepath.Join(os.TempDir(), "portico-ledger-*")); len(files) != 0 {
		t.Fatalf("got %v after Close, want nothing", files)
	}
}

func TestTheFileIsForItsOwnerOnly(t *testing.T) {
	r := newRig(t, "sqlite")
	must(r.open(t).Notify(t.Context(), "e"))(t)
	files, err := filepath.Glob(r.dsn + "*")
	mustDo(t, err)
	for _, file := range files {
		info, err := os.Stat(file)
		mustDo(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has rights %v", file, info.Mode())
		}
	}
	if len(files) != 3 {
		t.Errorf("got %v", files)
	}
}

func TestConfigIsChecked(t *testing.T) {
	for name, cfg := range map[string]ledger.Config{
		"answers are kept for a day at least":  {KeepAnswers: 23 * time.Hour},
		"events are kept for an hour at least": {KeepEvents: time.Minute},
		"a pool of two cannot listen and work": {MaxConns: 2},
		"no worker":                            {Workers: -1},
		"a call has time":                      {Timeout: -1},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := ledger.Open(t.Context(), cfg); err == nil {
				t.Fatal("got no error")
			}
		})
	}
	mustDo(t, ledger.Config{}.Validate())
}

func TestADatabaseThatIsDownIsAnErrorWithoutItsPassword(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for _, dsn := range []string{"postgres://portico:geheim@127.0.0.1:1/x", "postgres://portico:geheim@127.0.0.1:x/x"} {
		_, err := ledger.Open(ctx, ledger.Config{DSN: dsn})
		if err == nil || strings.Contains(err.Error(), "geheim") {
			t.Fatalf("got %v", err)
		}
	}
}
