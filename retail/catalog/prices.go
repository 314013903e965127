package catalog

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/portico-retail/portico/retail"
)

// priceKey is one system's price of one SKU.
type priceKey struct {
	source retail.Source
	sku    string
}

// statement is what one system says about one SKU: now, or when it was last heard.
type statement struct {
	price SystemPrice
	known bool
	live  bool // the system answered now, be it that it does not know the SKU
}

// inquiry is one system's answer to one batch.
type inquiry struct {
	source retail.Source
	prices map[string]SystemPrice
	err    error
}

// Prices prices SKUs in a channel; ERP, POS and shop are asked at the same time, in one call each. SKUs that nobody knows
// have no entry.
//
// The ERP decides the price (QuoteAt). While it is silent its last known conditions count, marked STALE; a SKU that it
// never stated costs what the shop or the tills ask, those first whose channel it is.
//
// Agreement compares everybody's price in each system's own channel, now: the shop's with the ERP's for WEB and the tills'
// with the ERP's for POS. AGREE needs a live answer of all three; last known values never count.
// What a system asks in a channel beyond the reach of ctx is neither told nor compared.
//
// Prices fails only when all three systems fail and nothing is remembered, with the ERP's error.
func (s *Service) Prices(ctx context.Context, skus []string, channel retail.Channel) (map[string]*retail.Price, error) {
	reach := retail.ReachOf(ctx)
	if !channel.Valid() || !reach.Channel(channel) {
		return nil, retail.BadInput("%.40q is no channel", string(channel))
	}
	now := s.deps.Now()
	asked := s.ask(ctx, skus, now)
	prices := make(map[string]*retail.Price, len(skus))
	used := staleDates{}
	for _, sku := range skus {
		if !reach.SKU(retail.NormalizeSKU(sku)) {
			continue
		}
		v := view{now: now, channel: channel, reach: reach}
		for i := range asked {
			v.said[i] = s.hear(&asked[i], sku)
			used.note(asked[i].source, v.said[i])
		}
		if price := v.price(sku); price != nil {
			prices[sku] = price
		}
	}
	used.record(ctx)
	if len(prices) == 0 && asked[0].err != nil && asked[1].err != nil && asked[2].err != nil {
		return nil, asked[0].err
	}
	return prices, nil
}

// Positions of the systems in what was asked and said.
const (
	erp = iota
	pos
	shop
	systems
)

// ask asks the three systems at the same time and waits for all of them.
func (s *Service) ask(ctx context.Context, skus []string, now time.Time) [systems]inquiry {
	asked := [systems]inquiry{{source: retail.SourceERP}, {source: retail.SourcePOS}, {source: retail.SourceShop}}
	sources := [systems]PriceSource{s.deps.ERP, s.deps.POS, s.deps.Shop}
	var group errgroup.Group
	for i := range asked {
		group.Go(func() error {
			asked[i].prices, asked[i].err = contained(ctx, sources[i], skus, now)
			return nil // one system's failure must not stop the others
		})
	}
	_ = group.Wait()
	return asked
}

// contained asks one system; a panic is its failure.
func contained(ctx context.Context, source PriceSource, skus []string, now time.Time) (prices map[string]SystemPrice, err error) {
	defer func() {
		if r := recover(); r != nil {
			prices, err = nil, &retail.Error{
				Code: retail.CodeInternal, Message: "the gateway failed", Err: fmt.Errorf("panic: %v\n%s", retail.PanicText(r), debug.Stack()),
			}
		}
	}()
	if source == nil {
		return nil, errors.New("catalog: no such price source")
	}
	return source.Prices(ctx, skus, now)
}

// hear takes a live answer and remembers it, or remembers the last one of a silent system.
func (s *Service) hear(asked *inquiry, sku string) statement {
	key := priceKey{asked.source, sku}
	if asked.err != nil {
		price, known := s.known.GetIfPresent(key)
		if !known && asked.source == retail.SourceShop {
			price, known = s.current.Load().webPrice(sku)
		}
		return statement{price: price, known: known}
	}
	price, known := asked.prices[sku]
	if known {
		s.known.Set(key, price)
	} else {
		s.known.Invalidate(key) // the system does not sell it any more
	}
	return statement{price: price, known: known, live: true}
}

// webPrice is the price that the shop's catalog carried when it was last read.
func (c *dated) webPrice(sku string) (SystemPrice, bool) {
	ref, ok := c.bySKU[sku]
	if !ok {
		return SystemPrice{}, false
	}
	price := c.products[ref.doc].Variants[ref.variant].WebPrice
	return SystemPrice{Base: price, AsOf: c.asOf}, price.CurrencyCode != ""
}

// view is everything said about one SKU.
type view struct {
	now     time.Time
	channel retail.Channel
	reach   *retail.Reach
	said    [systems]statement
}

// price is nil when nobody knows one.
func (v *view) price(sku string) *retail.Price {
	p := &retail.Price{SKU: sku, Channel: v.channel, Agreement: v.agreement()}
	decider := v.decider()
	if decider < 0 {
		return nil
	}
	if decider == erp {
		q := QuoteAt(v.said[erp].price, v.channel, v.now)
		p.Current, p.List, p.Promotion, p.Tiers = q.Current, q.List, q.Promotion, q.Tiers
	} else {
		p.Current, p.List = v.said[decider].price.Base, v.said[decider].price.Base
	}
	p.Freshness = v.freshness(decider)
	if !v.said[erp].live {
		p.Freshness.Basis = retail.BasisStale // nobody can say that the price of record is still this one
	}
	p.Sources = v.sources()
	return p
}

// decider is the system whose price counts, -1 when nobody knows one.
func (v *view) decider() int {
	order := [systems]int{erp, shop, pos}
	if v.channel == retail.ChannelPOS {
		order = [systems]int{erp, pos, shop}
	}
	for _, i := range order {
		if v.said[i].known {
			return i
		}
	}
	return -1
}

// agreement compares live answers in each system's own channel.
func (v *view) agreement() retail.PriceAgreement {
	compared := 0
	for _, peer := range [...]struct {
		system  int
		channel retail.Channel
	}{{pos, retail.ChannelPOS}, {shop, retail.ChannelWeb}} {
		if !v.heardNow(erp) || !v.heardNow(peer.system) || !v.reach.Channel(peer.channel) {
			continue
		}
		if QuoteAt(v.said[erp].price, peer.channel, v.now).Current != v.said[peer.system].price.Base {
			return retail.PricesDiffer
		}
		compared++
	}
	if compared == 2 {
		return retail.PricesAgree
	}
	return retail.PricesUnknown
}

func (v *view) heardNow(i int) bool { return v.said[i].live && v.said[i].known }

// sources lists what each system asks everybody, if its own channel is within reach; the ERP's is its price in the channel.
func (v *view) sources() []retail.SourcePrice {
	list := make([]retail.SourcePrice, 0, systems)
	for i := range v.said {
		if own := [systems]retail.Channel{v.channel, retail.ChannelPOS, retail.ChannelWeb}[i]; !v.reach.Channel(own) {
			continue
		}
		entry := retail.SourcePrice{Source: sourceAt(i), Freshness: v.freshness(i)}
		if v.said[i].known {
			price := v.said[i].price.Base
			if i == erp {
				price = QuoteAt(v.said[erp].price, v.channel, v.now).Current
			}
			entry.Price = &price
		}
		list = append(list, entry)
	}
	return list
}

func sourceAt(i int) retail.Source {
	return [systems]retail.Source{retail.SourceERP, retail.SourcePOS, retail.SourceShop}[i]
}

// freshness dates what one system said: LIVE when it answered, else STALE.
func (v *view) freshness(i int) retail.Freshness {
	said := &v.said[i]
	if !said.live {
		return retail.FreshnessAt(said.price.AsOf, v.now, sourceAt(i), retail.BasisStale)
	}
	asOf := said.price.AsOf
	if asOf.IsZero() || asOf.After(v.now) { // it does not know the SKU, or its clock is ahead
		asOf = v.now
	}
	return retail.FreshnessAt(asOf, v.now, sourceAt(i), retail.BasisLive)
}

// staleDates are the oldest last-known values used, by system. Live calls are recorded by whoever makes them.
type staleDates map[retail.Source]time.Time

func (d staleDates) note(source retail.Source, said statement) {
	if said.live || !said.known {
		return
	}
	if oldest, ok := d[source]; !ok || said.price.AsOf.Before(oldest) {
		d[source] = said.price.AsOf
	}
}

func (d staleDates) record(ctx context.Context) {
	for source, asOf := range d {
		retail.SourceLogOf(ctx).Record(retail.SourceReport{Source: source, Status: retail.StatusStale, AsOf: asOf})
	}
}
