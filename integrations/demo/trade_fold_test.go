package demo_test

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-retail/portico/integrations/demo"
)

// folded is what a trade file says, read a second time by other means: encoding/csv over the whole file, regular
// expressions and the rules in the order in which docs/wires.md gives them.
type folded struct {
	Opening, Stock map[demo.Pair]int
	Title          map[string]string
	Price          map[string]demo.Cents
}

var (
	merchandise = regexp.MustCompile(`^[0-9]{5}[A-Z]*$`)
	customer    = regexp.MustCompile(`^([0-9]+)(\.0)?$`)
	integer     = regexp.MustCompile(`^[-+]?[0-9]{1,6}$`)
)

func mustFold(t *testing.T, file io.Reader) folded {
	t.Helper()
	out := folded{map[demo.Pair]int{}, map[demo.Pair]int{}, map[string]string{}, map[string]demo.Cents{}}
	r := csv.NewReader(file)
	r.FieldsPerRecord = -1
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows[1:] {
		if len(row) != 8 {
			continue
		}
		for i := range row {
			row[i] = strings.TrimSpace(row[i])
		}
		sku, id := strings.ToUpper(row[1]), customer.FindStringSubmatch(row[6])
		place := strings.ReplaceAll(strings.ToUpper(row[7]), " ", "-")
		if row[7] == "United Kingdom" && row[6] == "" {
			place = "UK-DC"
		} else if row[7] == "United Kingdom" {
			if id == nil {
				continue
			}
			number, _ := strconv.Atoi(id[1])
			place = fmt.Sprintf("UK-%02d", number%12)
		}
		quantity, _ := strconv.Atoi(row[3])
		if !merchandise.MatchString(sku) || place == "" || !integer.MatchString(row[3]) || quantity > 100_000 || quantity < -100_000 {
			continue
		}
		pair, number := demo.Pair{Location: place, SKU: sku}, 0
		if _, err := fmt.Sscanf(sku[:5], "%d", &number); err != nil {
			t.Fatal(err)
		}
		if _, known := out.Stock[pair]; !known {
			out.Opening[pair] = 2000 + number%997
			if place == "UK-DC" {
				out.Opening[pair] += 48_000
			}
			out.Stock[pair] = out.Opening[pair]
		}
		switch {
		case quantity < 0 && row[0][0] == 'C':
			out.Stock[pair] += -quantity
		case quantity < 0: // an adjustment takes stock
			out.Stock[pair] += quantity
		default:
			out.Stock[pair] -= quantity
		}
		if row[2] != "" {
			out.Title[sku] = strings.ToValidUTF8(row[2], "\uFFFD")
		}
		if price, err := strconv.ParseFloat(row[5], 64); err == nil && price > 0 {
			out.Price[sku] = demo.Cents(math.Round(price * 100))
		}
	}
	return out
}

// mustAgree compares the fold with what the demo makes of the same file.
func mustAgree(t *testing.T, open func() io.Reader) (*demo.Retailer, demo.TradeCounts) {
	t.Helper()
	want := mustFold(t, open())
	r, counts, err := demo.FromTrade(open())
	if err != nil {
		t.Fatal(err)
	}
	books, err := demo.FoldBooks(open())
	if err != nil {
		t.Fatal(err)
	}
	got := folded{map[demo.Pair]int{}, books, map[string]string{}, map[string]demo.Cents{}}
	for _, s := range r.Stock {
		got.Opening[demo.Pair{Location: s.Location, SKU: s.SKU}] = s.OnHand
	}
	for _, p := range r.Products {
		v := p.Variants[0]
		if p.Title.English != v.SKU {
			got.Title[v.SKU] = p.Title.English
		}
		if v.List != 0 {
			got.Price[v.SKU] = v.List
		}
	}
	if !reflect.DeepEqual(want, got) { // cmp takes long to find that large maps are equal
		t.Errorf("-fold +demo:\n%.4000s", cmp.Diff(want, got))
	}
	return r, counts
}

const oddTrade = "\ufeffInvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\r\n" +
	"1, 85123a ,HEART,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom\r\n" + // lower case, spaces, CRLF
	"1,85123A,HEART,6,2010-12-01 08:26:00,2.55,17850,United Kingdom\r\n" + // the customer's other form: the same store
	"1,85123A,HEART,6,2010-12-01 08:26:00,2.55,17850,United Kingdom\n" + // a duplicate counts again
	"1,85123A,HEART,1,2010-12-01 08:26:00,2.55,12345.6,United Kingdom\n" + // no customer number
	"1,85123A,HEART,1,2010-12-01 08:26:00,2.55,garbage,United Kingdom\n" +
	"2,85123A,\"HEART, \"\"BIG\"\"\",+2,2010-12-01 08:26:00,,,United Kingdom\n" + // a sign, no price
	"3,22326,\"BOX\nOF TWO\",3,12/1/2010 8:26,2.95,12583.0,France\n" + // a quoted line break, a date as in the United States
	"C4,22326,, -2 ,2010-12-01 08:26:00,0,12583.0, France \n" + // a return without a description
	"5,22326,?,-1,2010-12-01 08:26:00,0,12583.0,France\n" + // an adjustment renames
	"6,22326,BOX,1.5,2010-12-01 08:26:00,9.95,12583.0,France\n" +
	"6,22326,BOX,2.0,2010-12-01 08:26:00,9.95,12583.0,France\n" +
	"6,22326,BOX,999999999999999999999,2010-12-01 08:26:00,9.95,12583.0,France\n" +
	"7,22327,LID,0,2010-12-01 08:26:00,0.85,12583.0,Hong Kong\n" + // occurs, so it is ranged
	"8,22328,LID,1,2010-12-01 08:26:00\n" + // columns missing
	"9,POST,POSTAGE,1,2010-12-01 08:26:00,18.0,12583.0,France\n" +
	"9,15056B1,X,1,2010-12-01 08:26:00,18.0,12583.0,France\n" +
	"9,1505,X,1,2010-12-01 08:26:00,18.0,12583.0,France\n" +
	"9,00000,ZERO,1,2010-12-01 08:26:00,-5,12583.0,EIRE" // no line end

func TestTradeRulesAgreeWithAnotherImplementation(t *testing.T) {
	_, counts := mustAgree(t, func() io.Reader { return strings.NewReader(oddTrade) })
	want := demo.TradeCounts{
		Lines: 18, Sales: 5, WebOrders: 1, Returns: 1, Adjustments: 1, ZeroQuantity: 1, Unreadable: 6,
		NonMerchandise: map[string]int{"POST": 1, "15056B1": 1, "1505": 1},
		Examples: []string{
			`line 5: customer "12345.6"`, `line 6: customer "garbage"`, `line 12: quantity "1.5"`,
			`line 13: quantity "2.0"`, `line 14: quantity "999999999999999999999"`,
		},
	}
	if diff := cmp.Diff(want, counts); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
}

func TestSpoiledFilesAreRefused(t *testing.T) {
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	if _, err := w.Write([]byte(oddTrade)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"a gzip file that ends early.gz":   zipped.Bytes()[:zipped.Len()-20],
		"a plain file.gz":                  []byte(oddTrade),
		"a gzip file without its name.csv": zipped.Bytes(),
		"an empty file.gz":                 nil,
		"columns in another order.csv":     []byte("StockCode,InvoiceNo,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"),
		"a column missing.csv":             []byte("InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,Country\n"),
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), name)
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			file, err := demo.OpenTrade(path)
			if err == nil {
				defer file.Close()
				_, err = demo.FoldBooks(file)
			}
			if err == nil {
				t.Error("it was taken")
			}
		})
	}
}
