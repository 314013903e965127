package scalar_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/portico-retail/portico/graph/scalar"
)

func TestInstantsAreWrittenAsTheirLayoutSays(t *testing.T) {
	check := func(at time.Time) {
		t.Helper()
		want := at.UTC().Format(`"2006-01-02T15:04:05.000Z"`)
		if got := string(scalar.AppendDateTime(nil, at)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	zone := time.FixedZone("", 8*3600)
	check(time.Time{})
	check(time.Date(2026, 12, 31, 23, 59, 59, 999_999_999, zone))
	check(time.Date(9999, 12, 31, 23, 59, 59, 1_000_000, time.UTC))
	check(time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC))
	check(time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC))
	random := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		check(time.Unix(random.Int64N(1<<37), random.Int64N(1e9)).In(zone))
	}
}

func BenchmarkAppendDateTime(b *testing.B) {
	at, buf := time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC), make([]byte, 0, 32)
	for b.Loop() {
		buf = scalar.AppendDateTime(buf[:0], at)
	}
}
