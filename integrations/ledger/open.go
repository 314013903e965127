// Package ledger is the gateway's own SQL store and the record of what it has sold: orders, claims, members, feedback, alerts,
// the answers of mutations, the outbox, and the jobs that carry all of it on. It keeps them on SQLite or PostgreSQL. A change
// is one transaction, and the jobs and events that it causes are stored in that transaction.
//
// Read open.go first, then tx.go, claims.go and orders.go.
package ledger

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/jmoiron/sqlx"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/care"
	"github.com/portico-retail/portico/retail/members"
	"github.com/portico-retail/portico/retail/ordering"
	"github.com/portico-retail/portico/retail/privacy"
	"github.com/portico-retail/portico/retail/purchases"
	"github.com/portico-retail/portico/retail/returns"
	"github.com/portico-retail/portico/retail/sourcing"
	"github.com/portico-retail/portico/retail/stock"
)

var (
	_ ordering.Ledger   = (*Ledger)(nil)
	_ returns.Ledger    = (*Ledger)(nil)
	_ purchases.Ledger  = (*Ledger)(nil)
	_ members.Ledger    = (*Ledger)(nil)
	_ care.Store        = (*Ledger)(nil)
	_ sourcing.Slots    = (*Ledger)(nil)
	_ stock.ClaimLedger = (*Ledger)(nil)
	_ retail.Tx         = (*tx)(nil)
)

// Config says where the ledger lies. A zero field means its default.
type Config struct {
	// DSN is a postgres:// URL, the path of a SQLite file, or empty for a private SQLite file that Close removes.
	DSN string
	// MaxConns bounds the connections to PostgreSQL, 3 to 1,000; default 16. SQLite has one that writes and 4 that read.
	MaxConns int
	// Timeout bounds every call; an earlier deadline of the context wins. Default 10 s.
	Timeout time.Duration
	// KeepAnswers is how long answers of mutations are kept, at least 24 h; default 48 h.
	KeepAnswers time.Duration
	// KeepEvents is how long events, notices, past slots and shoppers' ended holds are kept; default 30 days.
	KeepEvents time.Duration
	// Workers is how many jobs run at the same time, 1 to 100; default 8.
	Workers int
	// Now is the clock of everything but the instants at which jobs run, which is the system's; default time.Now.
	Now func() time.Time
	// AuditKey makes the audit log; nil makes it of plain hashes, which whoever can write the table can make as well.
	AuditKey *privacy.AuditKey
	// DataKey makes the digests of phones and of what is guessed, the same for all gateways of the ledger. Without one they are plain
	// hashes: phones are few enough to try them all.
	DataKey []byte
	// Log is for what an operator should see; nil means nowhere.
	Log *slog.Logger
	// Registerer takes the metrics; nil means nobody does.
	Registerer prometheus.Registerer
}

func (c Config) withDefaults() Config {
	if c.MaxConns == 0 {
		c.MaxConns = 16
	}
	if c.Timeout == 0 {
		c.Timeout = 10 * time.Second
	}
	if c.KeepAnswers == 0 {
		c.KeepAnswers = 48 * time.Hour
	}
	if c.KeepEvents == 0 {
		c.KeepEvents = 30 * 24 * time.Hour
	}
	if c.Workers == 0 {
		c.Workers = 8
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Validate says which field is out of bounds.
func (c Config) Validate() error {
	c = c.withDefaults()
	switch {
	case c.MaxConns < 3 || c.MaxConns > 1000:
		return fmt.Errorf("ledger: MaxConns %d is not within 3 to 1000", c.MaxConns)
	case c.Timeout < 0:
		return fmt.Errorf("ledger: Timeout %v is negative", c.Timeout)
	case c.KeepAnswers < 24*time.Hour:
		return fmt.Errorf("ledger: KeepAnswers %v is below 24h", c.KeepAnswers)
	case c.KeepEvents < time.Hour:
		return fmt.Errorf("ledger: KeepEvents %v is below 1h", c.KeepEvents)
	case c.Workers < 1 || c.Workers > 100:
		return fmt.Errorf("ledger: Workers %d is not within 1 to 100", c.Workers)
	}
	return nil
}

// Ledger is the open store. It is safe for concurrent use.
type Ledger struct {
	cfg      Config
	log      *slog.Logger
	id       string // of this gateway among those of the ledger
	now      func() time.Time
	metrics  *metrics
	postgres bool
	write    *sqlx.DB      // on SQLite one connection
	read     *sqlx.DB      // on PostgreSQL the same as write
	pool     *pgxpool.Pool // below write; nil on SQLite
	dir      string        // private files; empty when there are none
	jobs     inserter
	audit    auditQueue
	begins   bool // opened to begin a key of the audit log

	mu       sync.Mutex
	handlers map[retail.JobKind]Handler
	busy     map[retail.Job]bool // by kind and key, while a job runs here
}

// Open opens the ledger and brings its tables up to date, also when several gateways do so at once. The database, or the schema
// that its search_path names, should be the ledger's alone. Close it when done.
func Open(ctx context.Context, cfg Config) (*Ledger, error) {
	l, err := newLedger(cfg)
	if err != nil {
		return nil, err
	}
	if err := l.open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("ledger: open: %w", err), l.Close())
	}
	return l, nil
}

func newLedger(cfg Config) (*Ledger, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	l := &Ledger{
		cfg: cfg, log: cfg.Log, id: "portico-" + rand.Text(), now: time.Now, metrics: newMetrics(cfg.Registerer),
		handlers: map[retail.JobKind]Handler{}, busy: map[retail.Job]bool{},
	}
	if cfg.Now != nil {
		l.now = cfg.Now
	}
	return l, nil
}

// OpenReader opens the ledger of a gateway that may be running, to read it and no more. Close it when done.
func OpenReader(ctx context.Context, cfg Config) (*Ledger, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	l := &Ledger{cfg: cfg.withDefaults(), now: time.Now, metrics: newMetrics(nil)}
	l.log = l.cfg.Log
	err := l.openToRead(ctx)
	if err == nil {
		err = l.Check(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("ledger: open: %w", err), l.Close())
	}
	return l, nil
}

func (l *Ledger) openToRead(ctx context.Context) (err error) {
	switch {
	case isPostgres(l.cfg.DSN):
		return l.openPostgres(ctx)
	case l.cfg.DSN == "":
		return errors.New("no DSN is given")
	}
	l.read, err = sqlx.Open("sqlite", sqliteDSN(l.cfg.DSN, "mode=ro", "_pragma=query_only(1)"))
	return err
}

func isPostgres(dsn string) bool {
	return strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://")
}

func (l *Ledger) open(ctx context.Context) error {
	connect := l.openSQLite
	if isPostgres(l.cfg.DSN) {
		connect = l.openPostgres
	}
	if err := connect(ctx); err != nil {
		return err
	}
	if err := l.migrate(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	if !l.begins {
		if err := errors.Join(l.forgetCalls(ctx), l.checkAudit(ctx)); err != nil {
			return err
		}
	}
	var err error
	l.jobs, err = newInserter(l.riverDriver())
	return err
}

func (l *Ledger) openPostgres(ctx context.Context) error {
	config, err := pgxpool.ParseConfig(l.cfg.DSN)
	if err != nil {
		return errors.New("the DSN cannot be read") // pgx would show it
	}
	config.MaxConns, config.AfterConnect = int32(l.cfg.MaxConns), l.live
	l.pool, err = pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return err
	}
	l.postgres = true
	l.write = sqlx.NewDb(stdlib.OpenDBFromPool(l.pool), "pgx")
	l.read = l.write
	return nil
}

func (l *Ledger) openSQLite(context.Context) (err error) {
	file, durability := l.cfg.DSN, "full" // what is acknowledged outlives a power failure
	if file == "" {
		if l.dir, err = os.MkdirTemp("", "portico-ledger-"); err != nil {
			return err
		}
		file, durability = filepath.Join(l.dir, "ledger.db"), "off" // nobody opens it again
	}
	// The file names people: it is nobody else's to read, and SQLite gives the files beside it the same rights.
	if f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return err
	} else if err := f.Close(); err != nil {
		return err
	}
	writing := sqliteDSN(file, "_txlock=immediate", "_pragma=journal_mode(wal)", "_pragma=synchronous("+durability+")")
	l.write, err = sqlx.Open("sqlite", writing)
	if err != nil {
		return err
	}
	l.write.SetMaxOpenConns(1)
	l.write.SetMaxIdleConns(1)
	l.read, err = sqlx.Open("sqlite", sqliteDSN(file, "mode=ro", "_pragma=query_only(1)"))
	if err != nil {
		return err
	}
	l.read.SetMaxOpenConns(4)
	l.read.SetMaxIdleConns(4)
	return nil
}

func sqliteDSN(file string, params ...string) string {
	params = append(params, "_pragma=busy_timeout(5000)")
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: file}).EscapedPath(), RawQuery: strings.Join(params, "&")}).String()
}

// Check reports whether the ledger answers.
func (l *Ledger) Check(ctx context.Context) error {
	var one int
	_, err := l.one(ctx, &one, `SELECT 1`)
	return err
}

// Close closes the ledger and removes private files. Nothing may be using it, Run included.
func (l *Ledger) Close() error {
	var errs []error
	if l.read != nil && l.read != l.write {
		errs = append(errs, l.read.Close())
	}
	if l.write != nil {
		errs = append(errs, l.write.Close())
	}
	if l.pool != nil {
		l.pool.Close()
	}
	if l.dir != "" {
		errs = append(errs, os.RemoveAll(l.dir))
	}
	return errors.Join(errs...)
}
