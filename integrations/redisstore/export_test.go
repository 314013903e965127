package redisstore

import "github.com/redis/go-redis/v9"

// The text of a layout, for the fuzz test.
var (
	EncodeLayout = encodeLayout
	DecodeLayout = decodeLayout
)

// NewEdited returns a store whose scripts about claims are edited.
func NewEdited(client redis.UniversalClient, prefix string, edit func(string) string) *Store {
	return newStore(client, prefix, nil, edit)
}
