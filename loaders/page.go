package loaders

import (
	"context"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/stock"
)

// Page tells the set which products one list returned. A list's elements all have the same fields, so what is asked of
// one variant is asked of all: the first that asks asks for the whole page, in one call, and no timer has to guess when
// the last one came. Variants of no page are gathered by the dataloader.
func (s *Set) Page(products []*retail.Product) {
	page := make([]string, 0, len(products))
	for _, p := range products {
		for _, v := range p.Variants {
			page = append(page, v.SKU)
		}
	}
	s.pagesLock.Lock()
	defer s.pagesLock.Unlock()
	if s.pages == nil {
		s.pages = map[string][]string{}
	}
	for _, sku := range page {
		s.pages[sku] = page
	}
}

// page is the SKUs that are asked together with sku; none when it belongs to no page.
func (s *Set) page(sku string) []string {
	s.pagesLock.Lock()
	defer s.pagesLock.Unlock()
	return s.pages[sku]
}

// PriceOf loads what a SKU costs in a channel, with its page; nil when nobody knows.
func (s *Set) PriceOf(ctx context.Context, sku string, channel retail.Channel) (*retail.Price, error) {
	return s.Price.loadWith(ctx, PriceKey{sku, channel}, func() []PriceKey {
		page := s.page(sku)
		keys := make([]PriceKey, len(page))
		for i, other := range page {
			keys[i] = PriceKey{other, channel}
		}
		return keys
	})
}

// AvailabilityOf loads where a SKU can be had, with its page; the SKUs of q do not matter.
func (s *Set) AvailabilityOf(ctx context.Context, sku string, q stock.CheckQuery) ([]*stock.Availability, error) {
	where := WhereOf(q)
	return s.Availability.loadWith(ctx, AvailabilityKey{sku, where}, func() []AvailabilityKey {
		page := s.page(sku)
		keys := make([]AvailabilityKey, len(page))
		for i, other := range page {
			keys[i] = AvailabilityKey{other, where}
		}
		return keys
	})
}

// loadWith loads a key and, unless it is there or on its way, every key of together with it in one batch. together
// names keys of the same arguments; it may be called or not.
func (l *Loader[K, V]) loadWith(ctx context.Context, key K, together func() []K) (V, error) {
	l.lock.Lock()
	_, known := l.answers[key]
	var batch []K
	var answers []*answer[V]
	if !known {
		for _, k := range together() {
			if _, known := l.answers[k]; !known {
				a := &answer[V]{done: make(chan struct{})}
				l.answers[k] = a
				batch, answers = append(batch, k), append(answers, a)
			}
		}
	}
	l.lock.Unlock()
	if len(batch) > 0 {
		go l.settle(ctx, batch, answers)
	}
	return l.Load(ctx, key)
}

// settle asks for a batch and gives the answers.
func (l *Loader[K, V]) settle(ctx context.Context, batch []K, answers []*answer[V]) {
	for i, r := range l.batch(ctx, batch) {
		answers[i].value, answers[i].err = r.Data, r.Error
		close(answers[i].done)
	}
}
