// Package redisstore keeps the stock projection in Redis, standalone or cluster: packed rows, watermarks, cursors and the
// layout (see stock.Projection), and the claims counted in them (see stock.ClaimProjection). A partition is one hash tag, so
// all its keys lie in one slot; what changes a partition is one Lua script, atomic there, that runs unchanged on Redis, Redis
// Cluster and miniredis.
//
// The store must not evict (maxmemory-policy noeviction) and is not to be shared with caches: a row that silently vanishes
// reads as a place that does not carry the item.
package redisstore

import (
	"context"
	_ "embed"
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/stock"
)

var _ stock.Projection = (*Store)(nil)

// Store is a stock.Projection in Redis. It is safe for concurrent use.
type Store struct {
	client redis.UniversalClient
	prefix string
	took   *prometheus.HistogramVec
	// begin, apply, advance and layout are the scripts.
	begin, apply, advance, layout *redis.Script
	claims                        claimScripts

	mu    sync.RWMutex
	names map[uint16]*names
	// seen is the highest sequence that each partition has answered to this process. A lower one shows that an older copy
	// of the partition came into force.
	seen map[uint16]int64
	// tokens are the openings that this process began from a snapshot. Another one in force shows that rows were lost and
	// that another gateway is filling them again. A source that continued from its cursor has none.
	tokens map[opening]string
}

// opening is a partition that is open for a source.
type opening struct {
	partition uint16
	source    retail.Source
}

//go:embed rows.lua
var rowsLua string

//go:embed begin.lua
var beginLua string

//go:embed apply.lua
var applyLua string

//go:embed advance.lua
var advanceLua string

//go:embed layout.lua
var layoutLua string

// New returns a store on client; every key starts with prefix, which must not contain braces. The client stays the
// caller's to close. reg may be nil.
func New(client redis.UniversalClient, prefix string, reg prometheus.Registerer) *Store {
	return newStore(client, prefix, reg, func(script string) string { return script })
}

// newStore passes the scripts about claims through edit.
func newStore(client redis.UniversalClient, prefix string, reg prometheus.Registerer, edit func(string) string) *Store {
	s := &Store{
		client: client, prefix: prefix,
		begin: redis.NewScript(rowsLua + beginLua), apply: redis.NewScript(rowsLua + applyLua),
		advance: redis.NewScript(rowsLua + advanceLua),
		layout:  redis.NewScript(layoutLua), claims: newClaimScripts(edit),
		names: map[uint16]*names{}, seen: map[uint16]int64{}, tokens: map[opening]string{},
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "portico_projection_seconds", Help: "Time of calls to the stock projection.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2.5, 10),
		}, []string{"call", "outcome"}),
	}
	if reg != nil {
		reg.MustRegister(s.took)
	}
	return s
}

// names are the keys of a partition.
type names struct {
	rows  string // prefix of the rows' keys
	marks string
	state string
	// claims is the prefix of the claims' keys, live the set of those that are counted.
	claims, live string
	// markArg is marks as a command argument.
	markArg any
}

func (s *Store) keys(partition uint16) *names {
	s.mu.RLock()
	n := s.names[partition]
	s.mu.RUnlock()
	if n != nil {
		return n
	}
	tag := stock.Tag(partition)
	n = &names{
		rows: s.prefix + "a:" + tag + ":", marks: s.prefix + "w:" + tag, state: s.prefix + "n:" + tag,
		claims: s.prefix + "h:" + tag + ":", live: s.prefix + "x:" + tag,
	}
	n.markArg = n.marks
	s.mu.Lock()
	defer s.mu.Unlock()
	s.names[partition] = n
	return n
}

// observe counts a call that began at start, and gives its error a kind.
func (s *Store) observe(call string, start time.Time, err error) error {
	outcome := "ok"
	switch {
	case errors.Is(err, stock.ErrLost):
		outcome = "lost"
	case err != nil:
		outcome = "error"
		err = &retail.Error{
			Code: retail.CodeUpstreamUnavailable, Retryable: true, Err: err,
			Message: "the stock projection is not available",
		}
	}
	s.took.WithLabelValues(call, outcome).Observe(time.Since(start).Seconds())
	return err
}

// Cursor returns where the feed of a source continues; empty means from its snapshot.
func (s *Store) Cursor(ctx context.Context, source retail.Source) (string, error) {
	start := time.Now()
	cursor, err := s.client.Get(ctx, s.cursorKey(source)).Result()
	if errors.Is(err, redis.Nil) {
		err = nil
	}
	return cursor, s.observe("cursor", start, err)
}

// SaveCursor stores where the feed of a source continues; empty forgets it.
func (s *Store) SaveCursor(ctx context.Context, source retail.Source, cursor string) error {
	start := time.Now()
	var err error
	if cursor == "" {
		err = s.client.Del(ctx, s.cursorKey(source)).Err()
	} else {
		err = s.client.Set(ctx, s.cursorKey(source), cursor, 0).Err()
	}
	return s.observe("cursor", start, err)
}

func (s *Store) cursorKey(source retail.Source) string { return s.prefix + "f:" + string(source) }
