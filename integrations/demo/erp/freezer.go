package erp

import (
	"context"
	"database/sql/driver"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/portico-retail/portico/integrations/demo/faults"
)

// freezeTimeout bounds the copy that is taken when the stale switch goes on.
const freezeTimeout = 30 * time.Second

// freezer keeps the copy of the database from which stale answers come: a file by VACUUM INTO on SQLite, a schema with
// copies of the tables on PostgreSQL. It is taken when the switch goes on and dropped when it goes off.
type freezer struct {
	erp  *ERP
	open func(place string) (driver.Connector, error)

	mu   sync.Mutex
	copy *frozenCopy // nil while the switch is off
	n    int
}

type frozenCopy struct {
	place     string // file or schema
	connector driver.Connector
	err       error // why there is no copy
}

func newFreezer(e *ERP, open func(place string) (driver.Connector, error)) *freezer {
	return &freezer{erp: e, open: open}
}

// current is the copy to answer from, nil for the live database.
func (f *freezer) current() *frozenCopy {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.copy
}

// onChange follows the stale switch; the copy exists before the change of the switch returns.
func (f *freezer) onChange(s faults.State) {
	if on := f.current() != nil; s.Stale == on {
		return
	}
	if s.Stale {
		f.freeze()
	} else {
		f.thaw()
	}
}

func (f *freezer) freeze() {
	ctx, cancel := context.WithTimeout(context.Background(), freezeTimeout)
	defer cancel()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n++
	c := &frozenCopy{}
	if f.erp.dialect == "pgx" {
		c.place = fmt.Sprintf("portico_stale_%d_%d", os.Getpid(), f.n)
		c.err = f.erp.copySchema(ctx, c.place)
	} else {
		c.place = filepath.Join(f.erp.dir, fmt.Sprintf("stale-%d.db", f.n))
		c.err = f.erp.copyFile(ctx, c.place)
	}
	if c.err == nil {
		c.connector, c.err = f.open(c.place)
	}
	f.copy = c
}

// thaw drops the copy, if there is one. A connection that still reads it finishes undisturbed. What cannot be dropped
// stays behind harmlessly: a file goes with the private directory, a schema is never read again.
func (f *freezer) thaw() {
	f.mu.Lock()
	c := f.copy
	f.copy = nil
	f.mu.Unlock()
	if c == nil {
		return
	}
	if f.erp.dialect != "pgx" {
		_ = os.Remove(c.place)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), freezeTimeout)
	defer cancel()
	_, _ = f.erp.writer.ExecContext(ctx, "DROP SCHEMA IF EXISTS "+c.place+" CASCADE")
}

func (e *ERP) copyFile(ctx context.Context, path string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, err := e.writer.ExecContext(ctx, "VACUUM INTO ?", path)
	return err
}

func (e *ERP) copySchema(ctx context.Context, schema string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	tx, err := e.writer.BeginTxx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing
	statements := []string{"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "CREATE SCHEMA " + schema}
	for _, table := range tables {
		statements = append(statements, "CREATE TABLE "+schema+"."+table+" (LIKE "+table+" INCLUDING ALL)",
			"INSERT INTO "+schema+"."+table+" TABLE "+table)
	}
	for _, s := range statements {
		if _, err := tx.ExecContext(ctx, s); err != nil {
			return err
		}
	}
	return tx.Commit()
}
