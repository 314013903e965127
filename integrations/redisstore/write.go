package redisstore

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/stock"
)

// Bounds of what one script call does, so that it does not keep Redis from others for long, and of how many calls go out
// before an answer is awaited.
const (
	writesPerCall = 500
	callsPerTrip  = 16
)

// Begin opens every partition of layout for a source that starts from its snapshot. It fails with a conflict when the
// stored layout has another place for a location.
func (s *Store) Begin(ctx context.Context, source retail.Source, layout stock.Layout) error {
	stored, err := s.SaveLayout(ctx, layout, layout)
	if err != nil {
		return err
	}
	partitions := map[uint16]bool{}
	for code, place := range layout {
		if stored[code] != place {
			return retail.Errorf(retail.CodeConflict, "the stored layout has another place for %s", code)
		}
		partitions[place.Partition] = true
	}
	start := time.Now()
	return s.observe("begin", start, s.open(ctx, source, slices.Sorted(maps.Keys(partitions))))
}

// open opens partitions for a source and remembers the tokens of their openings.
func (s *Store) open(ctx context.Context, source retail.Source, partitions []uint16) error {
	token := rand.Text()
	calls := make([]call, len(partitions))
	for i, p := range partitions {
		calls[i] = call{keys: []string{s.keys(p).state}, args: []any{s.seenOf(p), string(source), token}}
	}
	replies, err := s.eval(ctx, s.begin, calls)
	if err != nil {
		return err
	}
	for i, reply := range replies {
		if token, err = reply.Text(); err != nil {
			return err
		}
		s.mu.Lock()
		s.tokens[opening{partitions[i], source}] = token
		s.mu.Unlock()
	}
	return nil
}

func (s *Store) seenOf(partition uint16) int64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.seen[partition]
}

// Apply writes facts to one partition, at most writesPerCall in one script call.
func (s *Store) Apply(ctx context.Context, partition uint16, writes []stock.Write) error {
	if len(writes) == 0 {
		return nil
	}
	start := time.Now()
	sorted := slices.Clone(writes)
	slices.SortStableFunc(sorted, func(a, b stock.Write) int {
		return cmp.Or(cmp.Compare(a.SKU, b.SKU), cmp.Compare(a.Slot, b.Slot))
	})
	var err error
	for err == nil && len(sorted) > 0 {
		n := min(len(sorted), writesPerCall*callsPerTrip)
		err = s.applyTrip(ctx, partition, sorted[:n])
		sorted = sorted[n:]
	}
	return s.observe("apply", start, err)
}

func (s *Store) applyTrip(ctx context.Context, partition uint16, writes []stock.Write) error {
	calls := make([]call, 0, callsPerTrip)
	for chunk := range slices.Chunk(writes, writesPerCall) {
		c, err := s.applyCall(partition, chunk)
		if err != nil {
			return err
		}
		calls = append(calls, c)
	}
	return s.run(ctx, partition, s.apply, calls)
}

// call is one call of a script.
type call struct {
	keys []string
	args []any
}

// applyCall packs writes, which are in the order of their SKUs, as apply.lua wants them.
func (s *Store) applyCall(partition uint16, writes []stock.Write) (call, error) {
	n := s.keys(partition)
	c := call{keys: append(make([]string, 0, 1+len(writes)), n.state)}
	packed := make([]byte, 0, len(writes)*24)
	sources := map[retail.Source]bool{}
	for len(writes) > 0 {
		sku, header, count := writes[0].SKU, len(packed), 0
		packed = append(packed, 0, 0)
		for count < len(writes) && writes[count].SKU == sku {
			w := &writes[count]
			if w.Slot >= stock.SlotsPerPartition || stock.SourceIndex(w.Fact.Source) < 0 {
				return c, fmt.Errorf("redisstore: no place for slot %d and source %q", w.Slot, w.Fact.Source)
			}
			packed = w.Fact.AppendRegister(append(packed, w.Slot))
			sources[w.Fact.Source] = true
			count++
		}
		binary.LittleEndian.PutUint16(packed[header:], uint16(count))
		c.keys = append(c.keys, n.rows+sku)
		writes = writes[count:]
	}
	c.args = s.scriptArgs(partition, packed, sources)
	return c, nil
}

// scriptArgs is what both scripts take: the lowest sequence the partition may have, packed data, and the sources in it with
// the tokens of their openings.
func (s *Store) scriptArgs(partition uint16, packed []byte, sources map[retail.Source]bool) []any {
	s.mu.RLock()
	defer s.mu.RUnlock()
	args := []any{s.seen[partition], packed}
	for _, source := range slices.Sorted(maps.Keys(sources)) {
		args = append(args, string(source), s.tokens[opening{partition, source}])
	}
	return args
}

// Advance raises watermarks of one partition; instants before 1970 are left out.
func (s *Store) Advance(ctx context.Context, partition uint16, marks []stock.PlaceMark) error {
	packed := make([]byte, 0, 11*len(marks))
	sources := map[retail.Source]bool{}
	for _, m := range marks {
		source := stock.SourceIndex(m.Source)
		if m.Slot >= stock.SlotsPerPartition || source < 0 {
			return fmt.Errorf("redisstore: no watermark for slot %d and source %q", m.Slot, m.Source)
		}
		ms := m.AsOf.UnixMilli()
		if ms <= 0 {
			continue
		}
		first := byte(0)
		if m.First {
			first = 1
		}
		packed = append(packed, m.Slot, byte(8*source), first)
		packed = binary.LittleEndian.AppendUint64(packed, uint64(ms))
		sources[m.Source] = true
	}
	if len(packed) == 0 {
		return nil
	}
	start := time.Now()
	n := s.keys(partition)
	err := s.run(ctx, partition, s.advance, []call{{
		keys: []string{n.state, n.marks}, args: s.scriptArgs(partition, packed, sources),
	}})
	return s.observe("advance", start, err)
}

// run sends calls of a script that answers the partition's sequence.
func (s *Store) run(ctx context.Context, partition uint16, script *redis.Script, calls []call) error {
	replies, err := s.eval(ctx, script, calls)
	if err != nil {
		return err
	}
	for _, reply := range replies {
		seq, err := reply.Int64()
		if err != nil {
			return err
		}
		if seq < 0 {
			return stock.ErrLost
		}
		s.saw(partition, seq)
	}
	return nil
}

// eval sends calls of a script in one pipeline. A server that does not know the script gets its source and the call again.
func (s *Store) eval(ctx context.Context, script *redis.Script, calls []call) ([]*redis.Cmd, error) {
	pipe := s.client.Pipeline()
	replies := make([]*redis.Cmd, len(calls))
	for i, c := range calls {
		replies[i] = script.EvalSha(ctx, pipe, c.keys, c.args...)
	}
	if _, err := pipe.Exec(ctx); err != nil && !redis.HasErrorPrefix(err, "NOSCRIPT") {
		return nil, err
	}
	for i, c := range calls {
		if redis.HasErrorPrefix(replies[i].Err(), "NOSCRIPT") {
			replies[i] = script.Eval(ctx, s.client, c.keys, c.args...)
		}
	}
	return replies, nil
}

func (s *Store) saw(partition uint16, seq int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen[partition] = max(s.seen[partition], seq)
}
