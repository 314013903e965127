package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jmoiron/sqlx"

	"github.com/portico-retail/portico/retail"
)

// parrot stands before a system and, while it is told to, repeats in its answers what it was asked, in all the ways in which the
// wire lets a system speak.
type parrot struct {
	told atomic.Bool
	said atomic.Int64
	sang atomic.Int64 // how often a canary was in it
}

// hears remembers whether a canary is in what is about to be repeated.
func (p *parrot) hears(said string) string {
	if slices.ContainsFunc(cages(), func(c string) bool { return strings.Contains(said, c) }) {
		p.sang.Add(1)
	}
	return said
}

// sings waits until a parrot has repeated a canary once more.
func (p *parrot) sings(t *testing.T, what string) {
	t.Helper()
	before := p.sang.Load()
	eventually(t, func() error {
		if p.sang.Load() == before {
			return fmt.Errorf("nobody has told %s of a canary", what)
		}
		return nil
	})
}

// before is the address of a parrot before a system; answers are the ways of the wire.
func (p *parrot) before(t testing.TB, address string, answers []parrotAnswer) string {
	target, err := url.Parse(address)
	must(t, err)
	proxy := httputil.NewSingleHostReverseProxy(target)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !p.told.Load() {
			proxy.ServeHTTP(w, r)
			return
		}
		body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		answers[int(p.said.Add(1))%len(answers)](w, p.hears(fmt.Sprintf("%s %s %s", r.Method, r.URL.RequestURI(), body)))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

type parrotAnswer func(w http.ResponseWriter, said string)

func plainly(status int) parrotAnswer {
	return func(w http.ResponseWriter, said string) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, said)
	}
}

// headers answers with a header that holds what was said, as far as a header can.
func headers(status int, name string) parrotAnswer {
	return func(w http.ResponseWriter, said string) {
		w.Header().Set(name, url.PathEscape(said[:min(len(said), 2000)]))
		w.WriteHeader(status)
	}
}

// problem answers as the shop does; an empty code is what was said.
func problem(status int, code string) parrotAnswer {
	return func(w http.ResponseWriter, said string) {
		if code == "" {
			code = said
		}
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{"code": code, "message": said}})
	}
}

// tillFault answers as the head office of the tills does.
func tillFault(code string, retryable bool) parrotAnswer {
	return func(w http.ResponseWriter, said string) {
		if code == "" {
			code = said
		}
		_, _ = fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?>`+
			`<Envelope version="1"><Header><MessageId>m</MessageId><SentAt>2026-03-02T04:00:00Z</SentAt></Header><Body>`+
			`<Fault code="%s" retryable="%t">%s</Fault></Body></Envelope>`, html.EscapeString(code), retryable, html.EscapeString(said))
	}
}

// tillElement answers with an element, or an attribute, that is named after what was said.
func tillElement(w http.ResponseWriter, said string) {
	_, _ = fmt.Fprintf(w, `<Envelope version="1"><Header><MessageId>%s</MessageId><SentAt>%[1]s</SentAt></Header><Body><Reply a="%[1]s"/></Body></Envelope>`,
		html.EscapeString(said))
}

// wrongTypes answers with JSON whose numbers, instants and lists are what was said.
func wrongTypes(w http.ResponseWriter, said string) {
	fields := map[string]any{}
	for _, name := range []string{"expiresAt", "accepted", "cart", "payment", "order", "asOf", "total", "items", "orders", "account", "methods", "version"} {
		fields[name] = said
	}
	_ = json.NewEncoder(w).Encode(fields)
}

// tillTongues and shopTongues are how the systems may speak. What is transient comes first, so that jobs meet it in every round.
func tillTongues() []parrotAnswer {
	return []parrotAnswer{
		tillFault("BUSY", true), tillFault("INTERNAL", false), tillFault("BAD_REQUEST", false), tillFault("CONFLICT", false), tillFault("", true),
		tillElement, plainly(http.StatusInternalServerError), plainly(http.StatusOK), headers(http.StatusOK, "Content-Encoding"),
		headers(http.StatusFound, "Location"),
	}
}

func shopTongues() []parrotAnswer {
	return []parrotAnswer{
		problem(http.StatusInternalServerError, "INTERNAL"), problem(http.StatusBadRequest, "BAD_REQUEST"), problem(http.StatusConflict, "VERSION"),
		problem(http.StatusConflict, ""), problem(http.StatusNotFound, "NOT_FOUND"), wrongTypes, plainly(http.StatusInternalServerError),
		plainly(http.StatusOK), headers(http.StatusOK, "Content-Encoding"), headers(http.StatusTemporaryRedirect, "Location"),
	}
}

// database is the parrot before a database.
func (p *parrot) database(t testing.TB, behind *sqlx.DB) *sqlx.DB {
	db := sqlx.NewDb(sql.OpenDB(parrotConnector{p, behind.DB}), behind.DriverName())
	t.Cleanup(func() { _ = db.Close() })
	return db
}

type parrotConnector struct {
	*parrot
	behind *sql.DB
}

func (c parrotConnector) Connect(context.Context) (driver.Conn, error) { return parrotConn(c), nil }
func (c parrotConnector) Driver() driver.Driver                        { return c.behind.Driver() }

// parrotConn has neither transactions nor prepared statements: the gateway uses none when it serves.
type parrotConn parrotConnector

func (parrotConn) Prepare(string) (driver.Stmt, error) { return nil, errors.ErrUnsupported }
func (parrotConn) Begin() (driver.Tx, error)           { return nil, errors.ErrUnsupported }
func (parrotConn) Close() error                        { return nil }

func (c parrotConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if c.told.Load() && c.said.Add(1)%3 != 0 { // what comes before a statement with a canary succeeds in the end
		return nil, c.complaint(args)
	}
	return c.behind.ExecContext(ctx, query, valuesOf(args)...)
}

// QueryContext complains, or answers one row whose every cell is what was said.
func (c parrotConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	told := c.told.Load()
	if told && c.said.Add(1)%3 != 0 {
		return nil, c.complaint(args)
	}
	rows, err := c.behind.QueryContext(ctx, query, valuesOf(args)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := &parrotRows{}
	if found.columns, err = rows.Columns(); err != nil {
		return nil, err
	}
	for !told && rows.Next() {
		row, into := make([]any, len(found.columns)), make([]any, len(found.columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		found.rows = append(found.rows, row)
	}
	if told {
		row := make([]any, len(found.columns))
		for i := range row {
			row[i] = c.hears(fmt.Sprint(valuesOf(args)...))
		}
		found.rows = append(found.rows, row)
	}
	return found, rows.Err()
}

func (c parrotConn) complaint(args []driver.NamedValue) error {
	said := c.hears(fmt.Sprint(valuesOf(args)...))
	state := "22P02"
	if c.said.Add(1)%2 == 0 {
		state = said
	}
	return databaseComplaint{state, said}
}

// databaseComplaint is an error as drivers make it: with a state, and a text that repeats the values of the statement.
type databaseComplaint struct{ state, said string }

func (d databaseComplaint) Error() string {
	return fmt.Sprintf("ERROR: invalid input %q (SQLSTATE %s)", d.said, d.state)
}
func (d databaseComplaint) SQLState() string { return d.state }

type parrotRows struct {
	columns []string
	rows    [][]any
}

func (r *parrotRows) Columns() []string { return r.columns }
func (r *parrotRows) Close() error      { return nil }

func (r *parrotRows) Next(dest []driver.Value) error {
	if len(r.rows) == 0 {
		return io.EOF
	}
	for i, v := range r.rows[0] {
		dest[i] = v
	}
	r.rows = r.rows[1:]
	return nil
}

func valuesOf(args []driver.NamedValue) []any {
	list := make([]any, len(args))
	for i, a := range args {
		list[i] = a.Value
		if a.Name != "" {
			list[i] = sql.Named(a.Name, a.Value)
		}
	}
	return list
}

// jobFails waits until one more job of a kind has failed than when it began, or tried again in vain.
func (s *stories) jobFails(t *testing.T, kind retail.JobKind) {
	t.Helper()
	db, err := sqlx.Open("sqlite", "file:"+s.file+"?mode=ro&_pragma=busy_timeout(5000)")
	must(t, err)
	defer db.Close()
	failures := func() (n int) {
		must(t, db.GetContext(t.Context(), &n, `SELECT COALESCE(SUM(json_array_length(errors)), 0) FROM river_job WHERE kind = ?`, string(kind)))
		return n
	}
	before := failures()
	eventually(t, func() error {
		if failures() == before {
			return fmt.Errorf("no %s job failed", kind)
		}
		return nil
	})
}
