package redisstore

// The text of a layout, for the fuzz test.
var (
	EncodeLayout = encodeLayout
	DecodeLayout = decodeLayout
)
