package erp

import (
	"context"
	"database/sql/driver"
	"errors"
	"regexp"
	"strings"
)

// Errors of writes through the faulted handle.
var (
	ErrForbidden = errors.New("erp: permission denied")
	// ErrLost follows a statement that was carried out. It is no driver.ErrBadConn, for which database/sql would repeat the
	// statement on its own.
	ErrLost = errors.New("erp: connection lost before the answer")
)

var writeTarget = regexp.MustCompile(`(?is)^\s*(INSERT\s+INTO|UPDATE)\s+(\w+)\s`)

// allowed reports whether the gateway may make a statement that changes something.
func allowed(query string) bool {
	m := writeTarget.FindStringSubmatch(query)
	if m == nil {
		return false
	}
	switch verb := strings.ToUpper(m[1][:6]); strings.ToLower(m[2]) {
	case "cust_mst":
		return true
	case "pts_led", "prv_req":
		return verb == "INSERT"
	case "cpn_mst":
		return verb == "UPDATE"
	}
	return false
}

// writing is the connection for statements that change something: on SQLite not the one that reads, which can only read.
func (c *conn) writing(ctx context.Context) (driver.Conn, error) {
	if c.writes == nil {
		return c.live, nil
	}
	if c.writer == nil {
		w, err := c.writes.Connect(ctx)
		if err != nil {
			return nil, err
		}
		c.writer = w
	}
	return c.writer, nil
}

// lose drops the connection after the work was done, for the share of statements that loseReplies says.
func (c *conn) lose() error {
	if !c.board.Share(c.board.Get().LoseReplies) {
		return nil
	}
	c.lost = true
	return ErrLost
}
