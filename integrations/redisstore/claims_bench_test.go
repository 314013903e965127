package redisstore_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/portico-retail/portico/retail/stock"
)

// BenchmarkHold holds one line, beside the refusal of a line that is sold out and the repetition of a hold.
func BenchmarkHold(b *testing.B) {
	ctx := context.Background()
	onEveryRedisB(b, func(b *testing.B, r rig) {
		for _, c := range []struct {
			name    string
			sku, id func(i int) string
		}{
			// A cell counts no more than MaxClaimed units.
			{"held", func(i int) string { return "A" + strconv.Itoa(i/stock.MaxClaimed) }, strconv.Itoa},
			{"sold out", func(int) string { return "NONE" }, strconv.Itoa},
			{"repeated", func(int) string { return "A0" }, func(int) string { return "same" }},
		} {
			b.Run(c.name, func(b *testing.B) {
				r.wipe(b)
				w := newClaimWorld(b, r, unedited, onHand("NONE", 0, "A0", 1<<30, "A1", 1<<30, "A2", 1<<30, "A3", 1<<30))
				b.ReportAllocs()
				b.ResetTimer()
				for i := range b.N {
					_, err := w.store.Hold(ctx, 0, stock.Admission{
						ID: c.id(i), Requested: units(c.sku(i), 1), Lines: units(c.sku(i), 1), Life: time.Minute,
					})
					if err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	})
}
