package redisstore

import (
	"fmt"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// Embedded is an in-process stand-in for Redis on a loopback port, for the demo: nothing to install, nothing kept when the
// process ends, one call at a time. It is no replacement for Redis in production.
type Embedded struct {
	server *miniredis.Miniredis
	stop   func()
}

// expireEvery is how late a key may expire. The server's own clock would look at every key in every call.
const expireEvery = 2 * time.Second

// StartEmbedded starts it on a free port. Keys expire as the clock goes on, as in Redis, but up to two seconds late.
func StartEmbedded() (*Embedded, error) {
	server, err := miniredis.Run()
	if err != nil {
		return nil, fmt.Errorf("redisstore: start embedded: %w", err)
	}
	over := make(chan struct{})
	var expiring sync.WaitGroup
	expiring.Go(func() {
		ticker := time.NewTicker(expireEvery)
		defer ticker.Stop()
		for last := time.Now(); ; {
			select {
			case <-over:
				return
			case now := <-ticker.C:
				server.FastForward(now.Sub(last))
				last = now
			}
		}
	})
	return &Embedded{server: server, stop: sync.OnceFunc(func() {
		close(over)
		expiring.Wait()
	})}, nil
}

// URL is where it listens.
func (e *Embedded) URL() string { return "redis://" + e.server.Addr() }

// Close stops it and waits for its connections to end. Closing it again does nothing.
func (e *Embedded) Close() {
	e.stop()
	e.server.Close()
}
