package purchases

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/portico-retail/portico/retail"
)

// MaxFirst bounds a page.
const MaxFirst = 50

// ListQuery asks for a page of somebody's purchases. Empty names leave out what they would find.
type ListQuery struct {
	Owner      string // Actor.Key: orders placed through the gateway
	AccountID  string // orders of the shop's account, wherever they were placed
	CardNumber string // receipts with the loyalty card
	First      int
	After      string
}

// Purchase is one purchase, online or at a till.
type Purchase struct {
	Source retail.Source // SHOP for online orders, POS for receipts
	Number string
	At     time.Time
	Total  retail.Money // negative for a return at a till
	Lines  []retail.ReceiptLine
	// Order is the order as the ledger keeps it; nil for receipts and for online orders that were not placed here.
	Order *retail.Order
	// Receipt is nil for online orders.
	Receipt *retail.Receipt
	// Status is the shop's own word for an online order that was not placed here; empty otherwise.
	Status string
}

// Key is the purchase's place in the list.
func (p *Purchase) Key() retail.PurchaseKey {
	return retail.PurchaseKey{At: p.At, Source: p.Source, Number: p.Number}
}

// Edge is a purchase and its cursor.
type Edge struct {
	Cursor string
	Node   *Purchase
}

// Connection is a page of purchases, newest first.
type Connection struct {
	Edges    []Edge
	PageInfo retail.PageInfo
	// TotalCount is how many are known: those of this page, and whether there are more.
	TotalCount retail.Count
	// Silent names the systems that did not answer; their purchases are missing on this page. The cursors stay good, but the
	// page must be asked for again to see them.
	Silent    []retail.Source
	Freshness retail.Freshness
}

// Nodes is the page without cursors.
func (c *Connection) Nodes() []*Purchase {
	nodes := make([]*Purchase, len(c.Edges))
	for i, e := range c.Edges {
		nodes[i] = e.Node
	}
	return nodes
}

// List merges what the ledger, the shop and the tills know, newest first, each purchase once: an order that the ledger has under
// the same owner is told by the ledger, and the receipt of its hand-over is left out.
func (s *Service) List(ctx context.Context, q ListQuery) (*Connection, error) {
	if err := retail.CheckFirst(q.First, MaxFirst); err != nil {
		return nil, err
	}
	var after *retail.PurchaseKey
	if q.After != "" {
		key, err := retail.ParsePurchaseCursor(q.After)
		if err != nil {
			return nil, err
		}
		after = &key
	}
	m := merge{now: s.deps.Now()}
	m.streams = s.streams(q, after)
	if err := m.run(ctx, q.First); err != nil {
		return nil, err
	}
	return m.connection(q), nil
}

// streams are the systems asked. The ledger comes first: what the others tell is compared with it.
func (s *Service) streams(q ListQuery, after *retail.PurchaseKey) []*stream {
	l := &lookup{ledger: s.deps.Ledger, owner: q.Owner, orders: map[string]*retail.Order{}}
	var list []*stream
	add := func(name string, source retail.Source, fetch fetch) {
		if name != "" {
			list = append(list, &stream{source: source, fetch: fetch, after: after, limit: q.First + 1})
		}
	}
	add(q.Owner, "", func(ctx context.Context, before *retail.PurchaseKey, limit int) ([]item, error) {
		orders, err := s.deps.Ledger.OrdersOf(ctx, q.Owner, before, limit)
		return l.ofLedger(orders), err
	})
	add(q.AccountID, retail.SourceShop, func(ctx context.Context, before *retail.PurchaseKey, limit int) ([]item, error) {
		orders, err := s.deps.Online.Orders(ctx, q.AccountID, before, limit)
		if err != nil {
			return nil, silence{err}
		}
		return l.ofShop(ctx, orders)
	})
	add(q.CardNumber, retail.SourcePOS, func(ctx context.Context, before *retail.PurchaseKey, limit int) ([]item, error) {
		receipts, err := s.deps.Receipts.Receipts(ctx, q.CardNumber, before, limit)
		if err != nil {
			return nil, silence{err}
		}
		return l.ofTills(ctx, receipts)
	})
	return list
}

// lookup compares what the other systems tell with the ledger.
type lookup struct {
	ledger Ledger
	owner  string
	mu     sync.Mutex
	orders map[string]*retail.Order // by id; nil when it is not the owner's
}

func (l *lookup) ofLedger(orders []*retail.Order) []item {
	list := make([]item, len(orders))
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, o := range orders {
		l.orders[o.ID] = o
		p := &Purchase{Source: retail.SourceShop, Number: o.Number, At: o.PlacedAt, Total: o.Totals.Total, Order: o}
		for _, line := range o.Lines {
			p.Lines = append(p.Lines, retail.ReceiptLine{SKU: line.SKU, Quantity: line.Quantity, Total: line.Price.Total})
		}
		list[i] = item{key: p.Key()}
		if acknowledged(o) {
			list[i].purchase = p
		}
	}
	return list
}

// acknowledged reports whether the shopper was ever told that the order is placed.
func acknowledged(o *retail.Order) bool {
	return o.Status != retail.OrderPlacing && (o.Cancel == nil || o.Cancel.Reason != retail.CancelNotPlaced && len(o.Cancel.Refusals) == 0)
}

func (l *lookup) ofShop(ctx context.Context, orders []retail.ShopOrder) ([]item, error) {
	numbers := make([]string, len(orders))
	for i := range orders {
		numbers[i] = orders[i].Number
	}
	known := map[string]*retail.Order{}
	if l.owner != "" && len(numbers) > 0 {
		var err error
		if known, err = l.ledger.OrdersByNumber(ctx, numbers); err != nil {
			return nil, err
		}
	}
	list := make([]item, len(orders))
	for i := range orders {
		o := &orders[i]
		p := &Purchase{
			Source: retail.SourceShop, Number: o.Number, At: o.PlacedAt, Total: o.Total, Lines: bounded(o.Lines), Status: o.Status,
		}
		list[i] = item{key: p.Key(), purchase: p}
		if here := known[o.Number]; here != nil && here.Owner == l.owner {
			list[i].purchase = nil
		}
	}
	return list, nil
}

func (l *lookup) ofTills(ctx context.Context, receipts []retail.Receipt) ([]item, error) {
	list := make([]item, len(receipts))
	for i := range receipts {
		r := &receipts[i]
		p := &Purchase{
			Source: retail.SourcePOS, Number: r.Number, At: r.At, Total: r.Total, Lines: bounded(r.Lines), Receipt: r,
		}
		list[i] = item{key: p.Key(), purchase: p}
		id, _, ok := strings.Cut(r.OrderRef, "/")
		if !ok || l.owner == "" {
			continue
		}
		listed, err := l.lists(ctx, id)
		if err != nil {
			return nil, err
		}
		if listed {
			list[i].purchase = nil
		}
	}
	return list, nil
}

// lists reports whether an order is the owner's, so that the list tells of it.
func (l *lookup) lists(ctx context.Context, id string) (bool, error) {
	l.mu.Lock()
	o, seen := l.orders[id]
	l.mu.Unlock()
	if !seen {
		var err error
		o, err = l.ledger.Order(ctx, id)
		switch {
		case err != nil && retail.CodeOf(err) == retail.CodeNotFound:
			o = nil
		case err != nil:
			return false, err
		case o.Owner != l.owner:
			o = nil
		}
		l.mu.Lock()
		l.orders[id] = o
		l.mu.Unlock()
	}
	return o != nil && acknowledged(o), nil
}

// maxLines bounds the lines of one purchase.
const maxLines = 100

func bounded(lines []retail.ReceiptLine) []retail.ReceiptLine {
	return slices.Clip(lines[:min(len(lines), maxLines)])
}
