package pos

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/portico-retail/portico/retail"
)

// Bounds of goods on the wire.
const (
	maxTaskLines = retail.MaxCartLines
	maxUnits     = 100_000           // of one line
	maxMinor     = 1_000_000_000_000 // of one line, in minor units
)

// HandOver books the units of the lines that are picked as a sale that was paid already, and returns the receipt with the
// counters after it. A line's money is the share of the units that leave.
func (c *Client) HandOver(ctx context.Context, h retail.HandOver) (retail.TillReceipt, error) {
	var leaving []retail.TaskLine
	for _, l := range h.Lines {
		if l.Picked > 0 {
			leaving = append(leaving, l)
		}
	}
	lines, err := goodsLines(c, leaving, func(l retail.TaskLine) goodsLine {
		if l.Quantity > l.Picked {
			l.Paid.Minor = share(l.Paid.Minor, l.Picked, l.Quantity)
		}
		return goodsLine{l.SKU, l.Picked, l.Paid}
	})
	if err != nil {
		return retail.TillReceipt{}, err
	}
	e := element{name: "HandOver", attrs: []string{"reference", h.Reference}}
	return c.book(ctx, e, movement{h.Reference, h.LocationCode, h.CardNumber, h.At, lines}, "paid")
}

// TakeBack books goods that come back over the counter, and returns the receipt with the counters after it.
func (c *Client) TakeBack(ctx context.Context, r retail.ReturnGoods) (retail.TillReceipt, error) {
	lines, err := goodsLines(c, r.Lines, func(l retail.ReceiptLine) goodsLine { return goodsLine{l.SKU, l.Quantity, l.Total} })
	if err != nil {
		return retail.TillReceipt{}, err
	}
	if !validKey(r.OriginalOrder) {
		return retail.TillReceipt{}, retail.BadInput("a return needs the number of an order")
	}
	e := element{name: "GoodsReturn", attrs: []string{"reference", r.Reference, "order", r.OriginalOrder}}
	return c.book(ctx, e, movement{r.Reference, r.LocationCode, r.CardNumber, r.At, lines}, "refund")
}

// movement is goods that pass the counter of a place.
type movement struct {
	reference, location, card string
	at                        time.Time
	lines                     []goodsLine
}

func (c *Client) book(ctx context.Context, e element, m movement, money string) (retail.TillReceipt, error) {
	if !validKey(m.reference) || !retail.ValidLocationCode(m.location) {
		return retail.TillReceipt{}, retail.BadInput("goods need a reference of at most %d characters and a location", maxReference)
	}
	if m.at.IsZero() {
		m.at = c.now()
	}
	e.attrs = append(e.attrs, "location", m.location, "at", instant(m.at), "currency", c.cfg.Currency)
	e.code("card", m.card)
	for _, l := range m.lines {
		e.children = append(e.children, l.element(money))
	}
	reply, err := exchange(ctx, c, c.write, e, (*reader).booking)
	if err != nil {
		return retail.TillReceipt{}, err
	}
	return reply.receipt(m)
}

// receipt is the reply as a receipt, if it has a counter of every line.
func (b *bookingReply) receipt(m movement) (retail.TillReceipt, error) {
	counts := make(map[string]retail.TillCount, len(m.lines))
	for _, n := range b.counters {
		if n.pair.Location == m.location && n.seq > 0 {
			counts[n.pair.SKU] = retail.TillCount{LocationCode: m.location, SKU: n.pair.SKU, Net: int(n.net), Seq: n.seq}
		}
	}
	receipt := retail.TillReceipt{Number: b.number}
	for _, l := range m.lines {
		n, ok := counts[l.sku]
		if !ok {
			// The goods are booked: whoever asks again with the same reference gets the same receipt.
			return retail.TillReceipt{}, retail.BadUpstream(retail.SourcePOS, errors.New("pos: a booking lacks a counter"))
		}
		receipt.Counts = append(receipt.Counts, n)
	}
	return receipt, nil
}

// goodsLine is units of one SKU with their money.
type goodsLine struct {
	sku      string
	quantity int
	money    retail.Money
}

func (l goodsLine) element(money string) element {
	return element{name: "Line", attrs: []string{"sku", l.sku, "quantity", strconv.Itoa(l.quantity), money, string(l.money.Amount())}}
}

// share is the part of an amount that so many of all units have, rounded down.
func share(minor int64, units, of int) int64 {
	u, n := int64(units), int64(of)
	return minor/n*u + minor%n*u/n
}

// goodsLines reads a list of lines, adds up those of one SKU, and refuses what the wire cannot carry.
func goodsLines[T any](c *Client, list []T, read func(T) goodsLine) ([]goodsLine, error) {
	var lines []goodsLine
	at := make(map[string]int, len(list))
	for _, item := range list {
		l := read(item)
		if l.money.CurrencyCode == "" {
			l.money.CurrencyCode = c.cfg.Currency
		}
		switch {
		case !retail.ValidSKU(l.sku):
			return nil, retail.BadInput("%.60q is no SKU", l.sku)
		case l.quantity < 1 || l.quantity > maxUnits:
			return nil, retail.BadInput("the units of %s are not within 1 to %d", l.sku, maxUnits)
		case l.money.CurrencyCode != c.cfg.Currency || l.money.Minor < 0 || l.money.Minor >= maxMinor:
			return nil, retail.BadInput("the tills cannot take the amount of %s", l.sku)
		}
		if i, known := at[l.sku]; known {
			lines[i].quantity += l.quantity
			lines[i].money.Minor += l.money.Minor
			continue
		}
		at[l.sku] = len(lines)
		lines = append(lines, l)
	}
	if len(lines) == 0 || len(lines) > maxTaskLines {
		return nil, retail.BadInput("there must be 1 to %d lines", maxTaskLines)
	}
	return lines, nil
}
