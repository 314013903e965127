package erp

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/portico-retail/portico/integrations/upstream"
	"github.com/portico-retail/portico/retail"
)

// instantFormat is how instants are bound, so that text order is time order.
const instantFormat = "2006-01-02T15:04:05.000Z"

func instant(t time.Time) string { return t.UTC().Format(instantFormat) }

// nullable binds an empty text as null.
func nullable(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// bind makes a statement of a file with its arguments. An error may repeat them.
func (c *Client) bind(file string, args map[string]any) (text string, values []any, err error) {
	if args == nil {
		args = map[string]any{}
	}
	text, values, err = sqlx.Named(c.queries[file], args)
	if err == nil {
		text, values, err = sqlx.In(text, values...)
	}
	if err != nil {
		return "", nil, fmt.Errorf("parameters: %w", err)
	}
	return c.db.Rebind(text), values, nil
}

// change runs a file's statement, which is a transaction of its own and bears being repeated, and returns how many rows it
// affected.
func (c *Client) change(ctx context.Context, file string, args map[string]any) (affected int64, err error) {
	return upstream.Do(ctx, c.write, file, func(ctx context.Context) (int64, error) {
		text, values, err := c.bind(file, args)
		if err != nil {
			return 0, badAnswer(file, retail.Redact("parameters", err))
		}
		result, err := c.db.ExecContext(ctx, text, values...)
		if err != nil {
			return 0, failure(file, err)
		}
		n, err := result.RowsAffected()
		if err != nil {
			return 0, badAnswer(file, retail.Redact("affected rows", err))
		}
		return n, nil
	})
}

// writes lists the files that change something, with the parameters of each; Check only prepares them.
var writes = map[string][]string{
	"customer_create": append([]string{"reference", "currency"}, customerParameters...),
	"customer_update": customerParameters,
	"coupon_redeem":   {"coupon", "customer", "reference", "at"},
	"coupon_release":  {"coupon", "reference"},
	"privacy_note":    {"reference", "key", "kind", "now"},
	"privacy_correct": {"number", "set_name", "set_email", "set_birthday", "name", "email", "birthday", "now"},
	"privacy_erase":   {"numbers", "references", "now"},
	"points_book":     {"number", "reference", "source", "points", "at", "expires", "title", "title_en"},
}

var customerParameters = []string{
	"number", "name", "phone", "phone_verified", "email", "union_id", "birthday", "card", "account", "now",
}

// checkWrite lets the database read a statement that changes something.
func (c *Client) checkWrite(ctx context.Context, file string) error {
	args := map[string]any{}
	for _, name := range writes[file] {
		args[name] = nil
	}
	return c.prepare(ctx, file, args)
}

// prepare lets the database read a statement without running it. What it says is about the statement only, and whoever wrote
// that needs its words.
func (c *Client) prepare(ctx context.Context, file string, args map[string]any) error {
	_, err := upstream.Do(ctx, c.feed, "check", func(ctx context.Context) (struct{}, error) {
		text, _, err := c.bind(file, args)
		if err != nil {
			return struct{}{}, badAnswer(file, err)
		}
		statement, err := c.db.PrepareContext(ctx, text)
		if err != nil {
			return struct{}{}, retail.Unavailable(retail.SourceERP, fmt.Errorf("erp: %s: %w", file, err))
		}
		return struct{}{}, statement.Close()
	})
	return err
}

func noCustomer() error {
	return &retail.Error{Code: retail.CodeNotFound, Source: retail.SourceERP, Message: "there is no such customer"}
}

// looked is what a query found; rows of another type than the file promises are counted only.
type looked[T any] struct {
	rows       []T
	unreadable int
}

// lookUp runs a file's query for a shopper who waits.
func lookUp[T any](ctx context.Context, c *Client, file string, args map[string]any, limit int) (looked[T], error) {
	found, err := upstream.Do(ctx, c.live, file, func(ctx context.Context) (found looked[T], err error) {
		found.rows, found.unreadable, err = query[T](ctx, c, file, args, limit)
		return found, err
	})
	c.metrics.Quarantine(retail.SourceERP, file, found.unreadable)
	return found, err
}

// readable reads rows one by one; those that cannot be read are left out and counted, all of them are refused.
func readable[R, T any](c *Client, file string, rows []R, read func(R) (T, bool)) ([]T, error) {
	list := make([]T, 0, len(rows))
	for _, r := range rows {
		if item, ok := read(r); ok {
			list = append(list, item)
		}
	}
	if len(list) == 0 && len(rows) > 0 {
		return nil, badAnswer(file, errors.New("no row is readable"))
	}
	c.metrics.Quarantine(retail.SourceERP, file, len(rows)-len(list))
	return list, nil
}
