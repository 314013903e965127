package demo_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-retail/portico/integrations/demo"
)

const tradeHeader = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"

func mustTrade(t testing.TB, lines ...string) (*demo.Retailer, demo.TradeCounts, map[demo.Pair]int) {
	t.Helper()
	file := tradeHeader + strings.Join(lines, "\n")
	books, err := demo.FoldBooks(strings.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	r, counts, err := demo.FromTrade(strings.NewReader(file))
	if empty := len(books) == 0; empty != (err != nil) {
		t.Fatalf("%d pairs, but error %v", len(books), err)
	} else if empty {
		r = &demo.Retailer{}
	}
	return r, counts, books
}

func TestTradeRules(t *testing.T) {
	const at = "2010-12-01 08:26:00"
	type books = map[demo.Pair]int
	tests := map[string]struct {
		line  string
		want  demo.TradeCounts
		books books
	}{
		"a sale to a British customer happens at the store of the customer's number modulo 12": {
			"536365,85123A,HEART,6," + at + ",2.55,17850.0,United Kingdom",
			demo.TradeCounts{Sales: 1},
			books{{"UK-06", "85123A"}: 2000 + 85123%997 - 6},
		},
		"a sale abroad happens at the store of the country": {
			"1,22326,BOX,2," + at + ",2.95,12583.0,Channel Islands",
			demo.TradeCounts{Sales: 1},
			books{{"CHANNEL-ISLANDS", "22326"}: 2000 + 22326%997 - 2},
		},
		"a customer abroad may have no number": {
			"1,22326,BOX,2," + at + ",2.95,,Hong Kong",
			demo.TradeCounts{Sales: 1},
			books{{"HONG-KONG", "22326"}: 2000 + 22326%997 - 2},
		},
		"a British sale without a customer is a web order from the warehouse": {
			"1,22326,BOX,2," + at + ",2.95,,United Kingdom",
			demo.TradeCounts{WebOrders: 1},
			books{{"UK-DC", "22326"}: 50000 + 22326%997 - 2},
		},
		"a return gives stock back": {
			"C1,22326,BOX,-3," + at + ",2.95,17850.0,United Kingdom",
			demo.TradeCounts{Returns: 1},
			books{{"UK-06", "22326"}: 2000 + 22326%997 + 3},
		},
		"a return without a customer comes back to the warehouse": {
			"C1,22326,BOX,-3," + at + ",2.95,,United Kingdom",
			demo.TradeCounts{Returns: 1},
			books{{"UK-DC", "22326"}: 50000 + 22326%997 + 3},
		},
		"a negative quantity that is no return is an adjustment": {
			"1,22326,damaged,-3," + at + ",0.0,,United Kingdom",
			demo.TradeCounts{Adjustments: 1},
			books{{"UK-DC", "22326"}: 50000 + 22326%997 - 3},
		},
		"quantity zero moves nothing but occurs, so it is ranged": {
			"1,22326,BOX,0," + at + ",2.95,,France",
			demo.TradeCounts{ZeroQuantity: 1},
			books{{"FRANCE", "22326"}: 2000 + 22326%997},
		},
		"a code is trimmed and upper-cased": {
			"1, 85099b ,BAG,1," + at + ",1.95,,France",
			demo.TradeCounts{Sales: 1},
			books{{"FRANCE", "85099B"}: 2000 + 85099%997 - 1},
		},
		"postage is no merchandise": {
			"1,POST,POSTAGE,1," + at + ",18.0,12583.0,France", demo.TradeCounts{NonMerchandise: map[string]int{"POST": 1}}, books{},
		},
		"a code with a digit after a letter is no merchandise, whatever else the line holds": {
			"1,15056B1,?,x,never,?,?,", demo.TradeCounts{NonMerchandise: map[string]int{"15056B1": 1}}, books{},
		},
		"a quoted description may hold commas and quotes": {
			`1,22326,"BOX, ""BIG""",1,` + at + ",2.95,,France",
			demo.TradeCounts{Sales: 1},
			books{{"FRANCE", "22326"}: 2000 + 22326%997 - 1},
		},
		"a quantity that is no number":            {"1,22326,BOX,1.5," + at + ",2.95,,France", unreadable(`line 2: quantity "1.5"`), books{}},
		"a quantity beyond every wire":            {"1,22326,BOX,100001," + at + ",2.95,,France", unreadable(`line 2: quantity "100001"`), books{}},
		"the most negative quantity":              {"C1,22326,BOX,-9223372036854775808," + at + ",2.95,,France", unreadable(`line 2: quantity "-9223372036854775808"`), books{}},
		"a date that is none":                     {"1,22326,BOX,1,2010-13-01 08:26:00,2.95,,France", unreadable(`line 2: date "2010-13-01 08:26:00"`), books{}},
		"a price that is no number":               {"1,22326,BOX,1," + at + ",NaN,,France", unreadable(`line 2: price "NaN"`), books{}},
		"a British customer without sense":        {"1,22326,BOX,1," + at + ",2.95,x,United Kingdom", unreadable(`line 2: customer "x"`), books{}},
		"a country that makes no code":            {"1,22326,BOX,1," + at + ",2.95,,<Fran&ce>", unreadable(`line 2: country "<Fran&ce>"`), books{}},
		"a country that would be a British store": {"1,22326,BOX,1," + at + ",2.95,,UK 05", unreadable(`line 2: country "UK 05"`), books{}},
		"no country":                              {"1,22326,BOX,1," + at + ",2.95,17850.0,", unreadable(`line 2: country ""`), books{}},
		"too few fields":                          {"1,22326,BOX", unreadable("line 2: not eight fields of CSV"), books{}},
		"too many fields":                         {"1,22326,BOX,1," + at + ",2.95,,France,", unreadable("line 2: not eight fields of CSV"), books{}},
		"an empty line":                           {"\n", demo.TradeCounts{Unreadable: 1, Examples: []string{"line 2: not eight fields of CSV"}}, books{}},
		"a code longer than any system's":         {"1,22326" + strings.Repeat("A", 36) + ",BOX,1," + at + ",2.95,,France", unreadable(`line 2: code "22326` + strings.Repeat("A", 35) + `"…`), books{}},
		"a line longer than the limit":            {"1,22326," + strings.Repeat("x", 70_000) + ",1," + at + ",2.95,,France", unreadable("line 2: longer than 64 KiB"), books{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r, counts, got := mustTrade(t, tt.line)
			tt.want.Lines = 1
			if tt.want.NonMerchandise == nil {
				tt.want.NonMerchandise = map[string]int{}
			}
			if diff := cmp.Diff(tt.want, counts); diff != "" {
				t.Errorf("counts (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.books, got); diff != "" {
				t.Errorf("books (-want +got):\n%s", diff)
			}
			if len(r.Stock) != len(tt.books) || len(r.Products) != len(tt.books) {
				t.Errorf("%d pairs ranged and %d products, want %d", len(r.Stock), len(r.Products), len(tt.books))
			}
		})
	}
}

func unreadable(example string) demo.TradeCounts {
	return demo.TradeCounts{Unreadable: 1, Examples: []string{example}}
}

func TestABrokenQuoteSpoilsItsOwnLineOnly(t *testing.T) {
	const good = `2,22326,BOX,1,2010-12-01 08:26:00,2.95,,France`
	broken := `1,22326,"BOX,1,2010-12-01 08:26:00,2.95,,France`
	for name, lines := range map[string][]string{
		"one before a good line":    {broken, good},
		"two around a good line":    {broken, good, broken},
		"one at the end":            {good, broken},
		"one that closes far below": append(append([]string{broken}, slices.Repeat([]string{good}, 30)...), broken),
		"one before a long line":    {broken, good + strings.Repeat(" ", 70_000), good},
	} {
		t.Run(name, func(t *testing.T) {
			_, counts, _ := mustTrade(t, lines...)
			wanted := 0
			for _, line := range lines {
				if line == good {
					wanted++
				}
			}
			if counts.Sales != wanted || counts.Unreadable != len(lines)-wanted {
				t.Errorf("%d sales and %d unreadable of %d lines, want %d sales", counts.Sales, counts.Unreadable, len(lines), wanted)
			}
		})
	}
}

func TestTradeRetailer(t *testing.T) {
	r, _, _ := mustTrade(t,
		"1,22326,OLD NAME,1,2010-12-01 08:26:00,2.95,12583.0,France",
		"2,22326,NEW NAME,1,2010-12-02 08:26:00,3.10,12583.0,France",
		"3,22326,,1,2010-12-03 08:26:00,0.0,12583.0,Atlantis",
		"4,22111,,1,2010-12-03 08:26:00,0.0,17850.0,United Kingdom",
		"5,22222,NEVER MOVED,0,2010-12-03 08:26:00,1.0,17850.0,United Kingdom")
	got := map[string]string{}
	for _, p := range r.Products {
		got[p.Variants[0].SKU] = fmt.Sprintf("%s at %s", p.Title.English, p.Variants[0].List)
	}
	want := map[string]string{"22326": "NEW NAME at 3.10", "22111": "22111 at 0.00", "22222": "NEVER MOVED at 1.00"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("products (-want +got):\n%s", diff)
	}
	var places []string
	for _, l := range r.Locations {
		places = append(places, fmt.Sprintf("%s %s %.1f %s", l.Code, l.City, l.Lat, l.Zone))
	}
	if diff := cmp.Diff([]string{"ATLANTIS  0.0 UTC", "FRANCE Paris 48.9 Europe/Paris", "UK-06 Liverpool 53.4 Europe/London"}, places); diff != "" {
		t.Errorf("places (-want +got):\n%s", diff)
	}
	sold := 0
	shop := r.ShopData("key")
	for _, p := range shop.Products {
		if p.Variants[0].Price != nil {
			sold++
		}
	}
	if len(shop.Products) != 3 || sold != 2 {
		t.Errorf("the shop shows %d products and sells %d, want three and the two with a price", len(shop.Products), sold)
	}
}

func TestWhatIsNoTradeFile(t *testing.T) {
	for name, file := range map[string]string{
		"an empty file": "", "another table": "a,b,c\n1,2,3\n", "nothing but a header": tradeHeader,
	} {
		if _, _, err := demo.FromTrade(strings.NewReader(file)); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

// tradeFile is the real trade, when the machine has it.
func tradeFile(t testing.TB) string {
	t.Helper()
	if path := os.Getenv("PORTICO_TRADE_FILE"); path != "" {
		return path
	}
	found, err := filepath.Glob("../../../shared/data/*.csv.gz")
	if err != nil || len(found) == 0 {
		t.Skip("no trade file: set PORTICO_TRADE_FILE")
	}
	return found[0]
}

func TestTheRealTrade(t *testing.T) {
	t.Parallel()
	raw, err := io.ReadAll(mustRead(t, realOpener(t, 0)))
	if err != nil {
		t.Fatal(err)
	}
	r, counts := mustAgree(t, func() io.Reader { return bytes.NewReader(raw) })
	codes := 0
	for _, n := range counts.NonMerchandise {
		codes += n
	}
	sum := counts.Sales + counts.WebOrders + counts.Returns + counts.Adjustments + counts.ZeroQuantity + counts.Unreadable + codes
	if sum != counts.Lines {
		t.Errorf("%d of %d lines are accounted for", sum, counts.Lines)
	}
	if os.Getenv("PORTICO_TRADE_FILE") == "" && (counts.Sales != 145_321 || counts.WebOrders != 58_261 || len(r.Stock) != 35_103) {
		t.Errorf("%d sales, %d web orders and %d pairs, want 145321, 58261 and 35103 as counted by hand", counts.Sales, counts.WebOrders, len(r.Stock))
	}
	t.Logf("%d pairs, %d SKUs, %d places\n%s", len(r.Stock), len(r.Products), len(r.Locations), counts)
}

func FuzzTrade(f *testing.F) {
	f.Add("1,22326,BOX,1,2010-12-01 08:26:00,2.95,17850.0,United Kingdom\n")
	f.Add("C1,85123A,\"a,\"\"b\",-2,2010-12-01 08:26:00,0,,EIRE\r\n,,,,,,,\n\"")
	f.Fuzz(func(t *testing.T, body string) {
		r, counts, books := mustTrade(t, body)
		codes := 0
		for _, n := range counts.NonMerchandise {
			codes += n
		}
		if counts.Sales+counts.WebOrders+counts.Returns+counts.Adjustments+counts.ZeroQuantity+counts.Unreadable+codes != counts.Lines {
			t.Fatalf("lines are lost: %+v", counts)
		}
		if len(books) != len(r.Stock) {
			t.Fatalf("%d pairs in the books, %d ranged", len(books), len(r.Stock))
		}
	})
}
