package retail_test

import (
	"encoding/base64"
	"testing"
	"time"

	"github.com/portico-retail/portico/retail"
)

func TestPurchaseCursorsSurviveWritingAndReading(t *testing.T) {
	for _, want := range []retail.PurchaseKey{
		{At: time.Date(2026, 3, 1, 10, 0, 0, 123456789, time.UTC), Source: retail.SourceShop, Number: "P1:2"},
		{At: time.Unix(-1, 5).UTC(), Source: retail.SourcePOS, Number: "收据-7"},
		{At: time.Unix(0, 0).UTC(), Source: retail.SourcePOS, Number: "0"},
	} {
		got, err := retail.ParsePurchaseCursor(want.Cursor())
		if err != nil || got != want {
			t.Errorf("%v: got %v, %v", want, got, err)
		}
	}
}

func TestForeignTextIsNoPurchaseCursor(t *testing.T) {
	encode := base64.RawURLEncoding.EncodeToString
	for name, cursor := range map[string]string{
		"nothing":              "",
		"a cursor of a list":   retail.Cursor(1, 2),
		"a source of no goods": encode([]byte("p1:1:1:ERP:7")),
		"no number":            encode([]byte("p1:1:1:POS:")),
		"a part too few":       encode([]byte("p1:1:1:POS")),
		"nanos beyond a second": retail.PurchaseKey{
			At: time.Unix(1, 0), Source: retail.SourcePOS, Number: "x",
		}.Cursor() + "A",
		"leading zeros":          encode([]byte("p1:01:1:POS:7")),
		"a year beyond the last": encode([]byte("p1:zzzzzzzzzz:1:POS:7")),
	} {
		if _, err := retail.ParsePurchaseCursor(cursor); retail.CodeOf(err) != retail.CodeBadInput {
			t.Errorf("%s: got %v, want %s", name, err, retail.CodeBadInput)
		}
	}
}

func FuzzParsePurchaseCursor(f *testing.F) {
	f.Add(retail.PurchaseKey{At: time.Unix(1, 2), Source: retail.SourceShop, Number: "P1"}.Cursor())
	f.Fuzz(func(t *testing.T, cursor string) {
		k, err := retail.ParsePurchaseCursor(cursor)
		if err == nil && k.Cursor() != cursor {
			t.Errorf("%q was read as %v", cursor, k)
		}
	})
}

func TestWholeUnitsOfMoney(t *testing.T) {
	for _, c := range []struct {
		m    retail.Money
		want int64
	}{
		{retail.Money{Minor: 1999, CurrencyCode: "CNY"}, 19},
		{retail.Money{Minor: -1999, CurrencyCode: "CNY"}, -19},
		{retail.Money{Minor: 1999, CurrencyCode: "JPY"}, 1999},
		{retail.Money{Minor: 1999, CurrencyCode: "KWD"}, 1},
	} {
		if got := c.m.Whole(); got != c.want {
			t.Errorf("%v: got %d, want %d", c.m, got, c.want)
		}
	}
}
