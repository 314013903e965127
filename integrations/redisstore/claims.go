package redisstore

import (
	"context"
	_ "embed"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/stock"
)

var _ stock.ClaimProjection = (*Store)(nil)

// Bounds of what one call about claims does.
const (
	reapsPerCall    = 64
	resetsPerCall   = 64
	restoresPerCall = 32
)

// claimScripts change what is counted.
type claimScripts struct {
	hold, extend, pin, commit, settle, shrink, reap, reset, restore, reopen *redis.Script
}

//go:embed claims.lua
var claimsLua string

//go:embed hold.lua
var holdLua string

//go:embed extend.lua
var extendLua string

//go:embed pin.lua
var pinLua string

//go:embed commit.lua
var commitLua string

//go:embed settle.lua
var settleLua string

//go:embed shrink.lua
var shrinkLua string

//go:embed reap.lua
var reapLua string

//go:embed reset.lua
var resetLua string

//go:embed restore.lua
var restoreLua string

//go:embed reopen.lua
var reopenLua string

// newClaimScripts passes every script through edit.
func newClaimScripts(edit func(string) string) claimScripts {
	script := func(text string) *redis.Script { return redis.NewScript(edit(rowsLua + claimsLua + text)) }
	return claimScripts{
		hold: script(holdLua), extend: script(extendLua), pin: script(pinLua), commit: script(commitLua),
		settle: script(settleLua), shrink: script(shrinkLua), reap: script(reapLua), reset: script(resetLua),
		restore: script(restoreLua), reopen: script(reopenLua),
	}
}

// answer is what a script about claims answered: a word, and what it says.
type answer struct {
	word string
	says []any
}

// claim runs a script about claims. LOST becomes stock.ErrLost.
func (s *Store) claim(ctx context.Context, name string, script *redis.Script, partition uint16, args ...any) (answer, error) {
	start := time.Now()
	n := s.keys(partition)
	all := append([]any{s.seenOf(partition), n.claims, n.rows}, args...)
	replies, err := s.eval(ctx, script, []call{{keys: []string{n.state, n.live}, args: all}})
	if err != nil {
		return answer{}, s.observe(name, start, err)
	}
	a, err := s.readAnswer(partition, replies[0])
	return a, s.observe(name, start, err)
}

func (s *Store) readAnswer(partition uint16, reply *redis.Cmd) (answer, error) {
	list, err := reply.Slice()
	if err != nil {
		return answer{}, err
	}
	a := answer{}
	if len(list) > 0 {
		a.word, _ = list[0].(string)
	}
	switch a.word {
	case "LOST":
		return a, stock.ErrLost
	case "OPEN", "BUSY":
		a.says = list[1:]
		return a, nil
	case "":
		return a, fmt.Errorf("redisstore: %v is no answer about claims", list)
	}
	if len(list) > 1 {
		seq, ok := list[1].(int64)
		if !ok {
			return a, fmt.Errorf("redisstore: %v has no sequence", list)
		}
		s.saw(partition, seq)
		a.says = list[2:]
	}
	return a, nil
}

func (a answer) text(i int) string {
	if i >= len(a.says) {
		return ""
	}
	s, _ := a.says[i].(string)
	return s
}

func (a answer) number(i int) int64 {
	if i >= len(a.says) {
		return 0
	}
	n, _ := a.says[i].(int64)
	return n
}

// standing reads how a claim stands; the zero value when it is unknown.
func (a answer) standing() (stock.Standing, error) {
	if a.word != "OK" {
		return stock.Standing{}, nil
	}
	lines, err := stock.ParseLines(a.text(2))
	if err != nil {
		return stock.Standing{}, &retail.Error{Code: retail.CodeInternal, Message: "a counted claim is unreadable", Err: err}
	}
	return stock.Standing{
		State: stock.Count(a.text(0)), ExpiresAt: time.UnixMilli(a.number(1)).UTC(), Lines: lines, Fresh: a.number(3) == 1,
	}, nil
}

func (s *Store) standing(
	ctx context.Context, name string, script *redis.Script, partition uint16, args ...any,
) (stock.Standing, error) {
	a, err := s.claim(ctx, name, script, partition, args...)
	if err != nil {
		return stock.Standing{}, err
	}
	return a.standing()
}

func flag(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

// Hold admits a claim if the pairs have enough to promise.
func (s *Store) Hold(ctx context.Context, partition uint16, h stock.Admission) (stock.Admitted, error) {
	if len(h.Lines) > stock.MaxBasketLines || len(h.Lines) == 0 {
		return stock.Admitted{}, retail.BadInput("a claim has 1 to %d lines", stock.MaxBasketLines)
	}
	a, err := s.claim(ctx, "hold", s.claims.hold, partition, h.ID, int(h.Slot), stock.FormatLines(h.Requested),
		stock.FormatLines(h.Lines), h.Life.Milliseconds(), flag(h.Partial), flag(h.Again))
	if err != nil {
		return stock.Admitted{}, err
	}
	switch a.word {
	case "OTHER":
		return stock.Admitted{}, stock.ErrOtherRequest
	case "SHORT":
		var out stock.Admitted
		for i := 0; i+1 < len(a.says); i += 2 {
			have := int(a.number(i + 1))
			out.Short = append(out.Short, stock.Shortfall{SKU: a.text(i), Available: max(0, have), Ranged: have >= 0})
		}
		return out, nil
	}
	standing, err := a.standing()
	return stock.Admitted{Standing: standing}, err
}

// Extend lets an active claim live for some time from now on.
func (s *Store) Extend(ctx context.Context, partition uint16, id string, life time.Duration) (stock.Standing, error) {
	return s.standing(ctx, "extend", s.claims.extend, partition, id, life.Milliseconds())
}

// Pin keeps an active claim from expiring.
func (s *Store) Pin(ctx context.Context, partition uint16, id string) (stock.Standing, error) {
	return s.standing(ctx, "pin", s.claims.pin, partition, id)
}

// Commit counts a claim as ordered.
func (s *Store) Commit(ctx context.Context, partition uint16, c stock.Counted) (stock.Standing, error) {
	return s.standing(ctx, "commit", s.claims.commit, partition,
		c.ID, int(c.Slot), stock.FormatLines(c.Lines), c.ExpiresAt.UnixMilli())
}

// Settle gives a live claim its one outcome and writes facts in the same instant.
func (s *Store) Settle(
	ctx context.Context, partition uint16, id string, outcome stock.Count, facts []stock.Write,
) (stock.Standing, error) {
	args := []any{id, string(outcome)}
	for i := range facts {
		w := &facts[i]
		if w.Slot >= stock.SlotsPerPartition || stock.SourceIndex(w.Fact.Source) < 0 {
			return stock.Standing{}, fmt.Errorf("redisstore: no place for slot %d and source %q", w.Slot, w.Fact.Source)
		}
		register := w.Fact.AppendRegister(nil)
		args = append(args, w.SKU, append([]byte{w.Slot, register[0]}, register[2:]...))
	}
	return s.standing(ctx, "settle", s.claims.settle, partition, args...)
}

// Shrink leaves a live claim no more of each SKU than lines say.
func (s *Store) Shrink(ctx context.Context, partition uint16, id string, lines []retail.ClaimLine) (stock.Standing, error) {
	return s.standing(ctx, "shrink", s.claims.shrink, partition, id, stock.FormatLines(lines))
}

// Reap ends due claims of a partition.
func (s *Store) Reap(ctx context.Context, partition uint16) (stock.Reaped, error) {
	a, err := s.claim(ctx, "reap", s.claims.reap, partition, reapsPerCall)
	if err != nil {
		return stock.Reaped{}, err
	}
	return stock.Reaped{
		Ended: int(a.number(0)), Live: int(a.number(1)), Next: time.Duration(a.number(2)) * time.Millisecond,
	}, nil
}

// Reset gives back live claims of a partition that is closed for claims.
func (s *Store) Reset(ctx context.Context, partition uint16, token string, lease time.Duration) (stock.Reset, error) {
	a, err := s.claim(ctx, "reset", s.claims.reset, partition, token, lease.Milliseconds(), resetsPerCall)
	switch {
	case err != nil:
		return stock.Reset{}, err
	case a.word == "OPEN":
		return stock.Reset{Open: true}, nil
	case a.word == "BUSY":
		return stock.Reset{Busy: time.Duration(a.number(0)) * time.Millisecond}, nil
	}
	return stock.Reset{Left: int(a.number(0))}, nil
}

// Restore counts claims of the ledger in a partition that token rebuilds.
func (s *Store) Restore(
	ctx context.Context, partition uint16, token string, lease time.Duration, claims []stock.Counted,
) error {
	for first := true; first || len(claims) > 0; first = false {
		n := min(len(claims), restoresPerCall)
		args := []any{token, lease.Milliseconds()}
		for i := range claims[:n] {
			c := &claims[i]
			args = append(args, c.ID, int(c.Slot), string(c.State), strconv.FormatInt(c.ExpiresAt.UnixMilli(), 10),
				stock.FormatLines(c.Requested), stock.FormatLines(c.Lines))
		}
		a, err := s.claim(ctx, "restore", s.claims.restore, partition, args...)
		if err = owned(a, err); err != nil {
			return err
		}
		if a.word == "FULL" {
			return retail.Errorf(retail.CodeInternal, "the claims on %s are too many to count", a.text(0))
		}
		claims = claims[n:]
	}
	return nil
}

// Reopen ends a rebuild.
func (s *Store) Reopen(ctx context.Context, partition uint16, token string) error {
	a, err := s.claim(ctx, "reopen", s.claims.reopen, partition, token)
	return owned(a, err)
}

// owned turns BUSY into stock.ErrRebuildLost.
func owned(a answer, err error) error {
	if err == nil && a.word == "BUSY" {
		return stock.ErrRebuildLost
	}
	return err
}
