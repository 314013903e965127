package graph

import (
	"net"
	"net/netip"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// connections bounds what one address may keep open. A trusted proxy is not bounded: it brings everybody's.
type connections struct {
	net.Listener

	most    int // of one address; 0 bounds none
	exempt  Proxies
	refused prometheus.Counter // may be nil

	mu   sync.Mutex
	open map[netip.Addr]int
}

func boundConnections(ln net.Listener, most int, exempt Proxies, refused prometheus.Counter) net.Listener {
	if most == 0 {
		return ln
	}
	return &connections{Listener: ln, most: most, exempt: exempt, refused: refused, open: map[netip.Addr]int{}}
}

// Accept returns the next connection of an address that may have another; those of others are closed.
func (c *connections) Accept() (net.Conn, error) {
	for {
		conn, err := c.Listener.Accept()
		if err != nil {
			return nil, err
		}
		peer := peerOf(conn.RemoteAddr().String())
		if !peer.IsValid() || c.exempt.trusts(peer) {
			return conn, nil
		}
		peer = household(peer)
		if c.enter(peer) {
			return &boundConn{Conn: conn, leave: sync.OnceFunc(func() { c.leave(peer) })}, nil
		}
		if c.refused != nil {
			c.refused.Inc()
		}
		_ = conn.Close() // without a word: a flood is not worth one
	}
}

func (c *connections) enter(peer netip.Addr) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open[peer] >= c.most {
		return false
	}
	c.open[peer]++
	return true
}

func (c *connections) leave(peer netip.Addr) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open[peer]--; c.open[peer] == 0 {
		delete(c.open, peer)
	}
}

// boundConn is a connection that counts until it is closed.
type boundConn struct {
	net.Conn

	leave func()
}

// Close closes the connection.
func (c *boundConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
