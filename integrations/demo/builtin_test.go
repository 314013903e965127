package demo_test

import (
	"crypto/sha256"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/portico-retail/portico/integrations/demo"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var now = time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC)

func fingerprint(t *testing.T, r *demo.Retailer) [32]byte {
	t.Helper()
	raw, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return sha256.Sum256(raw)
}

func TestBuiltinIsDeterministic(t *testing.T) {
	one := fingerprint(t, demo.Builtin(1, now))
	if one != fingerprint(t, demo.Builtin(1, now.Add(3*time.Hour))) {
		t.Error("the same seed on the same day gave two retailers")
	}
	if one == fingerprint(t, demo.Builtin(2, now)) {
		t.Error("two seeds gave the same retailer")
	}
}

func TestBuiltinPlaces(t *testing.T) {
	r := demo.Builtin(1, now)
	kinds, codes := map[string]int{}, map[string]bool{}
	without, curbside, instant, cutoff, capacity := 0, 0, 0, 0, 0
	for _, l := range r.Locations {
		kinds[l.Kind]++
		if codes[l.Code] || !strings.HasPrefix(l.Code, l.Kind+"-") {
			t.Errorf("code %q is not unique or not of kind %s", l.Code, l.Kind)
		}
		codes[l.Code] = true
		if l.Lat < 18 || l.Lat > 54 || l.Lon < 73 || l.Lon > 135 || l.Zone != "Asia/Shanghai" || len(l.Hours) < 6 {
			t.Errorf("%s lies at %v, %v in %s and opens on %d days", l.Code, l.Lat, l.Lon, l.Zone, len(l.Hours))
		}
		for _, h := range l.Holidays {
			if h.Date <= now.Format(time.DateOnly) {
				t.Errorf("%s: holiday %s is not ahead", l.Code, h.Date)
			}
		}
		if l.Kind != demo.KindStore {
			continue
		}
		without += count(!l.Pickup.Inside)
		curbside += count(l.Pickup.Curbside)
		instant += count(l.Pickup.Instant)
		cutoff += count(l.Pickup.Cutoff != "")
		capacity += count(l.Pickup.Capacity > 0)
	}
	if diff := cmp.Diff(map[string]int{"S": 48, "F": 10, "W": 4}, kinds); diff != "" {
		t.Errorf("kinds (-want +got):\n%s", diff)
	}
	for what, n := range map[string]int{"without pickup": without, "curbside": curbside, "instant": instant, "cut-off": cutoff, "capacity": capacity} {
		if n == 0 || n == kinds["S"] {
			t.Errorf("%d of %d stores are %s, want some", n, kinds["S"], what)
		}
	}
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestBuiltinGoods(t *testing.T) {
	r := demo.Builtin(1, now)
	if n := len(r.Products); n < 480 || n > 620 {
		t.Errorf("%d products, want 500 to 600 or so", n)
	}
	parents := map[string]bool{"": true}
	for _, c := range r.Categories {
		if !parents[c.Parent] || c.Title.Chinese == "" || c.Title.English == "" {
			t.Errorf("category %+v comes before its parent or lacks a title", c)
		}
		parents[c.ID] = true
	}
	skus, gtins, titles, models, differ := map[string]bool{}, map[string]bool{}, map[string]bool{}, 0, 0
	for _, p := range r.Products {
		if p.Title.Chinese == "" || p.Title.English == "" || p.Brand == "" || len(p.Media) == 0 || titles[p.Handle] {
			t.Errorf("product %s lacks something or repeats its handle: %+v", p.ID, p)
		}
		titles[p.Handle] = true
		for _, m := range p.Media {
			models += count(m.Kind == demo.MediaModel3D)
		}
		options := map[string]bool{}
		for _, v := range p.Variants {
			if skus[v.SKU] || gtins[v.GTIN] || !validGTIN13(v.GTIN) || options[v.Title.English] {
				t.Errorf("variant %s: GTIN %q or title %q is invalid or comes twice", v.SKU, v.GTIN, v.Title.English)
			}
			skus[v.SKU], gtins[v.GTIN], options[v.Title.English] = true, true, true
			if v.List <= 0 || v.Web <= 0 || v.Till <= 0 || len(v.Options) == 0 {
				t.Errorf("variant %s lacks a price or options: %+v", v.SKU, v)
			}
			differ += count(v.Web != v.Till)
		}
	}
	if len(skus) != 1200 || models == 0 || differ == 0 || differ > 100 {
		t.Errorf("%d SKUs, %d 3-D models, %d price differences", len(skus), models, differ)
	}
}

func validGTIN13(gtin string) bool {
	if len(gtin) != 13 {
		return false
	}
	sum := 0
	for i, c := range gtin {
		if c < '0' || c > '9' {
			return false
		}
		sum += int(c-'0') * (1 + i%2*2)
	}
	return sum%10 == 0
}

func TestBuiltinPricesAndStock(t *testing.T) {
	r := demo.Builtin(1, now)
	past, present, future, channels, tiers := 0, 0, 0, 0, 0
	for _, c := range r.Conditions {
		switch {
		case c.Tier != "*":
			tiers++
		case !c.Promotion:
			channels++
		case c.From.After(now):
			future++
		case !c.To.IsZero() && !c.To.After(now):
			past++
		default:
			present++
		}
	}
	if past == 0 || present == 0 || future == 0 || channels == 0 || tiers == 0 {
		t.Errorf("%d past, %d present, %d future promotions, %d channel and %d tier prices", past, present, future, channels, tiers)
	}
	ranged, empty := map[string]int{}, 0
	for _, s := range r.Stock {
		ranged[s.Location] += count(s.Ranged)
		empty += count(s.OnHand == 0)
		if s.OnHand < 0 || s.Safety < 0 || s.Safety > 3 {
			t.Fatalf("stock %+v is out of bounds", s)
		}
	}
	for _, l := range r.Locations {
		low, high := 980, 1170
		switch l.Kind {
		case demo.KindWarehouse:
			low, high = 1200, 1200
		case demo.KindFrontWarehouse:
			low, high = 640, 800
		}
		if n := ranged[l.Code]; n < low || n > high {
			t.Errorf("%s ranges %d SKUs, want %d to %d", l.Code, n, low, high)
		}
	}
	if empty == 0 {
		t.Error("nothing is out of stock")
	}
}

func TestCentsAreWrittenInMajorUnits(t *testing.T) {
	for cents, want := range map[demo.Cents]string{1990: "19.90", 5: "0.05", 0: "0.00", -150: "-1.50"} {
		if got := cents.String(); got != want {
			t.Errorf("%d cents = %s, want %s", int(cents), got, want)
		}
	}
}

func TestACornerIsARetailerOfItsOwn(t *testing.T) {
	whole := demo.Builtin(1, now)
	stock := len(whole.Stock)
	corner := whole.Corner(2, 10)
	if len(corner.Locations) != 6 || len(corner.Products) != 10 || len(whole.Stock) != stock {
		t.Errorf("%d places, %d products, %d of %d stock left", len(corner.Locations), len(corner.Products), len(whole.Stock), stock)
	}
	known := map[string]bool{}
	for _, l := range corner.Locations {
		known[l.Code] = true
	}
	for _, p := range corner.Products {
		for _, v := range p.Variants {
			known[v.SKU] = true
		}
	}
	for _, s := range corner.Stock {
		if !known[s.Location] || !known[s.SKU] {
			t.Fatalf("stray stock %+v", s)
		}
	}
}
