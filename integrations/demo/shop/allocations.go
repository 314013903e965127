// Allocations are a log of changes with global positions. The feed reads the log as it is, also changes that a later one
// replaced: they are versioned, so a reader loses nothing and a held-back change never hides an earlier one.

package shop

import (
	"cmp"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/portico-retail/portico/integrations/demo/faults"
)

const (
	defaultFeed = 2000
	maxFeed     = 10_000
	maxPairs    = 1000
	// settled is the age beyond which replaced changes may leave the log; delayMs holds nothing back longer.
	settled = faults.MaxDelayMs * time.Millisecond
	// minCompaction is the length below which the log is left alone.
	minCompaction = 10_000
)

type pair struct {
	Location string `json:"location"`
	SKU      string `json:"sku"`
}

// change is the state of a pair from a position on.
type change struct {
	pair
	Open    int64  `json:"open"`
	Version uint64 `json:"version"`

	position uint64
	at       time.Time
}

type allocations struct {
	log       []change // by position
	position  uint64   // of the last change; positions start with 1
	latest    map[pair]change
	compacted int                // length of the log after the last compaction
	frozen    *frozenAllocations // nil while live
}

// frozenAllocations is what readers see meanwhile: changes up to a position; changed holds the pairs that moved
// since, as they were.
type frozenAllocations struct {
	position uint64
	changed  map[pair]change
}

func (a *allocations) freeze(on bool) {
	switch {
	case !on:
		a.frozen = nil
	case a.frozen == nil:
		a.frozen = &frozenAllocations{a.position, map[pair]change{}}
	}
}

// add opens units of a pair, or closes them when units is negative.
func (a *allocations) add(p pair, units int64, now time.Time) {
	c := a.latest[p]
	if a.frozen != nil {
		if _, noted := a.frozen.changed[p]; !noted {
			a.frozen.changed[p] = c
		}
	}
	a.position++
	next := change{pair: p, Open: c.Open + units, Version: c.Version + 1, position: a.position, at: now}
	a.latest[p] = next
	if a.frozen == nil && len(a.log) > minCompaction+2*a.compacted {
		a.compact(now)
	}
	a.log = append(a.log, next)
}

// compact drops settled changes that another settled one replaced. It builds a new log, because readers may hold the old.
func (a *allocations) compact(now time.Time) {
	old := 0
	last := map[pair]uint64{}
	for ; old < len(a.log) && now.Sub(a.log[old].at) > settled; old++ {
		last[a.log[old].pair] = a.log[old].position
	}
	kept := make([]change, 0, len(a.log)-old+len(last))
	for i, c := range a.log {
		if i >= old || last[c.pair] == c.position {
			kept = append(kept, c)
		}
	}
	a.log, a.compacted = kept, len(kept)
}

// lookup returns what readers see of a pair; version 0 when it never had an allocation.
func (a *allocations) lookup(p pair) change {
	c := a.latest[p]
	if a.frozen != nil {
		if was, changed := a.frozen.changed[p]; changed {
			c = was
		}
	}
	c.pair = p
	return c
}

// since returns the changes beyond a position that have come up by now, when each takes delay, and the date up to
// which they are complete.
func (a *allocations) since(position uint64, asOf time.Time, delay time.Duration) ([]change, time.Time) {
	limit := uint64(math.MaxUint64)
	if a.frozen != nil {
		limit = a.frozen.position
	}
	from, found := slices.BinarySearchFunc(a.log, position, func(c change, p uint64) int {
		return cmp.Compare(c.position, p)
	})
	if found {
		from++
	}
	to := from
	for ; to < len(a.log) && a.log[to].position <= limit; to++ {
		if asOf.Sub(a.log[to].at) < delay {
			asOf = before(a.log[to])
			break
		}
	}
	return a.log[from:to], asOf
}

// before is the date of an answer that leaves c and what follows out.
func before(c change) time.Time { return c.at.Add(-time.Millisecond).UTC() }

// feedReply is the answer to a feed request; AsOf is the date up to which nothing is missing.
type feedReply struct {
	Allocations []change  `json:"allocations"`
	Next        uint64    `json:"next"`
	AsOf        time.Time `json:"asOf"`
	More        bool      `json:"more"`
}

// feedAllocations has an ETag of the whole reply: its date is the shop's heartbeat, so a 304 says that there was none.
func (s *Server) feedAllocations(w http.ResponseWriter, r *http.Request) error {
	query, err := parseQuery(r, "since", "limit")
	if err != nil {
		return err
	}
	since, err := number(query, "since", 0, 0, math.MaxInt64)
	if err != nil {
		return err
	}
	limit, err := number(query, "limit", defaultFeed, 1, maxFeed)
	if err != nil {
		return err
	}
	body, err := json.Marshal(s.feed(since, int(limit)))
	if err != nil {
		return fmt.Errorf("shop: write: %w", err)
	}
	sum := fnv.New64a()
	_, _ = sum.Write(body)
	if unchanged(w, r, fmt.Sprintf(`"a-%x"`, sum.Sum64())) {
		return nil
	}
	return writeJSON(w, json.RawMessage(body))
}

func (s *Server) feed(since uint64, limit int) feedReply {
	state := s.board.Get()
	s.mu.Lock()
	since = min(since, s.allocations.position) // a reader that knows more knew an earlier run: next tells it
	asOf := s.now()
	if s.frozen != nil {
		asOf = s.frozen.asOf
	}
	waiting, asOf := s.allocations.since(since, asOf, state.Delay())
	s.mu.Unlock()

	reply := feedReply{Allocations: []change{}, Next: since, AsOf: asOf.UTC()}
	for _, c := range waiting {
		if len(reply.Allocations) == limit {
			reply.More, reply.AsOf = true, before(c)
			break
		}
		reply.Allocations, reply.Next = append(reply.Allocations, c), c.position
		if len(reply.Allocations) < limit && s.board.Share(state.Duplicate) {
			reply.Allocations = append(reply.Allocations, c)
		}
	}
	if list := reply.Allocations; state.Reorder {
		s.board.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	}
	return reply
}

func (s *Server) lookupAllocations(w http.ResponseWriter, r *http.Request) error {
	var req struct {
		Pairs []pair `json:"pairs"`
	}
	if err := readJSON(w, r, &req); err != nil {
		return err
	}
	if len(req.Pairs) > maxPairs {
		return badRequest("at most %d pairs", maxPairs)
	}
	found := make([]change, len(req.Pairs))
	s.mu.Lock()
	asOf := s.now()
	if s.frozen != nil {
		asOf = s.frozen.asOf
	}
	for i, p := range req.Pairs {
		found[i] = s.allocations.lookup(p)
	}
	s.mu.Unlock()
	return writeJSON(w, struct {
		Allocations []change  `json:"allocations"`
		AsOf        time.Time `json:"asOf"`
		More        bool      `json:"more"`
	}{found, asOf.UTC(), false})
}
