package retail_test

import (
	"encoding/base64"
	"math"
	"testing"

	"github.com/portico-retail/portico/retail"
)

func TestCursorsSurviveWritingAndReading(t *testing.T) {
	for _, position := range []int{0, 1, 99, math.MaxInt} {
		for _, version := range []uint64{0, 7, math.MaxUint64} {
			p, v, err := retail.ParseCursor(retail.Cursor(position, version))
			if err != nil || p != position || v != version {
				t.Errorf("%d of %d: got %d of %d, %v", position, version, p, v, err)
			}
		}
	}
}

func TestForeignTextIsNoCursor(t *testing.T) {
	encode := base64.RawURLEncoding.EncodeToString
	for name, cursor := range map[string]string{
		"nothing":                  "",
		"a number":                 "12",
		"a negative position":      encode([]byte("c1:-1:0")),
		"a position with a sign":   encode([]byte("c1:+1:0")),
		"a position with zeros":    encode([]byte("c1:01:0")),
		"a position beyond an int": encode([]byte("c1:9223372036854775808:0")),
		"another kind of cursor":   encode([]byte("c2:1:0")),
		"a part too many":          encode([]byte("c1:1:0:0")),
		"a version in capitals":    encode([]byte("c1:1:A")),
	} {
		_, _, err := retail.ParseCursor(cursor)
		if retail.CodeOf(err) != retail.CodeBadInput {
			t.Errorf("%s: got %v, want %s", name, err, retail.CodeBadInput)
		}
	}
}

func TestPageSizesHaveBounds(t *testing.T) {
	for first, ok := range map[int]bool{-1: false, 0: false, 1: true, 100: true, 101: false} {
		if err := retail.CheckFirst(first, retail.MaxPage); (err == nil) != ok {
			t.Errorf("first %d: got %v", first, err)
		}
	}
}

func FuzzParseCursor(f *testing.F) {
	f.Add(retail.Cursor(19, 1234))
	f.Add("YzE6MTow")
	f.Fuzz(func(t *testing.T, cursor string) {
		position, version, err := retail.ParseCursor(cursor)
		if err != nil {
			return
		}
		if position < 0 || retail.Cursor(position, version) != cursor {
			t.Errorf("%q was read as position %d of %d", cursor, position, version)
		}
	})
}
