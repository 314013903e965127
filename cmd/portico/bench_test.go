package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/portico-retail/portico/graph/scalar"
	"github.com/portico-retail/portico/integrations/demo"
	"github.com/portico-retail/portico/integrations/redisstore"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/stock"
)

// The reference question: 5 SKUs × 10 stores = 50 pairs, every field that an app shows.
const (
	referenceQuery = `query Reference($skus: [String!]!, $at: [ID!]) { stockCheck(skus: $skus, locationIds: $at) { items {
	sku location { code name } level available quantity { value precision } readyBy reasons freshness { asOf ageSeconds basis } } } }`
	referencePairs = 50
)

// reference is the question and three ways to answer it.
type reference struct {
	rig       *rig
	body      []byte
	skus      []string
	locations []*retail.Location
	store     *redisstore.Store
	handlers  map[string]http.Handler
}

// newReference runs on the Redis that PORTICO_TEST_REDIS_ADDR names, so that the server's work is not counted as the
// gateway's; without it on the embedded one, whose allocations and CPU are then part of every figure.
func newReference(b *testing.B) *reference {
	kind := "embedded"
	if os.Getenv("PORTICO_TEST_REDIS_ADDR") != "" {
		kind = "redis"
	}
	r := &reference{rig: newRigOf(b, kind, demo.Builtin(1, time.Now())), skus: []string{"10000021", "10000022", "10000023", "10000100", "10000101"}}
	for _, l := range r.rig.gateway.directory.All() {
		if l.Kind == retail.Store && len(r.locations) < 10 {
			r.locations = append(r.locations, l)
		}
	}
	codes := make([]string, len(r.locations))
	for i, l := range r.locations {
		codes[i] = l.Code
	}
	var err error
	r.body, err = json.Marshal(map[string]any{"query": referenceQuery, "variables": map[string]any{"skus": r.skus, "at": codes}})
	must(b, err)
	r.store = redisstore.New(r.rig.redis, r.rig.prefix, nil)
	r.seedHashes(b)
	r.handlers = map[string]http.Handler{
		"gateway": r.rig.gateway.server.Handler(),
		"by-hand": http.HandlerFunc(r.byHand),
		"hgetall": http.HandlerFunc(r.hashPerPair),
	}
	for name, h := range r.handlers {
		if got := r.call(b, h); strings.Count(got, `"level"`) != referencePairs {
			b.Fatalf("%s answers %s", name, got)
		}
	}
	return r
}

func (r *reference) call(b *testing.B, h http.Handler) string {
	b.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r.request())
	if w.Code != http.StatusOK {
		b.Fatalf("%d %s", w.Code, w.Body)
	}
	return w.Body.String()
}

func (r *reference) request() *http.Request {
	request := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/graphql", bytes.NewReader(r.body))
	request.Header.Set("Content-Type", "application/json")
	return request
}

// seedHashes stores what the naive design would: a hash per pair with the present cell.
func (r *reference) seedHashes(b *testing.B) {
	for _, l := range r.locations {
		for _, sku := range r.skus {
			must(b, r.rig.redis.HSet(context.Background(), r.hash(l, sku), "onHand", 20, "cut", 3, "sold", 5, "allocated", 1,
				"held", 0, "safety", 2, "ranged", 1, "erp", time.Now().UnixMilli(), "pos", time.Now().UnixMilli(),
				"shop", time.Now().UnixMilli()).Err())
		}
	}
}

func (r *reference) hash(l *retail.Location, sku string) string {
	return r.rig.prefix + "naive:" + l.Code + ":" + sku
}

// question decodes the variables as a hand-written handler would.
func question(w http.ResponseWriter, request *http.Request) (skus, at []string, ok bool) {
	var q struct {
		Variables struct{ SKUs, At []string }
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, request.Body, 1<<17)).Decode(&q); err != nil {
		http.Error(w, "bad", http.StatusBadRequest)
		return nil, nil, false
	}
	return q.Variables.SKUs, q.Variables.At, true
}

// byHand answers from the same packed rows with appended bytes and nothing else: no schema, limits, access or reasons.
func (r *reference) byHand(w http.ResponseWriter, request *http.Request) {
	skus, at, ok := question(w, request)
	if !ok {
		return
	}
	layout, now := r.rig.gateway.keeper.Layout(), time.Now()
	reads := []stock.PartitionRead{}
	for _, code := range at {
		p := layout[code].Partition
		if !slices.ContainsFunc(reads, func(read stock.PartitionRead) bool { return read.Partition == p }) {
			reads = append(reads, stock.PartitionRead{Partition: p})
		}
	}
	if err := r.store.Read(request.Context(), reads, skus); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	out := append(make([]byte, 0, 12<<10), `{"data":{"stockCheck":{"items":[`...)
	for k, sku := range skus {
		for i, code := range at {
			place := layout[code]
			read := &reads[slices.IndexFunc(reads, func(read stock.PartitionRead) bool { return read.Partition == place.Partition })]
			var c stock.Cell
			stock.CellAt(read.Rows[k], place.Slot, &c)
			asOf := now
			for source := range 3 {
				if mark := stock.WatermarkAt(read.Watermarks, place.Slot, source); mark.Before(asOf) {
					asOf = mark
				}
			}
			out = appendItem(out, k+i == 0, sku, r.locations[i], c.Promise().AvailableToPromise, asOf, now)
		}
	}
	writeItems(w, out)
}

// hashPerPair answers from a hash per pair, all in one pipeline.
func (r *reference) hashPerPair(w http.ResponseWriter, request *http.Request) {
	skus, at, ok := question(w, request)
	if !ok {
		return
	}
	now, pipe := time.Now(), r.rig.redis.Pipeline()
	replies := make([]*redis.MapStringStringCmd, 0, len(skus)*len(at))
	for _, sku := range skus {
		for i := range at {
			replies = append(replies, pipe.HGetAll(request.Context(), r.hash(r.locations[i], sku)))
		}
	}
	if _, err := pipe.Exec(request.Context()); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	out := append(make([]byte, 0, 12<<10), `{"data":{"stockCheck":{"items":[`...)
	for n, reply := range replies {
		h := reply.Val()
		number := func(field string) int { v, _ := strconv.Atoi(h[field]); return v }
		atp := max(0, number("onHand")-(number("sold")-number("cut"))-number("allocated")-number("held")-number("safety"))
		asOf := time.UnixMilli(int64(min(number("erp"), number("pos"), number("shop"))))
		out = appendItem(out, n == 0, skus[n/len(at)], r.locations[n%len(at)], atp, asOf, now)
	}
	writeItems(w, out)
}

func appendItem(out []byte, first bool, sku string, l *retail.Location, atp int, asOf, now time.Time) []byte {
	if !first {
		out = append(out, ',')
	}
	out = append(append(append(out, `{"sku":"`...), sku...), `","location":{"code":"`...)
	out = append(append(append(out, l.Code...), `","name":"`...), l.Names.Chinese...)
	out = append(out, `"},"level":"`...)
	switch {
	case atp == 0:
		out = append(out, `OUT_OF_STOCK","available":false`...)
	default:
		out = append(out, `IN_STOCK","available":true`...)
	}
	out = append(out, `,"quantity":{"value":`...)
	out = strconv.AppendInt(out, int64(min(atp, 10)), 10)
	out = append(out, `,"precision":"EXACT"},"readyBy":`...)
	out = scalar.AppendDateTime(out, now)
	out = append(out, `,"reasons":[],"freshness":{"asOf":`...)
	out = scalar.AppendDateTime(out, asOf)
	out = append(out, `,"ageSeconds":`...)
	out = strconv.AppendInt(out, int64(now.Sub(asOf)/time.Second), 10)
	return append(out, `,"basis":"PROJECTED"}}`...)
}

func writeItems(w http.ResponseWriter, out []byte) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(out, `]}}}`...))
}

// BenchmarkStockCheck reports allocations per pair of the reference question and its CPU time in the three ways.
func BenchmarkStockCheck(b *testing.B) {
	r := newReference(b)
	for _, name := range []string{"gateway", "by-hand", "hgetall"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start, n := cpuTime(b), 0
			for b.Loop() {
				r.handlers[name].ServeHTTP(discard{}, r.request())
				n++
			}
			spent := cpuTime(b) - start
			runtime.ReadMemStats(&after)
			b.ReportMetric(float64(spent)/float64(n), "cpu-ns/op")
			b.ReportMetric(float64(after.Mallocs-before.Mallocs)/float64(n)/referencePairs, "allocs/pair")
		})
	}
}

// BenchmarkStockCheckRatios asks in the three ways by turns and reports the medians of the ratios of CPU time, of this
// process alone: above 1 the gateway costs more.
func BenchmarkStockCheckRatios(b *testing.B) {
	r := newReference(b)
	const turn = 100
	var byHand, hashes []float64
	for b.Loop() {
		spent := map[string]float64{}
		for name, h := range r.handlers {
			start := cpuTime(b)
			for range turn {
				h.ServeHTTP(discard{}, r.request())
			}
			spent[name] = float64(cpuTime(b) - start)
		}
		byHand = append(byHand, spent["gateway"]/spent["by-hand"])
		hashes = append(hashes, spent["gateway"]/spent["hgetall"])
	}
	b.ReportMetric(median(byHand), "cpu-gateway/by-hand")
	b.ReportMetric(median(hashes), "cpu-gateway/hgetall")
}

func median(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}

// cpuTime is the CPU time that this process has used.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// discard is a response writer that keeps nothing.
type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) WriteHeader(status int) {
	if status != http.StatusOK {
		panic(fmt.Sprintf("answered %d", status))
	}
}
