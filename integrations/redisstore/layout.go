package redisstore

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/stock"
)

// SaveLayout stores extended if the stored layout is still base or there is none, and returns the layout that is stored
// afterwards.
func (s *Store) SaveLayout(ctx context.Context, base, extended stock.Layout) (stock.Layout, error) {
	start := time.Now()
	text, err := s.layout.Run(ctx, s.client, []string{s.prefix + "layout"}, encodeLayout(base), encodeLayout(extended)).Text()
	if err = s.observe("layout", start, err); err != nil {
		return nil, err
	}
	layout, err := decodeLayout(text)
	if err != nil {
		return nil, &retail.Error{Code: retail.CodeInternal, Message: "the stored layout is unreadable", Err: err}
	}
	return layout, nil
}

// encodeLayout writes one line per location, `code partition slot`, by code, so that equal layouts have equal text.
func encodeLayout(l stock.Layout) string {
	var b strings.Builder
	for _, code := range slices.Sorted(maps.Keys(l)) {
		fmt.Fprintf(&b, "%s %d %d\n", code, l[code].Partition, l[code].Slot)
	}
	return b.String()
}

func decodeLayout(text string) (stock.Layout, error) {
	l := stock.Layout{}
	taken := map[stock.Place]bool{}
	for line := range strings.Lines(text) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), " ")
		if len(f) != 3 || !retail.ValidLocationCode(f[0]) {
			return nil, fmt.Errorf("redisstore: %.60q is no line of a layout", line)
		}
		partition, err1 := strconv.ParseUint(f[1], 10, 16)
		slot, err2 := strconv.ParseUint(f[2], 10, 8)
		place := stock.Place{Partition: uint16(partition), Slot: uint8(slot)}
		if err1 != nil || err2 != nil || place.Slot >= stock.SlotsPerPartition || taken[place] {
			return nil, fmt.Errorf("redisstore: %.60q has no place of its own", line)
		}
		if _, twice := l[f[0]]; twice {
			return nil, fmt.Errorf("redisstore: %s has two places", f[0])
		}
		l[f[0]], taken[place] = place, true
	}
	return l, nil
}
