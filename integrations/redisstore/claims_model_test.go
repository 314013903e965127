package redisstore_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/portico-retail/portico/integrations/redisstore"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/stock"
)

// step is one thing that happens to the claims of partition 0.
type step struct {
	kind    string // hold extend pin commit settle shrink reap tick close flush
	id      string
	slot    uint8
	lines   []retail.ClaimLine
	life    int64 // ms; of a tick how far the clock goes
	partial bool
	again   bool
	outcome stock.Count
}

func (s step) String() string {
	return fmt.Sprintf("%s %s slot %d %q life %d partial %v again %v %s",
		s.kind, s.id, s.slot, stock.FormatLines(s.lines), s.life, s.partial, s.again, s.outcome)
}

// claimModel is what the scripts should do, in plain Go.
type claimModel struct {
	now    int64
	onHand map[uint8]map[string]int
	claims map[string]modelClaim
}

type modelClaim struct {
	slot           uint8
	request, lines []retail.ClaimLine
	state          stock.Count
	expires        int64
}

func (c modelClaim) due(now int64) bool { return c.state == stock.CountActive && c.expires <= now }

func (m claimModel) clone() claimModel {
	m.claims = maps.Clone(m.claims)
	return m
}

// key is equal for equal models.
func (m claimModel) key() string {
	var b strings.Builder
	fmt.Fprintln(&b, m.now)
	for _, id := range slices.Sorted(maps.Keys(m.claims)) {
		fmt.Fprintln(&b, id, m.claims[id])
	}
	return b.String()
}

// counted is what the cell of a pair should count.
func (m claimModel) counted(slot uint8, sku string) (held, ordered int) {
	for _, c := range m.claims {
		for _, l := range c.lines {
			switch {
			case c.slot != slot || l.SKU != sku || !c.state.Live():
			case c.state == stock.CountCommitted:
				ordered += l.Quantity
			default:
				held += l.Quantity
			}
		}
	}
	return held, ordered
}

func (m claimModel) weigh(s step) (taken []retail.ClaimLine, short string) {
	for _, l := range s.lines {
		held, ordered := m.counted(s.slot, l.SKU)
		have := max(0, m.onHand[s.slot][l.SKU]-held-ordered)
		if have < l.Quantity {
			short += fmt.Sprintf(" %s=%d", l.SKU, have)
		}
		if take := min(l.Quantity, have); take > 0 {
			taken = append(taken, retail.ClaimLine{SKU: l.SKU, Quantity: take})
		}
	}
	return taken, short
}

func (m claimModel) expire() {
	for id, c := range m.claims {
		if c.due(m.now) {
			c.state = stock.CountExpired
			m.claims[id] = c
		}
	}
}

func (m claimModel) stands(id string, fresh bool) string {
	c, ok := m.claims[id]
	if !ok {
		return "none"
	}
	return standing(stock.Standing{State: c.state, ExpiresAt: time.UnixMilli(c.expires), Lines: c.lines, Fresh: fresh})
}

func standing(s stock.Standing) string {
	if s.State == stock.CountNone {
		return "none"
	}
	return fmt.Sprintf("%s until %d %q fresh %v", s.State, s.ExpiresAt.UnixMilli(), stock.FormatLines(s.Lines), s.Fresh)
}

func fewer(lines, most []retail.ClaimLine) (out []retail.ClaimLine) {
	for _, l := range lines {
		i := slices.IndexFunc(most, func(k retail.ClaimLine) bool { return k.SKU == l.SKU })
		if i >= 0 {
			out = append(out, retail.ClaimLine{SKU: l.SKU, Quantity: min(l.Quantity, most[i].Quantity)})
		}
	}
	return out
}

// apply does the step and says what the caller should be told.
func (m *claimModel) apply(s step) string {
	c, known := m.claims[s.id]
	if known && c.due(m.now) && s.kind != "commit" && (s.kind != "settle" || s.outcome == stock.CountExpired) &&
		s.kind != "reap" && s.kind != "tick" && s.kind != "close" && s.kind != "flush" {
		c.state = stock.CountExpired
		m.claims[s.id] = c
	}
	switch s.kind {
	case "hold":
		return m.hold(s, c, known)
	case "commit":
		return m.commit(s, c, known)
	case "tick":
		m.now += s.life
		return "ok"
	case "reap":
		m.expire()
		return "ok"
	case "close", "flush":
		m.lose(s.kind == "flush")
		return "ok"
	}
	if !known {
		return "none"
	}
	switch {
	case s.kind == "extend" && c.state == stock.CountActive:
		c.expires = max(c.expires, m.now+s.life)
	case s.kind == "pin" && c.state == stock.CountActive:
		c.state = stock.CountPinned
	case s.kind == "settle" && c.state.Live() && s.outcome != stock.CountExpired:
		c.state = s.outcome
	case s.kind == "shrink" && c.state.Live():
		c.lines = fewer(c.lines, s.lines)
	}
	m.claims[s.id] = c
	return m.stands(s.id, false)
}

func (m *claimModel) hold(s step, c modelClaim, known bool) string {
	if known && (!s.again || (c.state != stock.CountReleased && c.state != stock.CountExpired)) {
		if c.slot != s.slot || stock.FormatLines(c.request) != stock.FormatLines(s.lines) {
			return "other"
		}
		return m.stands(s.id, false)
	}
	taken, short := m.weigh(s)
	if short != "" {
		m.expire()
		taken, short = m.weigh(s)
	}
	if len(taken) == 0 || (short != "" && !s.partial) {
		return "short" + short
	}
	m.claims[s.id] = modelClaim{slot: s.slot, request: s.lines, lines: taken, state: stock.CountActive, expires: m.now + s.life}
	return m.stands(s.id, true)
}

func (m *claimModel) commit(s step, c modelClaim, known bool) string {
	if c.state == stock.CountDeparted || c.state == stock.CountCommitted {
		return m.stands(s.id, false)
	}
	fresh := !c.state.Live()
	if !fresh {
		c.lines = fewer(c.lines, s.lines)
	} else {
		request := s.lines
		if known {
			request = c.request
		}
		c = modelClaim{slot: s.slot, request: request, lines: s.lines, expires: ledgerExpiry}
	}
	c.state = stock.CountCommitted
	m.claims[s.id] = c
	return m.stands(s.id, fresh)
}

// lose is a loss and the rebuild from the ledger: pins are not in it, nor what has expired.
func (m *claimModel) lose(everything bool) {
	for id, c := range m.claims {
		switch {
		case c.due(m.now) || (!c.state.Live() && everything):
			delete(m.claims, id)
			continue
		case c.state == stock.CountPinned && c.expires <= m.now:
			delete(m.claims, id)
			continue
		case c.state == stock.CountPinned:
			c.state = stock.CountActive
		}
		m.claims[id] = c
	}
}

// ledgerExpiry is the expiry of claims that only the ledger knows.
const ledgerExpiry = 1_795_000_000_000

// claimWorld runs steps against the scripts, on a clock that the test sets.
type claimWorld struct {
	rig
	store  *redisstore.Store
	onHand map[uint8]map[string]int
}

const clockCall = "redis.call('TIME')"

// withClock makes a script read its time from a key beside the partition.
func withClock(script string) string {
	return strings.ReplaceAll(script, clockCall, "redis.call('HMGET', 'clock:' .. KEYS[1], 's', 'us')")
}

func newClaimWorld(t testing.TB, r rig, edit func(string) string, onHand map[uint8]map[string]int) *claimWorld {
	t.Helper()
	w := &claimWorld{rig: r, onHand: onHand, store: redisstore.NewEdited(r.client, r.prefix, func(script string) string {
		return withClock(edit(script))
	})}
	t.Cleanup(func() { r.client.Del(context.Background(), w.clockKey()) })
	w.setClock(t, startMs)
	w.fill(t)
	if err := w.rebuild(nil); err != nil {
		t.Fatal(err)
	}
	return w
}

const startMs = 1_794_000_000_000

func unedited(script string) string { return script }

func (w *claimWorld) clockKey() string { return "clock:" + w.prefix + "n:{p000}" }

func (w *claimWorld) setClock(t testing.TB, ms int64) {
	if err := w.client.HSet(context.Background(), w.clockKey(), "s", ms/1000, "us", ms%1000*1000).Err(); err != nil {
		t.Fatal(err)
	}
}

// fill states what is on hand, as the feeds would.
func (w *claimWorld) fill(t testing.TB) {
	t.Helper()
	mustBegin(t, w.store, layoutOf(1, 2), sources...)
	var writes []stock.Write
	for slot, skus := range w.onHand {
		for sku, n := range skus {
			writes = append(writes, stock.Write{SKU: sku, Slot: slot, Fact: &stock.Fact{
				SKU: sku, Source: retail.SourceERP, Version: 1, Value: int32(n), Ranged: true,
			}})
		}
	}
	if err := w.store.Apply(context.Background(), 0, writes); err != nil {
		t.Fatal(err)
	}
}

// rebuild counts claims anew.
func (w *claimWorld) rebuild(claims []stock.Counted) error {
	ctx := context.Background()
	for {
		reset, err := w.store.Reset(ctx, 0, "token", time.Minute)
		if err != nil {
			return err
		}
		if reset.Open || reset.Busy > 0 {
			return fmt.Errorf("reset says %+v", reset)
		}
		if reset.Left == 0 {
			break
		}
	}
	for range 2 { // a repetition changes nothing
		if err := w.store.Restore(ctx, 0, "token", time.Minute, claims); err != nil {
			return err
		}
	}
	return w.store.Reopen(ctx, 0, "token")
}

// ledgerOf is what the ledger would list of the model's claims.
func ledgerOf(m claimModel) []stock.Counted {
	var list []stock.Counted
	for id, c := range m.claims {
		if c.state.Live() && (c.state == stock.CountCommitted || c.expires > m.now) {
			state := stock.CountActive
			if c.state == stock.CountCommitted {
				state = c.state
			}
			list = append(list, stock.Counted{
				ID: id, Slot: c.slot, State: state, ExpiresAt: time.UnixMilli(c.expires), Requested: c.request, Lines: c.lines,
			})
		}
	}
	slices.SortFunc(list, func(a, b stock.Counted) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// do takes a step that needs nothing but the store, and says what it told.
func (w *claimWorld) do(s step) (string, error) {
	ctx := context.Background()
	var at stock.Standing
	var err error
	switch s.kind {
	case "hold":
		var got stock.Admitted
		got, err = w.store.Hold(ctx, 0, stock.Admission{
			ID: s.id, Slot: s.slot, Requested: s.lines, Lines: s.lines, Life: time.Duration(s.life) * time.Millisecond,
			Partial: s.partial, Again: s.again,
		})
		if errors.Is(err, stock.ErrOtherRequest) {
			return "other", nil
		}
		if err == nil && got.State == stock.CountNone {
			text := "short"
			for _, short := range got.Short {
				text += fmt.Sprintf(" %s=%d", short.SKU, short.Available)
			}
			return text, nil
		}
		at = got.Standing
	case "extend":
		at, err = w.store.Extend(ctx, 0, s.id, time.Duration(s.life)*time.Millisecond)
	case "pin":
		at, err = w.store.Pin(ctx, 0, s.id)
	case "commit":
		at, err = w.store.Commit(ctx, 0, stock.Counted{
			ID: s.id, Slot: s.slot, Lines: s.lines, ExpiresAt: time.UnixMilli(ledgerExpiry),
		})
	case "settle":
		at, err = w.store.Settle(ctx, 0, s.id, s.outcome, nil)
	case "shrink":
		at, err = w.store.Shrink(ctx, 0, s.id, s.lines)
	case "reap":
		_, err = w.store.Reap(ctx, 0)
		return "ok", err
	default:
		return "", fmt.Errorf("no step %q", s.kind)
	}
	return standing(at), err
}

// agree reports where the cells differ from the model.
func (w *claimWorld) agree(t testing.TB, m claimModel) error {
	for slot, skus := range w.onHand {
		for sku := range skus {
			var cell stock.Cell
			stock.CellAt(mustRead(t, w.store, 0, sku).Rows[0], slot, &cell)
			held, ordered := m.counted(slot, sku)
			if int(cell.Held) != held || int(cell.Ordered) != ordered {
				return fmt.Errorf("%s at slot %d counts %d held and %d ordered, want %d and %d",
					sku, slot, cell.Held, cell.Ordered, held, ordered)
			}
		}
	}
	return nil
}
