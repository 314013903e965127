package graph

import (
	"encoding/json"
	"errors"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/vektah/gqlparser/v2/gqlerror"
)

// message is one message of a client.
type message struct {
	id      string
	kind    string
	payload []byte // JSON as it was sent, not yet checked; nil when absent
}

// maxOperationID bounds the id that a client gives an operation.
const maxOperationID = 128

var errMessage = errors.New("this is no message of " + subprotocol)

// readMessage reads a message exactly: no key twice, none that the protocol does not have.
func readMessage(text []byte) (m message, err error) {
	if !utf8.Valid(text) {
		return m, errMessage
	}
	r := &jsonReader{data: text, maxDepth: 1}
	seen := map[string]bool{}
	err = r.object(func(key string) error {
		if seen[key] {
			return errJSONKey
		}
		seen[key] = true
		r.peek()
		var err error
		switch key {
		case "id":
			m.id, err = r.member()
		case "type":
			m.kind, err = r.member()
		case "payload":
			m.payload, err = r.raw()
		default:
			err = errUnknownKey
		}
		return err
	})
	if err == nil && (!r.end() || len(m.id) > maxOperationID) {
		err = errMessage
	}
	return m, err
}

// member reads a string that comes next.
func (r *jsonReader) member() (string, error) {
	if r.peek() != '"' {
		return "", errJSONType
	}
	return r.text()
}

// raw takes one value as it is written, without checking more than where it ends.
func (r *jsonReader) raw() ([]byte, error) {
	start, depth := r.pos, 0
	for r.pos < len(r.data) {
		switch r.data[r.pos] {
		case '"':
			if _, err := r.text(); err != nil {
				return nil, err
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return r.data[start:r.pos], nil
			}
			depth--
		case ',':
			if depth == 0 {
				return r.data[start:r.pos], nil
			}
		}
		r.pos++
	}
	return nil, errJSON
}

// authorization finds the credentials in the payload of connection_init; the rest of it is not for this gateway.
func authorization(payload []byte, limits *Limits) (credentials string, given bool, err error) {
	if len(payload) == 0 {
		return "", false, nil
	}
	r := &jsonReader{data: payload, maxDepth: limits.ValueDepth, maxItems: limits.ListItems}
	if r.null() {
		return "", false, nil
	}
	if r.peek() != '{' {
		return "", false, errJSONType
	}
	all, err := r.mapping()
	if err != nil || !r.end() {
		return "", false, errMessage
	}
	for _, name := range [...]string{"Authorization", "authorization"} {
		value, there := all[name]
		if !there || value == nil {
			continue
		}
		text, ok := value.(string)
		if !ok || given {
			return "", false, errJSONType
		}
		credentials, given = text, true
	}
	return credentials, given, nil
}

var (
	ackMessage  = []byte(`{"type":"connection_ack"}`)
	pongMessage = []byte(`{"type":"pong"}`)
)

// quoted is an id as JSON.
func quoted(id string) []byte {
	b, err := json.Marshal(id)
	if err != nil { // impossible: a string
		return []byte(`""`)
	}
	return b
}

func nextMessage(id string, res *result, now time.Time) []byte {
	b := append(append(make([]byte, 0, len(res.data)+512), `{"type":"next","id":`...), quoted(id)...)
	b = append(b, `,"payload":`...)
	b, head := appendAround(b, res, now)
	tail := slices.Clone(b[head:])
	data := res.data
	if data == nil {
		data = null
	}
	b = append(append(b[:head], data...), tail...)
	return append(b, '}')
}

func errorMessage(id string, errs gqlerror.List) []byte {
	encoded, err := json.Marshal(errs)
	if err != nil { // impossible: see appendErrors
		encoded = []byte(`[{"message":"internal error"}]`)
	}
	b := append([]byte(`{"type":"error","id":`), quoted(id)...)
	return append(append(append(b, `,"payload":`...), encoded...), '}')
}

func completeMessage(id string) []byte {
	return append(append([]byte(`{"type":"complete","id":`), quoted(id)...), '}')
}
