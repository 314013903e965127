package erp

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/portico-retail/portico/integrations/demo/faults"
)

// Errors of the faulted handle.
var (
	ErrDown  = errors.New("erp: connection refused")
	ErrFault = errors.New("erp: the database server reported an internal error")
)

// connector makes the connections of the gateway's handle.
type connector struct {
	live   driver.Connector
	writes driver.Connector // nil when live writes too
	board  *faults.Board
	frozen *freezer
}

// Connect implements driver.Connector.
func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	if err := c.trouble(ctx); err != nil {
		return nil, err
	}
	live, err := c.live.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &conn{connector: c, live: live}, nil
}

// Driver implements driver.Connector.
func (c *connector) Driver() driver.Driver { return c.live.Driver() }

// trouble applies the faults that come before any work: latency and down.
func (c *connector) trouble(ctx context.Context) error {
	state := c.board.Get()
	if err := faults.Pause(ctx, state.Latency()); err != nil {
		return err
	}
	if c.board.Get().Down {
		return ErrDown
	}
	return nil
}

// conn answers from the live database or, while the stale switch is on, from the copy. database/sql uses it from one
// goroutine at a time.
type conn struct {
	*connector
	live   driver.Conn
	stale  driver.Conn // of copy; nil when none is open
	copied *frozenCopy
	writer driver.Conn // nil when none is open
	lost   bool
}

// begin applies the faults of one statement and returns the connection to run it on.
func (c *conn) begin(ctx context.Context) (driver.Conn, error) {
	if err := c.trouble(ctx); err != nil {
		return nil, err
	}
	if c.board.Fails() {
		return nil, ErrFault
	}
	frozen := c.frozen.current()
	if frozen != c.copied {
		c.closeStale()
	}
	if frozen == nil {
		return c.live, nil
	}
	if frozen.err != nil {
		return nil, fmt.Errorf("erp: no copy to answer from: %w", frozen.err)
	}
	if c.stale == nil {
		stale, err := frozen.connector.Connect(ctx)
		if err != nil {
			return nil, err
		}
		c.stale, c.copied = stale, frozen
	}
	return c.stale, nil
}

func (c *conn) closeStale() {
	if c.stale != nil {
		_ = c.stale.Close() // a read-only connection has nothing to lose
	}
	c.stale, c.copied = nil, nil
}

// QueryContext implements driver.QueryerContext.
func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	on, err := c.begin(ctx)
	if err != nil {
		return nil, err
	}
	queryer, ok := on.(driver.QueryerContext)
	if !ok {
		return nil, driver.ErrSkip
	}
	rows, err := queryer.QueryContext(ctx, query, args)
	if err != nil {
		return nil, err
	}
	if err := c.lose(); err != nil {
		return nil, errors.Join(err, rows.Close())
	}
	return spoil(ctx, rows, query, c.board)
}

// ExecContext implements driver.ExecerContext. Writes go to the live database also while stale: a replica lags behind, it
// does not refuse.
func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if _, err := c.begin(ctx); err != nil {
		return nil, err
	}
	if !allowed(query) {
		return nil, ErrForbidden
	}
	on, err := c.writing(ctx)
	if err != nil {
		return nil, err
	}
	execer, ok := on.(driver.ExecerContext)
	if !ok {
		return nil, driver.ErrSkip
	}
	result, err := execer.ExecContext(ctx, query, args)
	if err != nil {
		return nil, err
	}
	if err := c.lose(); err != nil {
		return nil, err
	}
	return result, nil
}

// BeginTx implements driver.ConnBeginTx. While stale, statements run on the copy, outside the transaction: the copy does
// not change anyway.
func (c *conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	if err := c.trouble(ctx); err != nil {
		return nil, err
	}
	beginner, ok := c.live.(driver.ConnBeginTx)
	if !ok {
		return nil, errors.New("erp: the driver has no transactions")
	}
	return beginner.BeginTx(ctx, opts)
}

// Begin implements driver.Conn; database/sql calls BeginTx instead.
func (c *conn) Begin() (driver.Tx, error) {
	return c.BeginTx(context.Background(), driver.TxOptions{})
}

// Ping implements driver.Pinger.
func (c *conn) Ping(ctx context.Context) error {
	on, err := c.begin(ctx)
	if err != nil {
		return err
	}
	if pinger, ok := on.(driver.Pinger); ok {
		return pinger.Ping(ctx)
	}
	return nil
}

// ResetSession implements driver.SessionResetter.
func (c *conn) ResetSession(ctx context.Context) error {
	if resetter, ok := c.live.(driver.SessionResetter); ok {
		return resetter.ResetSession(ctx)
	}
	return nil
}

// IsValid implements driver.Validator.
func (c *conn) IsValid() bool {
	validator, ok := c.live.(driver.Validator)
	return !c.lost && (!ok || validator.IsValid())
}

// CheckNamedValue implements driver.NamedValueChecker.
func (c *conn) CheckNamedValue(v *driver.NamedValue) error {
	if checker, ok := c.live.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

// Close implements driver.Conn.
func (c *conn) Close() error {
	c.closeStale()
	var err error
	if c.writer != nil {
		err = c.writer.Close()
	}
	return errors.Join(err, c.live.Close())
}

// Prepare implements driver.Conn; database/sql calls PrepareContext instead.
func (c *conn) Prepare(query string) (driver.Stmt, error) {
	return c.PrepareContext(context.Background(), query)
}

// PrepareContext implements driver.ConnPrepareContext: the database reads the statement, and forgets it again.
func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	on, err := c.begin(ctx)
	if err != nil {
		return nil, err
	}
	if allowed(query) {
		if on, err = c.writing(ctx); err != nil {
			return nil, err
		}
	}
	prepared, err := on.Prepare(query)
	if err != nil {
		return nil, err
	}
	return &stmt{c, query}, prepared.Close()
}

// stmt runs its text anew each time, because the switches may have moved to another database since it was prepared.
type stmt struct {
	conn  *conn
	query string
}

// Close implements driver.Stmt.
func (s *stmt) Close() error { return nil }

// NumInput implements driver.Stmt: the database checks the number of arguments.
func (s *stmt) NumInput() int { return -1 }

// QueryContext implements driver.StmtQueryContext.
func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.conn.QueryContext(ctx, s.query, args)
}

// ExecContext implements driver.StmtExecContext.
func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return s.conn.ExecContext(ctx, s.query, args)
}

// Query implements driver.Stmt; database/sql calls QueryContext instead.
func (s *stmt) Query(args []driver.Value) (driver.Rows, error) {
	return s.QueryContext(context.Background(), named(args))
}

// Exec implements driver.Stmt; database/sql calls ExecContext instead.
func (s *stmt) Exec(args []driver.Value) (driver.Result, error) {
	return s.ExecContext(context.Background(), named(args))
}

func named(args []driver.Value) []driver.NamedValue {
	out := make([]driver.NamedValue, len(args))
	for i, v := range args {
		out[i] = driver.NamedValue{Ordinal: i + 1, Value: v}
	}
	return out
}
