package ledger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/portico-retail/portico/retail"
)

func TestErrorsOfTheDatabaseAreSorted(t *testing.T) {
	pg := func(code string) error {
		return fmt.Errorf("wrapped: %w", &pgconn.PgError{Code: code, Message: "secret"})
	}
	for name, c := range map[string]struct {
		err    error
		code   retail.Code
		again  bool
		undone bool
	}{
		"a serialization failure":         {pg("40001"), retail.CodeUpstreamUnavailable, true, true},
		"a deadlock":                      {pg("40P01"), retail.CodeUpstreamUnavailable, true, true},
		"a broken constraint":             {pg("23505"), retail.CodeInternal, false, true},
		"text that is none":               {pg("22021"), retail.CodeInternal, false, true},
		"a missing table":                 {pg("42P01"), retail.CodeInternal, false, true},
		"a full disk":                     {pg("53100"), retail.CodeUpstreamUnavailable, false, true},
		"a server that shuts down":        {pg("57P01"), retail.CodeUpstreamUnavailable, false, false},
		"a connection that is lost":       {pg("08006"), retail.CodeUpstreamUnavailable, false, false},
		"a commit that became a rollback": {pgx.ErrTxCommitRollback, retail.CodeUpstreamUnavailable, false, true},
		"an end in the middle":            {io.ErrUnexpectedEOF, retail.CodeUpstreamUnavailable, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			err := fault(context.Background(), c.err)
			var e *retail.Error
			if !errors.As(err, &e) || e.Code != c.code || e.Retryable != (c.code != retail.CodeInternal) || e.Source != "" {
				t.Errorf("got %+v", err)
			}
			if e.Message == "" || !errors.Is(err, c.err) {
				t.Errorf("message %q, cause %v", e.Message, e.Err)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the words of the database are in %v", err)
			}
			if again(c.err) != c.again || undone(c.err) != c.undone {
				t.Errorf("again %v, undone %v", again(c.err), undone(c.err))
			}
		})
	}
}
