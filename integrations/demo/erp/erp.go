// Package erp is a stand-in for a legacy ERP: the SQL database of docs/wires.md on SQLite or PostgreSQL, the jobs that
// keep it alive (heartbeat, adjustments, the nightly booking of the tills, shipments, points and tiers), and a second,
// faulted handle on it for the gateway, which may read everything and write what docs/wires.md says. It shares no code
// with the adapter that uses it. Read erp.go first, then books.go, person.go and faulty.go.
//
// What it does not emulate: documents, valuation, users and rights. The delayMs switch does nothing here: a database
// shows what is committed, and hiding rows behind a fresh ifc_stat would be a lie that no reader could detect.
package erp

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/jmoiron/sqlx"
	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"

	"github.com/portico-retail/portico/integrations/demo/faults"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Options say where the database lies.
type Options struct {
	// DSN is a postgres:// URL, the path of a SQLite file, or empty for a private SQLite file that Close removes.
	DSN string
	// Board holds the fault switches of the gateway's handle; nil means that none is ever on.
	Board *faults.Board
	// Now dates heartbeats; nil means time.Now.
	Now func() time.Time
}

// ERP is an open database. It is safe for concurrent use.
type ERP struct {
	dialect string // "sqlite" or "pgx", the name that sqlx knows it by
	writer  *sqlx.DB
	gateway *sql.DB
	frozen  *freezer
	now     func() time.Time
	dir     string // private files; empty on PostgreSQL

	mu sync.Mutex // one writer at a time, so that the order of chg_seq is the order of commits
}

// Open opens the database and brings its tables up to date. A database with tables of somebody else is refused: Seed
// empties ours, and a setting meant for the gateway must not lead here to a real ERP. Close it when done.
func Open(ctx context.Context, opts Options) (*ERP, error) {
	if opts.Board == nil {
		opts.Board = faults.NewBoard(0)
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	e := &ERP{now: opts.Now}
	live, writes, err := e.connect(opts.DSN)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("erp: open: %w", err), e.Close())
	}
	if err := e.refuseForeign(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("erp: open: %w", err), e.Close())
	}
	if err := e.migrate(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("erp: migrate: %w", err), e.Close())
	}
	e.gateway = sql.OpenDB(&connector{live: live, writes: writes, board: opts.Board, frozen: e.frozen})
	e.gateway.SetMaxOpenConns(8)
	e.gateway.SetMaxIdleConns(8)
	opts.Board.OnChange(e.frozen.onChange)
	return e, nil
}

// connect prepares the writer and the freezer, and returns how the gateway's handle connects, and how it does so to write
// where that is another way.
func (e *ERP) connect(dsn string) (live, writes driver.Connector, err error) {
	if strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://") {
		live, err = e.connectPostgres(dsn)
		return live, nil, err
	}
	return e.connectSQLite(dsn)
}

func (e *ERP) connectPostgres(dsn string) (driver.Connector, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	e.dialect = "pgx"
	live := stdlib.GetConnector(*config)
	e.writer = sqlx.NewDb(sql.OpenDB(live), e.dialect)
	e.writer.SetMaxOpenConns(2)
	e.frozen = newFreezer(e, func(schema string) (driver.Connector, error) {
		frozen := config.Copy()
		frozen.RuntimeParams["search_path"] = schema
		return stdlib.GetConnector(*frozen), nil
	})
	return live, nil
}

func (e *ERP) connectSQLite(path string) (live, writes driver.Connector, err error) {
	dir, err := os.MkdirTemp("", "portico-erp-")
	if err != nil {
		return nil, nil, err
	}
	e.dialect, e.dir = "sqlite", dir
	durability := "normal"
	if path == "" {
		path, durability = filepath.Join(dir, "erp.db"), "off" // nobody opens it again after a crash
	}
	writes, err = sqlite.NewConnector(sqliteDSN(path, "_txlock=immediate", "_pragma=journal_mode(wal)", "_pragma=synchronous("+durability+")"))
	if err != nil {
		return nil, nil, err
	}
	e.writer = sqlx.NewDb(sql.OpenDB(writes), e.dialect)
	e.writer.SetMaxOpenConns(1)
	readOnly := func(file string) (driver.Connector, error) {
		return sqlite.NewConnector(sqliteDSN(file, "mode=ro", "_pragma=query_only(1)"))
	}
	e.frozen = newFreezer(e, readOnly)
	live, err = readOnly(path)
	return live, writes, err
}

func sqliteDSN(path string, params ...string) string {
	params = append(params, "_pragma=busy_timeout(5000)")
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: strings.Join(params, "&")}).String()
}

func (e *ERP) refuseForeign(ctx context.Context) error {
	list := `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name`
	if e.dialect == "pgx" {
		list = `SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() ORDER BY table_name`
	}
	var names []string
	if err := e.writer.SelectContext(ctx, &names, list); err != nil {
		return err
	}
	ours := append([]string{"chg_ctl", goose.DefaultTablename}, tables...)
	for _, name := range names {
		if !slices.Contains(ours, name) {
			return fmt.Errorf("the database holds a table %q that is not of the demo: give the demo a database of its own", name)
		}
	}
	if len(names) > 0 && !slices.Contains(names, goose.DefaultTablename) {
		return fmt.Errorf("the database holds tables that the demo did not make: give the demo a database of its own")
	}
	return nil
}

func (e *ERP) migrate(ctx context.Context) error {
	dialect := goose.DialectSQLite3
	if e.dialect == "pgx" {
		dialect = goose.DialectPostgres
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(dialect, e.writer.DB, files)
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return err
}

// Gateway is the handle for the gateway: it obeys the fault switches, reads everything, and writes only to the tables that
// docs/wires.md opens to it, by statements outside of a transaction. Close closes it.
func (e *ERP) Gateway() *sql.DB { return e.gateway }

// Dialect is the driver name under which sqlx knows the database: "sqlite" or "pgx".
func (e *ERP) Dialect() string { return e.dialect }

// Close closes both handles and removes private files.
func (e *ERP) Close() error {
	var errs []error
	if e.gateway != nil {
		errs = append(errs, e.gateway.Close())
	}
	if e.frozen != nil {
		e.frozen.thaw()
	}
	if e.writer != nil {
		errs = append(errs, e.writer.Close())
	}
	if e.dir != "" {
		errs = append(errs, os.RemoveAll(e.dir))
	}
	return errors.Join(errs...)
}
