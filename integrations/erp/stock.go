package erp

import (
	"context"
	"errors"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/portico-retail/portico/integrations/upstream"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/stock"
)

// maxPlaces bounds the places of an ERP; more are refused as a defect of the query.
const maxPlaces = 20_000

type balanceRow struct {
	Position int64  `db:"position"`
	Location string `db:"location"`
	SKU      string `db:"sku"`
	OnHand   int64  `db:"on_hand"`
	Cut      int64  `db:"pos_cut"`
	Safety   int64  `db:"safety"`
	Ranged   int64  `db:"ranged"`
	Version  int64  `db:"version"`
}

type markRow struct {
	Location string `db:"location"`
	AsOf     string `db:"as_of"`
}

// fact is the row as a fact; ok is false when a value is out of its range.
func (r balanceRow) fact() (f stock.Fact, ok bool) {
	ok = retail.ValidLocationCode(r.Location) && retail.ValidSKU(r.SKU) &&
		isInt32(r.OnHand) && isInt32(r.Cut) &&
		r.Safety >= 0 && r.Safety <= stock.MaxSafety &&
		r.Version >= 1 && r.Version <= math.MaxUint32 && (r.Ranged == 0 || r.Ranged == 1)
	if !ok {
		return stock.Fact{}, false
	}
	return stock.Fact{
		Location: r.Location, SKU: r.SKU, Source: retail.SourceERP, Version: uint32(r.Version),
		Value: int32(r.OnHand), Cut: int32(r.Cut), Safety: uint16(r.Safety), Ranged: r.Ranged == 1,
	}, true
}

func isInt32(n int64) bool { return n >= math.MinInt32 && n <= math.MaxInt32 }

// Poll reads the next page of changed balances. The cursor is the position of the last row read. Marks come only with
// the page that reaches the end, and not from an ERP that lost data.
func (c *Client) Poll(ctx context.Context, cursor string) (stock.Batch, error) {
	after := parseCursor(cursor)
	return upstream.Do(ctx, c.feed, "stock_feed", func(ctx context.Context) (stock.Batch, error) {
		return c.poll(ctx, after)
	})
}

// parseCursor reads a cursor; one that cannot be read starts from the beginning, which is always safe.
func parseCursor(cursor string) int64 {
	after, err := strconv.ParseInt(cursor, 10, 64)
	if err != nil || after < 0 {
		return 0
	}
	return after
}

func (c *Client) poll(ctx context.Context, after int64) (stock.Batch, error) {
	// Marks first: a change booked after them may be among the balances, but none booked before them can be missing.
	marks, badMarks, err := c.marks(ctx, nil)
	if err != nil {
		return stock.Batch{}, err
	}
	from, limit := after, c.cfg.PageRows
	if after > 0 { // once more the last row, which shows that the ERP still knows what it told
		from, limit = after-1, limit+1
	}
	// A replicated ERP may repeat rows; a few pages' worth is the most that is believed.
	rows, unreadable, err := query[balanceRow](ctx, c, "stock_feed", map[string]any{"after": from, "limit": limit}, 4*limit)
	if err != nil {
		return stock.Batch{}, err
	}
	read := len(rows) + unreadable
	if after > 0 && read == 0 { // it knows less than we have read: its date is worth nothing
		return stock.Batch{Cursor: strconv.FormatInt(after, 10)}, nil
	}
	rows = slices.DeleteFunc(rows, func(r balanceRow) bool { return r.Position == after })
	for _, r := range rows {
		after = max(after, r.Position)
	}
	b := c.batch(rows, unreadable, badMarks, nil)
	b.Cursor, b.More = strconv.FormatInt(after, 10), read >= limit
	if !b.More {
		b.Marks = marks
	}
	return b, nil
}

// Now reads the present balances of the pairs. A pair that the ERP does not know has no fact.
func (c *Client) Now(ctx context.Context, pairs []stock.Pair) (stock.Batch, error) {
	if len(pairs) > stock.MaxPairs {
		return stock.Batch{}, retail.Errorf(retail.CodeLimitExceeded, "at most %d pairs in a question", stock.MaxPairs)
	}
	if len(pairs) == 0 {
		return stock.Batch{}, nil
	}
	return upstream.Do(ctx, c.live, "stock_now", func(ctx context.Context) (stock.Batch, error) {
		return c.ask(ctx, pairs)
	})
}

func (c *Client) ask(ctx context.Context, pairs []stock.Pair) (stock.Batch, error) {
	asked := make(map[stock.Pair]bool, len(pairs))
	places, items := map[string]bool{}, map[string]bool{}
	var locations, skus []string
	for _, p := range pairs {
		asked[p] = true
		if !places[p.Location] {
			places[p.Location], locations = true, append(locations, p.Location)
		}
		if !items[p.SKU] {
			items[p.SKU], skus = true, append(skus, p.SKU)
		}
	}
	marks, badMarks, err := c.marks(ctx, places)
	if err != nil {
		return stock.Batch{}, err
	}
	args := map[string]any{"locations": locations, "skus": skus}
	rows, unreadable, err := query[balanceRow](ctx, c, "stock_now", args, len(locations)*len(skus))
	if err != nil {
		return stock.Batch{}, err
	}
	b := c.batch(rows, unreadable, badMarks, asked)
	b.Marks = certain(marks, rows, unreadable)
	return b, nil
}

// certain leaves out the marks of places with an unreadable balance; all of them when a row does not tell its place.
func certain(marks []stock.Mark, rows []balanceRow, unreadable int) []stock.Mark {
	if unreadable > 0 {
		return nil
	}
	doubtful := map[string]bool{}
	for _, r := range rows {
		if _, ok := r.fact(); !ok {
			doubtful[r.Location] = true
		}
	}
	return slices.DeleteFunc(marks, func(m stock.Mark) bool { return doubtful[m.Location] })
}

// batch makes facts of rows, of the asked pairs only unless asked is nil.
func (c *Client) batch(rows []balanceRow, unreadable, badMarks int, asked map[stock.Pair]bool) stock.Batch {
	b := stock.Batch{Facts: make([]stock.Fact, 0, len(rows))}
	for _, r := range rows {
		if asked != nil && !asked[stock.Pair{Location: r.Location, SKU: r.SKU}] {
			continue
		}
		f, ok := r.fact()
		if !ok {
			unreadable++
			continue
		}
		b.Facts = append(b.Facts, f)
	}
	c.metrics.Quarantine(retail.SourceERP, "balance", unreadable)
	c.metrics.Quarantine(retail.SourceERP, "mark", badMarks)
	b.Quarantined = unreadable + badMarks
	return b
}

// marks reads the marks of the given places, of all when places is nil. A mark is never ahead of our own clock.
func (c *Client) marks(ctx context.Context, places map[string]bool) (list []stock.Mark, bad int, err error) {
	start := c.now()
	rows, bad, err := query[markRow](ctx, c, "stock_marks", nil, maxPlaces)
	if err != nil {
		return nil, 0, err
	}
	for _, r := range rows {
		asOf, err := time.Parse(time.RFC3339, r.AsOf)
		switch {
		case err != nil || !retail.ValidLocationCode(r.Location):
			bad++
			continue
		case places != nil && !places[r.Location]:
			continue
		case asOf.After(start):
			asOf = start
		}
		list = append(list, stock.Mark{Location: r.Location, Source: retail.SourceERP, AsOf: asOf.UTC()})
	}
	if len(rows) > 0 && bad >= len(rows) {
		return nil, 0, retail.BadUpstream(retail.SourceERP, errors.New("erp: stock_marks: no row is readable"))
	}
	return list, bad, nil
}
