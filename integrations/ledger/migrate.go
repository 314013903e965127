package ledger

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
)

//go:embed migrations/*.sql
var migrations embed.FS

// versionTable is not goose's default, which another program in the same database may use.
const versionTable = "ledger_version"

// migrateTries is how often a migration starts again when another gateway on the same SQLite file did the same work first;
// on PostgreSQL they queue for a lock.
const migrateTries = 5

func (l *Ledger) migrate(ctx context.Context) (err error) {
	if l.postgres {
		unlock, lockErr := l.lockMigrations(ctx)
		if lockErr != nil {
			return lockErr
		}
		defer func() { err = errors.Join(err, unlock()) }()
		return l.migrateOnce(ctx)
	}
	for try := 1; ; try++ {
		if err = l.migrateOnce(ctx); err == nil || try == migrateTries {
			return err
		}
		if wait(ctx, 100*time.Millisecond*time.Duration(try)) != nil {
			return err
		}
	}
}

// lockMigrations takes a lock of the session, which ends with the connection if this process dies.
func (l *Ledger) lockMigrations(ctx context.Context) (unlock func() error, err error) {
	const key = 0x706f727469636f // "portico"
	conn, err := l.write.Connx(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := conn.ExecContext(ctx, `SELECT pg_advisory_lock($1)`, key); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return func() error {
		_, err := conn.ExecContext(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1)`, key)
		return errors.Join(err, conn.Close())
	}, nil
}

func (l *Ledger) migrateOnce(ctx context.Context) error {
	if err := l.migrateRiver(ctx); err != nil {
		return err
	}
	dialect := goose.DialectSQLite3
	if l.postgres {
		dialect = goose.DialectPostgres
	}
	list, err := l.migrations()
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(dialect, l.write.DB, nil, goose.WithGoMigrations(list...),
		goose.WithTableName(versionTable), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return err
}

// migrations are the files in the dialect of the database.
func (l *Ledger) migrations() ([]*goose.Migration, error) {
	fill := strings.NewReplacer("{key}", "TEXT", "{bytes}", "BLOB", "{serial}", "INTEGER PRIMARY KEY AUTOINCREMENT", "{jobkey}", l.jobKey(),
		"{auditguard}", l.auditGuard())
	if l.postgres {
		fill = strings.NewReplacer("{key}", `TEXT COLLATE "C"`, "{bytes}", "BYTEA",
			"{serial}", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "{jobkey}", l.jobKey(), "{auditguard}", l.auditGuard())
	}
	files, err := migrations.ReadDir("migrations")
	if err != nil {
		return nil, err
	}
	var list []*goose.Migration
	for _, file := range files {
		text, err := migrations.ReadFile(path.Join("migrations", file.Name()))
		if err != nil {
			return nil, err
		}
		number, _, _ := strings.Cut(file.Name(), "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("migration %s: %w", file.Name(), err)
		}
		up := func(ctx context.Context, tx *sql.Tx) error {
			if _, err := tx.ExecContext(ctx, fill.Replace(string(text))); err != nil || version != sealedSince {
				return err
			}
			return l.sealAnswers(ctx, tx)
		}
		list = append(list, goose.NewGoMigration(version, &goose.GoFunc{RunTx: up}, nil))
	}
	return list, nil
}

func (l *Ledger) migrateRiver(ctx context.Context) error {
	migrator, err := rivermigrate.New(l.riverDriver(), &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	_, err = migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
	return err
}

// riverDriver is the driver that shares transactions with the ledger.
func (l *Ledger) riverDriver() riverdriver.Driver[*sql.Tx] {
	if l.postgres {
		return riverdatabasesql.New(l.write.DB)
	}
	return riversqlite.New(l.write.DB)
}
