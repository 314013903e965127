package demo

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// FromTrade makes the retailer whose trade the file is: a SKU is ranged at a place if and only if a readable line names
// both, also one of quantity 0. A SKU is called by its last description and costs its last positive price, in GBP; one
// that never had a price has none. A file without a readable line of merchandise is an error that tells the counts.
func FromTrade(r io.Reader) (*Retailer, TradeCounts, error) {
	goods, pairs := map[string]*tradeItem{}, map[Pair]bool{}
	counts, err := eachTradeLine(r, func(l *TradeLine) error {
		item := goods[l.SKU]
		if item == nil {
			item = &tradeItem{}
			goods[strings.Clone(l.SKU)] = item
		}
		item.learn(l)
		if !pairs[Pair{l.Location, l.SKU}] {
			pairs[Pair{l.Location, strings.Clone(l.SKU)}] = true
		}
		return nil
	})
	if err != nil {
		return nil, counts, err
	}
	if len(pairs) == 0 {
		return nil, counts, fmt.Errorf("demo: the trade holds no merchandise:\n%s", counts)
	}
	return tradeRetailer(goods, pairs), counts, nil
}

type tradeItem struct {
	title string
	price Cents
	at    string // of the last line, RFC 3339
}

// learn copies what it keeps, so that the whole line is not kept alive.
func (i *tradeItem) learn(l *TradeLine) {
	if l.Description != "" && l.Description != i.title {
		i.title = strings.Clone(l.Description)
	}
	if l.Price > 0 {
		i.price = l.Price
	}
	i.at = l.At
}

func tradeRetailer(goods map[string]*tradeItem, pairs map[Pair]bool) *Retailer {
	r := &Retailer{
		Currency:   "GBP",
		Categories: []Category{{ID: "c-1", Title: Text{"商品", "Merchandise"}, Position: 1}},
	}
	for _, sku := range slices.Sorted(maps.Keys(goods)) {
		r.Products = append(r.Products, goods[sku].product(sku))
	}
	for pair := range pairs {
		r.Stock = append(r.Stock, Stock{Location: pair.Location, SKU: pair.SKU, OnHand: tradeOpening(pair), Ranged: true})
	}
	slices.SortFunc(r.Stock, func(a, b Stock) int {
		return cmp.Or(strings.Compare(a.Location, b.Location), strings.Compare(a.SKU, b.SKU))
	})
	for i, s := range r.Stock {
		if i == 0 || s.Location != r.Stock[i-1].Location {
			r.Locations = append(r.Locations, tradeLocation(s.Location))
		}
	}
	r.Tiers = builtinTiers()
	r.People = tradePeople(r)
	return r
}

func (i *tradeItem) product(sku string) Product {
	title := Text{cmp.Or(i.title, sku), cmp.Or(i.title, sku)}
	updated, _ := time.Parse(time.RFC3339, i.at) // written by the reader in this form
	return Product{
		ID: "t-" + sku, Handle: handle(title.English + " " + sku), Title: title, Categories: []string{"c-1"}, UpdatedAt: updated,
		Variants: []Variant{{SKU: sku, Title: title, List: i.price, Web: i.price, Till: i.price}},
	}
}

// tradeOpening is the stock of a pair before the first line of the file.
func tradeOpening(p Pair) int {
	number, _ := strconv.Atoi(p.SKU[:5]) // five digits, or it would not be merchandise
	if p.Location == webWarehouse {
		return 50_000 + number%997
	}
	return 2_000 + number%997
}

// FoldBooks is the expected stock of every pair after the whole file: opening − sold + returned − adjusted. It follows
// from the file alone; no backend is asked.
func FoldBooks(r io.Reader) (map[Pair]int, error) {
	books := map[Pair]int{}
	_, err := eachTradeLine(r, func(l *TradeLine) error {
		pair := Pair{l.Location, l.SKU}
		stock, known := books[pair]
		if !known {
			pair.SKU = strings.Clone(l.SKU)
			stock = tradeOpening(pair)
		}
		if l.Kind == TradeReturn {
			stock += l.Quantity
		} else {
			stock -= l.Quantity
		}
		books[pair] = stock
		return nil
	})
	return books, err
}
