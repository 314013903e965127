package erp

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"sort"
	"strings"

	"github.com/jmoiron/sqlx"

	"github.com/portico-retail/portico/retail"
)

//go:embed sql/*.sql
var builtin embed.FS

// loadQueries reads the queries by base name; a file in dir replaces the built-in one. A file that replaces nothing is
// refused, because it is a misspelt name.
func loadQueries(dir string) (map[string]string, error) {
	queries := map[string]string{}
	entries, err := builtin.ReadDir("sql")
	if err != nil {
		return nil, fmt.Errorf("erp: read queries: %w", err)
	}
	for _, e := range entries {
		text, err := fs.ReadFile(builtin, "sql/"+e.Name())
		if err != nil {
			return nil, fmt.Errorf("erp: read queries: %w", err)
		}
		queries[strings.TrimSuffix(e.Name(), ".sql")] = statement(string(text))
	}
	if dir == "" {
		return queries, nil
	}
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("erp: SQLDir: %w", err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.sql"))
	if err != nil {
		return nil, fmt.Errorf("erp: SQLDir: %w", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".sql")
		if _, known := queries[name]; !known {
			return nil, fmt.Errorf("erp: SQLDir: %s is not the name of a query", filepath.Base(file))
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("erp: SQLDir: %w", err)
		}
		queries[name] = statement(string(text))
	}
	return queries, nil
}

// statement drops comment lines, whose colons and question marks would be taken for parameters, and a last semicolon.
func statement(text string) string {
	var kept []string
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(strings.TrimSpace(line), "--") {
			kept = append(kept, line)
		}
	}
	return strings.TrimSuffix(strings.TrimSpace(strings.Join(kept, "")), ";")
}

// query runs a file's query and scans its rows. A row that does not fit T is counted, not fatal; more than limit rows
// are refused, and so is an answer without one readable row: then the ERP is ill, not the row.
func query[T any](
	ctx context.Context, c *Client, file string, args map[string]any, limit int,
) (list []T, unreadable int, err error) {
	err = c.run(ctx, file, reflect.TypeFor[T](), args, func(rows *sqlx.Rows) error {
		for rows.Next() {
			if len(list)+unreadable == limit {
				return badAnswer(file, fmt.Errorf("more than %d rows", limit))
			}
			var row T
			if rows.StructScan(&row) != nil {
				unreadable++
				continue
			}
			list = append(list, row)
		}
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	if len(list) == 0 && unreadable > 0 {
		return nil, 0, badAnswer(file, errors.New("no row is readable"))
	}
	return list, unreadable, nil
}

// run runs a file's query, checks that the result has the columns of row, and lets read have the rows.
func (c *Client) run(
	ctx context.Context, file string, row reflect.Type, args map[string]any, read func(*sqlx.Rows) error,
) error {
	text, values, err := c.bind(file, args)
	if err != nil {
		return badAnswer(file, retail.Redact("parameters", err))
	}
	rows, err := c.db.QueryxContext(ctx, text, values...) //nolint:sqlclosecheck // closed by the defer below
	if err != nil {
		return failure(file, err)
	}
	defer rows.Close()
	if err := c.checkColumns(rows, file, row); err != nil {
		return err
	}
	if err := read(rows); err != nil {
		return err
	}
	if err := rows.Err(); err != nil {
		return failure(file, err)
	}
	return nil
}

func (c *Client) checkColumns(rows *sqlx.Rows, file string, row reflect.Type) error {
	have, err := rows.Columns()
	if err != nil {
		return failure(file, err)
	}
	missing := map[string]bool{}
	for name := range c.db.Mapper.TypeMap(row).Names {
		missing[name] = true
	}
	for _, name := range have {
		delete(missing, strings.ToLower(name))
	}
	if len(missing) == 0 {
		return nil
	}
	names := make([]string, 0, len(missing))
	for name := range missing {
		names = append(names, name)
	}
	sort.Strings(names)
	return badAnswer(file, fmt.Errorf("the result lacks the column %s", strings.Join(names, ", ")))
}

// failure maps what the database says; drivers share no codes, so all of it means that the ERP cannot be asked. Its words may
// repeat a parameter or a row, and are not kept.
func failure(file string, err error) error {
	return retail.Unavailable(retail.SourceERP, retail.Redact("erp: "+file, err))
}

// badAnswer says that the ERP answers, but not what the query must return. err is the program's own.
func badAnswer(file string, err error) error {
	return retail.BadUpstream(retail.SourceERP, fmt.Errorf("erp: %s: %w", file, err))
}
