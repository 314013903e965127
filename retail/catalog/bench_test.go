package catalog_test

import (
	"context"
	"fmt"
	"testing"

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
