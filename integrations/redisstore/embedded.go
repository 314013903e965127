package redisstore

import (
	"fmt"

	"github.com/alicebob/miniredis/v2"
)

// Embedded is an in-process stand-in for Redis on a loopback port, for the demo: nothing to install, nothing kept when the
// process ends, one call at a time. It is no replacement for Redis in production.
type Embedded struct {
	server *miniredis.Miniredis
}

// StartEmbedded starts it on a free port. Keys expire as the clock goes on, as in Redis.
func StartEmbedded() (*Embedded, error) {
	server, err := miniredis.Run()
	if err != nil {
		return nil, fmt.Errorf("redisstore: start embedded: %w", err)
	}
	server.ClockTTL(true)
	return &Embedded{server: server}, nil
}

// URL is where it listens.
func (e *Embedded) URL() string { return "redis://" + e.server.Addr() }

// Close stops it and waits for its connections to end.
func (e *Embedded) Close() { e.server.Close() }
