package shop_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/portico-retail/portico/integrations/demo/faults"
	"github.com/portico-retail/portico/integrations/demo/shop"
)

// BenchmarkOrderAndFeed places a hundred orders of two lines and reads their allocations back.
func BenchmarkOrderAndFeed(b *testing.B) {
	const orders = 100
	handler := shop.New(shop.Data{APIKey: apiKey}, time.Now, faults.NewBoard(1)).Handler()
	serve := func(method, path, body string) string {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("X-Api-Key", apiKey)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			b.Fatalf("%d %s", w.Code, w.Body)
		}
		return w.Body.String()
	}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		list := make([]string, orders)
		for i := range list {
			list[i] = fmt.Sprintf(`{"number":"%d-%d","location":"S-%d","placedAt":"2026-11-22T11:00:00Z",`+
				`"lines":[{"sku":"1%d","quantity":1},{"sku":"2%d","quantity":2}]}`, n, i, i%20, i%50, i%50)
		}
		serve(http.MethodPost, "/api/v1/orders", `{"orders":[`+strings.Join(list, ",")+`]}`)
		reply := serve(http.MethodGet, fmt.Sprint("/api/v1/allocations?since=", 2*orders*n), "")
		if strings.Count(reply, `"version"`) != 2*orders {
			b.Fatal(reply)
		}
	}
	b.ReportMetric(float64(b.N)*orders/b.Elapsed().Seconds(), "orders/s")
}

// BenchmarkProductPage reads a page of two hundred of ten thousand products.
func BenchmarkProductPage(b *testing.B) {
	data := shop.Data{APIKey: apiKey, Products: products(10_000)}
	handler := shop.New(data, time.Now, faults.NewBoard(1)).Handler()
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest(http.MethodGet, "/api/v1/products", nil)
		r.Header.Set("X-Api-Key", apiKey)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			b.Fatal(w.Code)
		}
	}
}
