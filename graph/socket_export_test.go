package graph

// ReadMessage exposes the reader of socket messages to the fuzz test.
func ReadMessage(text []byte) (id, kind string, payload []byte, ok bool) {
	m, err := readMessage(text)
	return m.id, m.kind, m.payload, err == nil
}
