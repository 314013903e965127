package catalog_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/catalog"
)

func BenchmarkProducts(b *testing.B) {
	for _, size := range []int{1200, 50_000} {
		s := mustServe(b, assortment(size, 7))
		for _, c := range []struct {
			name string
			q    catalog.Query
		}{
			{"everything", catalog.Query{}},
			{"by price", catalog.Query{Sort: catalog.SortPriceAsc}},
			{"two words", catalog.Query{Search: "red dress"}},
			{"Chinese", catalog.Query{Search: "红色羊毛围巾"}},
			{"one letter", catalog.Query{Search: "r"}},
			{"a SKU", catalog.Query{Search: "P000017"}},
			{"brand and price", catalog.Query{Filter: catalog.Filter{Brands: []string{"Brand 7"}, MaxPrice: decimal("500")}}},
		} {
			c.q.First = 20
			b.Run(fmt.Sprintf("%d/%s", size, c.name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := s.Products(context.Background(), c.q); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkRefresh(b *testing.B) {
	for _, size := range []int{1200, 50_000} {
		list := assortment(size, 7)
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				mustServe(b, list)
			}
		})
	}
}

// BenchmarkViews makes what partners see, each another tenth of the products and no price, and says what one takes.
func BenchmarkViews(b *testing.B) {
	for _, size := range []int{1200, 50_000} {
		list := assortment(size, 7)
		const partners = 20
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			var grown uint64
			for b.Loop() {
				b.StopTimer()
				s := mustServe(b, list)
				before := heapInUse()
				b.StartTimer()
				s.Hold(context.Background(), tenths(partners, size))
				b.StopTimer()
				grown += heapInUse() - before
				runtime.KeepAlive(s)
				b.StartTimer()
			}
			n := float64(partners * b.N)
			b.ReportMetric(float64(b.Elapsed().Microseconds())/n, "µs/view")
			b.ReportMetric(float64(grown)/1024/n, "KB/view")
		})
	}
}

// tenths are n reaches, each of another tenth of the products.
func tenths(n, products int) []*retail.Reach {
	list := make([]*retail.Reach, n)
	for i := range list {
		first := i * (products - products/10) / n
		list[i] = &retail.Reach{
			SKUs:     []retail.SKURange{{First: fmt.Sprintf("P%06d", first), Last: fmt.Sprintf("P%06d", first+products/10-1)}},
			Channels: []retail.Channel{retail.ChannelPartner},
		}
	}
	return list
}

func heapInUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
