package demo

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/portico-retail/portico/integrations/demo/erp"
)

// DefaultBatchLines is how many lines of a trade are under way at a time.
const DefaultBatchLines = 2000

// Progress is how far a replay has come. Every line up to Lines was acknowledged by its backend before At.
type Progress struct {
	Lines        int // merchandise lines
	Transactions int // uploaded by tills
	Orders       int // placed and shipped
	Bookings     int // SQL transactions of the ERP
	At           time.Time
}

// Replay plays a trade file, line by line, through the wires of the three backends, which were filled by FromTrade.
type Replay struct {
	Backends *Backends
	// Open opens the file from its beginning, once per pass.
	Open func() (io.ReadCloser, error)
	// BatchLines is how many lines are under way at a time; 0 means DefaultBatchLines.
	BatchLines int
	// BookEvery is how many lines lie between nightly runs of the ERP; 0 means one, at the end.
	BookEvery int
	// Wait is called after every batch and holds the replay back while the reader of the feeds is too far behind; nil
	// means as fast as the backends go. Its error ends the replay.
	Wait func(context.Context, Progress) error

	batch    tradeBatch
	progress Progress
	tills    map[string]bool // places where something was sold at a till
}

// Run replays the file. In the end everything is booked: no till counter is ahead of the ERP, no web order is open.
// A Replay runs once.
func (r *Replay) Run(ctx context.Context) (*Report, error) {
	if r.BatchLines <= 0 {
		r.BatchLines = DefaultBatchLines
	}
	r.tills = map[string]bool{}
	began := r.Backends.Now()
	file, err := r.Open()
	if err != nil {
		return nil, err
	}
	counts, err := eachTradeLine(file, func(l *TradeLine) error { return r.line(ctx, l) })
	if closing := file.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = r.flush(ctx)
	}
	if err == nil {
		err = r.bookTills(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("demo: replay after %d lines: %w", r.progress.Lines, err)
	}
	r.progress.At = r.Backends.Now()
	return &Report{Counts: counts, Progress: r.progress, Took: r.progress.At.Sub(began)}, nil
}

func (r *Replay) line(ctx context.Context, l *TradeLine) error {
	r.batch.add(l)
	if l.Kind != TradeNothing && !r.batch.atERP(l) && !l.Web {
		r.tills[l.Location] = true
	}
	if r.batch.size < r.BatchLines {
		return nil
	}
	return r.flush(ctx)
}

// flush sends the batch over the three wires at once. What moves stock adds up in any order, so they need not agree on
// one; only an order must be placed before it is shipped, and leaves the books before it leaves the shop, so that
// nothing looks free in between.
func (r *Replay) flush(ctx context.Context) error {
	b := &r.batch
	if b.size == 0 {
		return nil
	}
	wires, wctx := errgroup.WithContext(ctx)
	wires.Go(func() error { return r.Backends.upload(wctx, b.transactions) })
	wires.Go(func() error { return r.shipOrders(wctx, b.orders) })
	if len(b.moves) > 0 {
		r.progress.Bookings++
		wires.Go(func() error { return r.Backends.ERP.Adjust(wctx, b.moves...) })
	}
	if err := wires.Wait(); err != nil {
		return err
	}
	before := r.progress.Lines
	r.progress.Lines += b.size
	r.progress.Transactions += len(b.transactions)
	r.progress.Orders += len(b.orders)
	if len(b.orders) > 0 {
		r.progress.Bookings++
	}
	b.reset()
	if r.BookEvery > 0 && before/r.BookEvery != r.progress.Lines/r.BookEvery {
		if err := r.bookTills(ctx); err != nil {
			return err
		}
	}
	r.progress.At = r.Backends.Now()
	if r.Wait == nil {
		return nil
	}
	return r.Wait(ctx, r.progress)
}

// shipOrders places orders, books what leaves the warehouse and ships.
func (r *Replay) shipOrders(ctx context.Context, orders []webOrder) error {
	if len(orders) == 0 {
		return nil
	}
	if err := r.Backends.place(ctx, orders); err != nil {
		return err
	}
	numbers := make([]string, len(orders))
	var lines []erp.Line
	for i, o := range orders {
		numbers[i] = o.number
		for _, l := range o.lines {
			lines = append(lines, erp.Line{SKU: l.sku, Quantity: l.quantity})
		}
	}
	if err := r.Backends.ERP.BookShipment(ctx, webWarehouse, lines); err != nil {
		return err
	}
	return r.Backends.ship(ctx, numbers)
}

// bookTills is the nightly run: the ERP books the counters of every place that sold something.
func (r *Replay) bookTills(ctx context.Context) error {
	for _, location := range slices.Sorted(maps.Keys(r.tills)) {
		if err := r.Backends.bookTills(ctx, location); err != nil {
			return err
		}
		r.progress.Bookings++
	}
	return nil
}

// bookTills moves the counters of a place into the ERP's books.
func (b *Backends) bookTills(ctx context.Context, location string) error {
	counters, _, err := b.counters(ctx, location)
	if err != nil {
		return err
	}
	return b.ERP.BookPOS(ctx, location, counters)
}

// tradeBatch is some lines in the shape of the wires.
type tradeBatch struct {
	size         int
	transactions []tillTransaction
	orders       []webOrder
	moves        []erp.Move
	last         TradeLine // the line before, to tell where an invoice ends
}

func (b *tradeBatch) reset() { *b = tradeBatch{} }

// atERP reports whether the line is booked by the ERP itself: an adjustment, or a return to the warehouse, which has
// no tills.
func (b *tradeBatch) atERP(l *TradeLine) bool {
	return l.Kind == TradeAdjustment || (l.Web && l.Kind == TradeReturn)
}

func (b *tradeBatch) add(l *TradeLine) {
	b.size++
	continues := b.last.Invoice == l.Invoice && b.last.Location == l.Location && b.last.Kind == l.Kind && b.last.At == l.At
	switch {
	case l.Kind == TradeNothing:
	case b.atERP(l):
		delta := -l.Quantity
		if l.Kind == TradeReturn {
			delta = l.Quantity
		}
		b.moves = append(b.moves, erp.Move{Location: l.Location, SKU: l.SKU, Delta: delta})
	case l.Web:
		b.addOrder(l, continues)
	default:
		b.addTransaction(l, continues)
	}
	b.last = *l
}

func (b *tradeBatch) addOrder(l *TradeLine, continues bool) {
	if n := len(b.orders); !continues || n == 0 || len(b.orders[n-1].lines) == transactionLines {
		b.orders = append(b.orders, webOrder{number: fmt.Sprintf("web-%d", l.Number), location: l.Location, placedAt: l.At})
	}
	o := &b.orders[len(b.orders)-1]
	o.lines = append(o.lines, tradedLine{l.SKU, l.Quantity})
}

func (b *tradeBatch) addTransaction(l *TradeLine, continues bool) {
	if n := len(b.transactions); !continues || n == 0 || len(b.transactions[n-1].lines) == transactionLines {
		kind := kindSale
		if l.Kind == TradeReturn {
			kind = kindReturn
		}
		b.transactions = append(b.transactions, tillTransaction{
			location: l.Location, kind: kind, at: l.At, reference: fmt.Sprintf("till-%d", l.Number),
		})
	}
	quantity := l.Quantity
	if l.Kind == TradeReturn {
		quantity = -quantity
	}
	t := &b.transactions[len(b.transactions)-1]
	t.lines = append(t.lines, tradedLine{l.SKU, quantity})
}

// Report is what a replay did and, once verified, whether the gateway agrees.
type Report struct {
	Counts     TradeCounts
	Progress   Progress
	Took       time.Duration // to replay; the caller adds what the gateway needs to catch up
	Verified   bool
	Pairs      int // compared with the books
	NotRanged  int // that must not be ranged, sampled
	Mismatches int
	Examples   []string // the first mismatches
}

// LinesPerSecond is the pace of merchandise lines from the first read to the end of Took.
func (r *Report) LinesPerSecond() float64 {
	if r.Took <= 0 {
		return 0
	}
	return float64(r.Progress.Lines) / r.Took.Seconds()
}

// String is the report for a person.
func (r *Report) String() string {
	var b strings.Builder
	b.WriteString(r.Counts.String())
	fmt.Fprintf(&b, "replayed         %8d lines in %.1f s: %.0f lines/s\n", r.Progress.Lines, r.Took.Seconds(), r.LinesPerSecond())
	fmt.Fprintf(&b, "  till receipts  %8d\n", r.Progress.Transactions)
	fmt.Fprintf(&b, "  web parcels    %8d\n", r.Progress.Orders)
	fmt.Fprintf(&b, "  ERP bookings   %8d\n", r.Progress.Bookings)
	if !r.Verified {
		return b.String()
	}
	fmt.Fprintf(&b, "verified         %8d pairs against the books, %d that must not be ranged\n", r.Pairs, r.NotRanged)
	fmt.Fprintf(&b, "  mismatches     %8d\n", r.Mismatches)
	for _, example := range r.Examples {
		fmt.Fprintf(&b, "    %s\n", example)
	}
	return b.String()
}
