package graph

import (
	"errors"
	"io"
	"sync"
)

// Bytes of bodies that are being read and decoded at the same time. They are outside of admission, because who sends slowly
// must not hold a slot, and connections times streams times the largest body would be gigabytes.
const (
	readingMost = 64 << 20
	// readingStrangers is of strangers and guests together, whose sessions are to be had for the asking: it leaves room for those
	// with an account.
	readingStrangers = readingMost / 2
	// readingClient is of one client or household: 64 bodies of the usual limit.
	readingClient = readingMost / 8
)

// reading bounds the bytes of bodies that are being read.
type reading struct {
	mu      sync.Mutex
	bytes   int
	clients map[string]int
}

// body is a request's body, whose bytes count from when they are read until it is closed. They count as they come: declaring many
// and sending none takes nothing from others.
type body struct {
	io.Reader

	of     *reading
	client string
	most   int // bytes of everybody together, above which this one gets no more
	bytes  int
}

func (r *reading) open(from io.Reader, client string, stranger bool) *body {
	b := &body{Reader: from, of: r, client: client, most: readingMost}
	if stranger {
		b.most = readingStrangers
	}
	return b
}

var errNoRoom = errors.New("graph: too many bytes are being read")

// Read reads what there is room for.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if n > 0 && !b.reserve(n) {
		return 0, errNoRoom
	}
	return n, err
}

func (b *body) reserve(n int) bool {
	r := b.of
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.bytes+n > b.most || r.clients[b.client]+n > readingClient {
		return false
	}
	r.bytes += n
	r.clients[b.client] += n
	b.bytes += n
	return true
}

// close gives the room back.
func (b *body) close() {
	r := b.of
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bytes -= b.bytes
	if r.clients[b.client] -= b.bytes; r.clients[b.client] <= 0 {
		delete(r.clients, b.client)
	}
}
