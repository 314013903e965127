package retail_test

import (
	"context"
	"math"
	"strings"
	"testing"

	"github.com/portico-retail/portico/retail"
)

func TestTextFallsBackToTheOtherLanguage(t *testing.T) {
	both, chinese, english := retail.Text{Chinese: "雨伞", English: "Umbrella"}, retail.Text{Chinese: "雨伞"}, retail.Text{English: "Umbrella"}
	for name, c := range map[string]struct {
		text retail.Text
		lang retail.Language
		want string
	}{
		"Chinese of both":         {both, retail.LanguageChinese, "雨伞"},
		"English of both":         {both, retail.LanguageEnglish, "Umbrella"},
		"English of Chinese only": {chinese, retail.LanguageEnglish, "雨伞"},
		"Chinese of English only": {english, retail.LanguageChinese, "Umbrella"},
		"nothing at all":          {retail.Text{}, retail.LanguageEnglish, ""},
		"an unknown language":     {both, "FR", "雨伞"},
	} {
		if got := c.text.In(c.lang); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestTheShoppingContextIsCarried(t *testing.T) {
	if got := retail.ContextOf(context.Background()); got != retail.DefaultContext {
		t.Errorf("without one: got %+v", got)
	}
	want := retail.Context{LocationCode: "S-1", Channel: retail.ChannelPOS, Language: retail.LanguageEnglish}
	if got := retail.ContextOf(retail.WithContext(context.Background(), want)); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestSKUsAndLocationCodes(t *testing.T) {
	for sku, ok := range map[string]bool{
		"A-1_b./9": true, "": false, "A 1": false, "雨": false,
		strings.Repeat("9", retail.MaxSKULength): true, strings.Repeat("9", retail.MaxSKULength+1): false,
	} {
		if retail.ValidSKU(sku) != ok {
			t.Errorf("SKU %q: want %v", sku, ok)
		}
	}
	if retail.ValidLocationCode(strings.Repeat("S", 25)) || !retail.ValidLocationCode("S-SH01") {
		t.Error("location codes have 1 to 24 characters")
	}
}

func TestDistancesOnTheEarth(t *testing.T) {
	shanghai, beijing := retail.GeoPoint{Latitude: 31.2304, Longitude: 121.4737}, retail.GeoPoint{Latitude: 39.9042, Longitude: 116.4074}
	for name, c := range map[string]struct {
		a, b     retail.GeoPoint
		km, plus float64
	}{
		"Shanghai to Beijing":      {shanghai, beijing, 1067, 2},
		"a point to itself":        {shanghai, shanghai, 0, 0},
		"across the antimeridian":  {retail.GeoPoint{Longitude: 179.5}, retail.GeoPoint{Longitude: -179.5}, 111.195, 0.01},
		"from pole to pole":        {retail.GeoPoint{Latitude: 90}, retail.GeoPoint{Latitude: -90}, 20015.1, 0.1},
		"a pole has one longitude": {retail.GeoPoint{Latitude: 90}, retail.GeoPoint{Latitude: 90, Longitude: 90}, 0, 1e-9},
	} {
		if got := c.a.DistanceKm(c.b); math.Abs(got-c.km) > c.plus {
			t.Errorf("%s: got %v km, want %v", name, got, c.km)
		}
		if c.a.DistanceKm(c.b) != c.b.DistanceKm(c.a) {
			t.Errorf("%s: there is farther than back", name)
		}
	}
	if (retail.GeoPoint{Latitude: math.NaN()}).Valid() || (retail.GeoPoint{Longitude: 180.1}).Valid() {
		t.Error("a point off the earth is valid")
	}
}
