package retail

import (
	"encoding/base64"
	"strconv"
	"strings"
)

// PageInfo tells where a page lies in the whole list.
type PageInfo struct {
	HasNextPage     bool
	HasPreviousPage bool
	StartCursor     *string
	EndCursor       *string
}

// MaxPage bounds `first`.
const MaxPage = 100

// CheckFirst refuses a page size outside 1..limit.
func CheckFirst(first, limit int) error {
	if first < 1 || first > limit {
		return BadInput("first must be 1 to %d", limit)
	}
	return nil
}

// Cursor makes the opaque cursor of the edge with this offset key: the position of the edge and the version of the list
// it was cut from.
func Cursor(position int, version uint64) string {
	return base64.RawURLEncoding.EncodeToString([]byte("c1:" + strconv.Itoa(position) + ":" + strconv.FormatUint(version, 36)))
}

// ParseCursor is the inverse of Cursor.
func ParseCursor(cursor string) (position int, version uint64, err error) {
	bad := BadInput("after is not a cursor of this list")
	if len(cursor) > 60 {
		return 0, 0, bad
	}
	raw, derr := base64.RawURLEncoding.Strict().DecodeString(cursor)
	parts := strings.Split(string(raw), ":")
	if derr != nil || len(parts) != 3 || parts[0] != "c1" {
		return 0, 0, bad
	}
	position, perr := strconv.Atoi(parts[1])
	version, verr := strconv.ParseUint(parts[2], 36, 64)
	if perr != nil || verr != nil || position < 0 || Cursor(position, version) != cursor {
		return 0, 0, bad
	}
	return position, version, nil
}
