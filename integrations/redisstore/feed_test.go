package redisstore_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/stock"
)

// book is a source whose log grows; a poll tells at most page facts.
type book struct {
	mu     sync.Mutex
	source retail.Source
	page   int
	log    []stock.Fact
}

func (s *book) say(location, sku string, value int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, stock.Fact{
		Location: location, SKU: sku, Source: s.source, Version: uint32(len(s.log) + 1), Value: value,
	})
}

// version is that of the last fact about a pair among the first n.
func (s *book) version(location, sku string, n int) uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := n - 1; i >= 0; i-- {
		if f := &s.log[i]; f.Location == location && f.SKU == sku {
			return f.Version
		}
	}
	return 0
}

func (s *book) Poll(_ context.Context, cursor string) (stock.Batch, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	from := 0
	if cursor != "" {
		if _, err := fmt.Sscan(cursor, &from); err != nil {
			return stock.Batch{}, err
		}
	}
	to := min(len(s.log), from+s.page)
	b := stock.Batch{Facts: s.log[from:to:to], Cursor: fmt.Sprint(to), More: to < len(s.log)}
	if !b.More {
		for code := range layoutOf(3, 4) {
			b.Marks = append(b.Marks, stock.Mark{Location: code, Source: s.source, AsOf: time.UnixMilli(int64(to))})
		}
	}
	return b, nil
}

func TestFeedsFillALostStoreAgain(t *testing.T) {
	layout := layoutOf(3, 4)
	losses := map[string]func(t *testing.T, r rig){
		"everything": func(t *testing.T, r rig) { r.wipe(t) },
		"one partition": func(t *testing.T, r rig) {
			r.lose(t, func(key string) bool { return strings.Contains(key, "{p001}") })
		},
		"the latest writes of a partition": func(t *testing.T, r rig) {
			ctx := context.Background()
			r.client.HSet(ctx, r.prefix+"n:{p002}", "seq", 1)
			r.lose(t, func(key string) bool { return key == r.prefix+"a:{p002}:SKU-1" })
		},
	}
	onEveryRedis(t, func(t *testing.T, r rig) {
		for name, lose := range losses {
			t.Run(name, func(t *testing.T) {
				r.wipe(t)
				store := r.store()
				books := make([]*book, len(sources))
				for i, source := range sources {
					books[i] = &book{source: source, page: 50}
				}
				feeds := feedsOf(books, store, layout)
				ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
				done := make(chan error, 1)
				go func() { done <- feeds.Run(ctx) }()
				defer func() {
					cancel()
					if err := <-done; err != nil {
						t.Error(err)
					}
				}()
				tell := func(n int32) {
					for code := range layout {
						for _, b := range books {
							for sku := range 5 {
								b.say(code, fmt.Sprintf("SKU-%d", sku), n)
							}
						}
					}
				}
				catchUp := func() {
					if err := feeds.CaughtUp(ctx); err != nil {
						t.Fatalf("%v: %+v", err, feeds.Health())
					}
				}
				tell(1)
				catchUp()
				lose(t, r)
				// One feed notices by a write, the others by a write or a mark; each begins again from its snapshot.
				books[1].say("S-2-0", "SKU-4", 7)
				catchUp()
				catchUp()
				for code, place := range layout {
					read := mustRead(t, store, place.Partition, "SKU-0", "SKU-1", "SKU-2", "SKU-3", "SKU-4")
					for sku, row := range read.Rows {
						var c stock.Cell
						sold := int32(1)
						if code == "S-2-0" && sku == 4 {
							sold = 7
						}
						if !stock.CellAt(row, place.Slot, &c) || c.OnHand != 1 || c.Sold != sold || c.Allocated != 1 {
							t.Errorf("SKU-%d at %s is %+v", sku, code, c)
						}
					}
				}
			})
		}
	})
}
