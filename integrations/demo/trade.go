package demo

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// MaxTradeQuantity is the most units of one line, either way; more is unreadable, because no wire carries it.
const MaxTradeQuantity = 100_000

// tradeColumns is the header of a trade file.
const tradeColumns = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"

// Limits of a line: its bytes, the further lines over which a quoted text may run, and the bytes of a code that every
// system can carry.
const (
	maxTradeLine   = 64 << 10
	maxQuotedLines = 10
	maxTradeSKU    = 40
)

// TradeKind is what a line of a trade file does to stock.
type TradeKind int

// Kinds of lines.
const (
	TradeNothing TradeKind = iota // quantity 0
	TradeSale
	TradeReturn
	TradeAdjustment // takes stock without a sale
)

// TradeLine is one merchandise line.
type TradeLine struct {
	Number      int // in the file, of its first physical line; the header is line 1
	Kind        TradeKind
	Location    string
	SKU         string
	Quantity    int // units, never negative
	Web         bool
	Invoice     string
	At          string // RFC 3339
	Description string
	Price       Cents // 0 when the line states none
}

// TradeCounts says what became of every line of a file but the header.
type TradeCounts struct {
	Lines          int // a quoted text may hold line breaks
	Sales          int // lines sold at tills
	WebOrders      int // lines ordered on the web
	Returns        int
	Adjustments    int
	ZeroQuantity   int
	Unreadable     int
	NonMerchandise map[string]int // lines by code
	// Examples are the first unreadable lines, each with its number and reason.
	Examples []string
}

const maxExamples = 5

// OpenTrade opens a trade file, plain or, by its name, gzip-compressed.
func OpenTrade(path string) (io.ReadCloser, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("demo: open the trade: %w", err)
	}
	if !strings.HasSuffix(path, ".gz") {
		return file, nil
	}
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("demo: open the trade %s: %w", path, err), file.Close())
	}
	return &gzipFile{unzipped, file}, nil
}

type gzipFile struct {
	*gzip.Reader
	file *os.File
}

func (g *gzipFile) Close() error { return errors.Join(g.Reader.Close(), g.file.Close()) }

// tradeReader reads merchandise lines and counts all others.
type tradeReader struct {
	in     *bufio.Reader
	number int
	counts TradeCounts
	fields [8]string
	places map[string]string // location code by country
}

// newTradeReader reads the header; a file without it is no trade file.
func newTradeReader(r io.Reader) (*tradeReader, error) {
	t := &tradeReader{
		in:     bufio.NewReaderSize(r, maxTradeLine),
		counts: TradeCounts{NonMerchandise: map[string]int{}},
		places: map[string]string{},
	}
	header, _, err := t.line()
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("demo: read the trade: %w", err)
	}
	if strings.TrimPrefix(header, "\ufeff") != tradeColumns {
		return nil, fmt.Errorf("demo: not a trade file: it begins with %.80q, not with %s", header, tradeColumns)
	}
	return t, nil
}

// next returns the next merchandise line, io.EOF after the last.
func (t *tradeReader) next() (TradeLine, error) {
	for {
		text, tooLong, err := t.line()
		if err != nil {
			return TradeLine{}, err
		}
		t.counts.Lines++
		line := TradeLine{Number: t.number}
		reason := "longer than 64 KiB"
		if !tooLong {
			reason = t.parse(t.wholeQuote(text), &line)
		}
		switch {
		case reason != "":
			t.unreadable(reason)
		case line.SKU != "":
			t.count(&line)
			return line, nil
		}
	}
}

// line returns the next physical line without its end. A line beyond the limit is skipped and reported as tooLong.
func (t *tradeReader) line() (text string, tooLong bool, err error) {
	raw, err := t.in.ReadSlice('\n')
	for errors.Is(err, bufio.ErrBufferFull) {
		tooLong = true
		raw, err = t.in.ReadSlice('\n')
	}
	if err != nil && (!errors.Is(err, io.EOF) || (len(raw) == 0 && !tooLong)) {
		return "", false, err
	}
	t.number++
	return string(bytes.TrimRight(raw, "\r\n")), tooLong, nil
}

// wholeQuote adds the lines over which the last quoted field of text runs. A quote that does not close soon, or closes
// to something else than eight fields, is a broken one: it spoils its own line only.
func (t *tradeReader) wholeQuote(text string) string {
	if strings.Count(text, `"`)%2 == 0 {
		return text
	}
	ahead, _ := t.in.Peek(maxTradeLine) // an error comes again when the line is read
	end := 0
	for lines := 1; lines <= maxQuotedLines && end < len(ahead); lines++ {
		length := bytes.IndexByte(ahead[end:], '\n') + 1
		if length == 0 && len(ahead) == maxTradeLine {
			return text
		}
		if length == 0 {
			length = len(ahead) - end
		}
		end += length
		if bytes.Count(ahead[:end], []byte(`"`))%2 == 0 {
			continue
		}
		whole := text + "\n" + string(bytes.TrimRight(ahead[:end], "\r\n"))
		if _, reason := t.split(whole); reason != "" {
			return text
		}
		_, _ = t.in.Discard(end) // it is buffered
		t.number += lines
		return whole
	}
	return text
}

func (t *tradeReader) unreadable(reason string) {
	t.counts.Unreadable++
	if len(t.counts.Examples) < maxExamples {
		t.counts.Examples = append(t.counts.Examples, fmt.Sprintf("line %d: %s", t.number, reason))
	}
}

func (t *tradeReader) count(l *TradeLine) {
	switch {
	case l.Kind == TradeNothing:
		t.counts.ZeroQuantity++
	case l.Kind == TradeReturn:
		t.counts.Returns++
	case l.Kind == TradeAdjustment:
		t.counts.Adjustments++
	case l.Web:
		t.counts.WebOrders++
	default:
		t.counts.Sales++
	}
}

// parse fills l, or counts a code that is no merchandise and leaves the SKU empty, or returns why it cannot.
func (t *tradeReader) parse(text string, l *TradeLine) (unreadable string) {
	f, reason := t.split(text)
	if reason != "" {
		return reason
	}
	sku := strings.ToUpper(strings.TrimSpace(f[1]))
	if !isMerchandise(sku) {
		t.counts.NonMerchandise[strings.Clone(sku)]++
		return ""
	}
	if len(sku) > maxTradeSKU {
		return fmt.Sprintf("code %.40q…", sku)
	}
	l.Invoice, l.Description = strings.TrimSpace(f[0]), strings.TrimSpace(strings.ToValidUTF8(f[2], "\uFFFD"))
	quantity, err := strconv.Atoi(strings.TrimSpace(f[3]))
	if err != nil || quantity < -MaxTradeQuantity || quantity > MaxTradeQuantity {
		return fmt.Sprintf("quantity %.40q", f[3])
	}
	if l.At, reason = parseDate(strings.TrimSpace(f[4])); reason != "" {
		return reason
	}
	if l.Price, reason = parsePrice(strings.TrimSpace(f[5])); reason != "" {
		return reason
	}
	if reason = t.place(f[6], f[7], l); reason != "" {
		return reason
	}
	l.SKU = sku
	switch {
	case quantity > 0:
		l.Kind, l.Quantity = TradeSale, quantity
	case quantity < 0 && strings.HasPrefix(l.Invoice, "C"):
		l.Kind, l.Quantity = TradeReturn, -quantity
	case quantity < 0:
		l.Kind, l.Quantity = TradeAdjustment, -quantity
	}
	return ""
}

// split cuts a line into its eight fields; only a line with a quote needs the CSV reader.
func (t *tradeReader) split(text string) (*[8]string, string) {
	if strings.Contains(text, `"`) {
		fields, err := csv.NewReader(strings.NewReader(text)).Read()
		if err != nil || len(fields) != len(t.fields) {
			return nil, "not eight fields of CSV"
		}
		return (*[8]string)(fields), ""
	}
	rest := text
	for i := range t.fields {
		field, tail, more := strings.Cut(rest, ",")
		if more != (i < len(t.fields)-1) {
			return nil, "not eight fields of CSV"
		}
		t.fields[i], rest = field, tail
	}
	return &t.fields, ""
}

// isMerchandise reports whether sku is five digits and then letters A-Z only.
func isMerchandise(sku string) bool {
	if len(sku) < 5 {
		return false
	}
	for i := range len(sku) {
		isDigit, isLetter := sku[i] >= '0' && sku[i] <= '9', sku[i] >= 'A' && sku[i] <= 'Z'
		if (i < 5 && !isDigit) || (i >= 5 && !isLetter) {
			return false
		}
	}
	return true
}

// parseDate reads the two forms in which the data set goes round, and writes RFC 3339.
func parseDate(s string) (at, unreadable string) {
	for _, form := range [...]string{time.DateTime, "1/2/2006 15:04"} {
		if t, err := time.Parse(form, s); err == nil {
			return t.Format(time.RFC3339), ""
		}
	}
	return "", fmt.Sprintf("date %.40q", s)
}

func parsePrice(s string) (Cents, string) {
	if s == "" {
		return 0, ""
	}
	price, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(price) || math.Abs(price) > 1e9 {
		return 0, fmt.Sprintf("price %.40q", s)
	}
	return max(0, Cents(math.Round(price*100))), ""
}

// place decides where a line happened.
func (t *tradeReader) place(customer, country string, l *TradeLine) (unreadable string) {
	customer, country = strings.TrimSpace(customer), strings.TrimSpace(country)
	if country != "United Kingdom" {
		code, known := t.places[country]
		if !known {
			code = countryCode(country)
			t.places[strings.Clone(country)] = code
		}
		if l.Location = code; code == "" {
			return fmt.Sprintf("country %.40q", country)
		}
		return ""
	}
	if customer == "" {
		l.Location, l.Web = webWarehouse, true
		return ""
	}
	id, err := strconv.ParseUint(strings.TrimSuffix(customer, ".0"), 10, 32)
	if err != nil {
		return fmt.Sprintf("customer %.40q", customer)
	}
	l.Location = britishStores[id%uint64(len(britishStores))].code
	return ""
}

// countryCode makes a location code of a country: upper case, spaces to '-'; empty when other characters are left over,
// or when it would look like a British place.
func countryCode(country string) string {
	code := strings.ReplaceAll(strings.ToUpper(country), " ", "-")
	odd := func(c rune) bool { return (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' }
	if code == "" || len(code) > 24 || strings.ContainsFunc(code, odd) || strings.HasPrefix(code, "UK-") {
		return ""
	}
	return code
}

// eachTradeLine calls do with every merchandise line and returns the counts over all lines.
func eachTradeLine(r io.Reader, do func(*TradeLine) error) (TradeCounts, error) {
	t, err := newTradeReader(r)
	if err != nil {
		return TradeCounts{}, err
	}
	for {
		line, err := t.next()
		if errors.Is(err, io.EOF) {
			return t.counts, nil
		}
		if err != nil {
			return t.counts, fmt.Errorf("demo: read the trade: %w", err)
		}
		if err := do(&line); err != nil {
			return t.counts, err
		}
	}
}

// String lists the counts, a kind a line.
func (c TradeCounts) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "lines            %8d\n", c.Lines)
	fmt.Fprintf(&b, "  sales          %8d\n", c.Sales)
	fmt.Fprintf(&b, "  web orders     %8d\n", c.WebOrders)
	fmt.Fprintf(&b, "  returns        %8d\n", c.Returns)
	fmt.Fprintf(&b, "  adjustments    %8d\n", c.Adjustments)
	fmt.Fprintf(&b, "  zero quantity  %8d\n", c.ZeroQuantity)
	fmt.Fprintf(&b, "  unreadable     %8d\n", c.Unreadable)
	for _, example := range c.Examples {
		fmt.Fprintf(&b, "    %s\n", example)
	}
	total, codes := 0, make([]string, 0, len(c.NonMerchandise))
	for _, code := range slices.Sorted(maps.Keys(c.NonMerchandise)) {
		total += c.NonMerchandise[code]
		codes = append(codes, fmt.Sprintf("%.20q %d", code, c.NonMerchandise[code]))
	}
	fmt.Fprintf(&b, "  no merchandise %8d  %s\n", total, strings.Join(codes[:min(len(codes), 40)], ", "))
	return b.String()
}
