package members

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/portico-retail/portico/retail"
)

// MaxPointEntries bounds a ledger of points.
const MaxPointEntries = 500

// fullLedger is the length at which the ERP's list of points may have left out older ones.
const fullLedger = 500

// Points is a member's ledger of points.
type Points struct {
	// Balance is the ERP's with what the tills know and the ERP has not booked yet; nil while the ERP is silent.
	Balance *int
	// Entries are newest first, each once, wherever it was heard; 500 at most.
	Entries []retail.PointEntry
	// Silent are the systems whose entries may be missing.
	Silent []retail.Source
	AsOf   time.Time // of the ERP's balance; zero while it is silent
}

// Points merges what ERP and tills know of the member's points. A silent system is named in the answer; it fails when both
// are silent, with the ERP's error.
func (s *Service) Points(ctx context.Context, memberID string) (*Points, error) {
	m, err := s.Member(ctx, memberID)
	if err != nil {
		return nil, err
	}
	var fromERP, fromPOS pointsHeard
	var group errgroup.Group // one system's silence must not stop the other
	group.Go(func() error {
		fromERP = s.erpPoints(ctx, keys(m, retail.SourceERP))
		return nil
	})
	group.Go(func() error {
		fromPOS = s.cardPoints(ctx, keys(m, retail.SourcePOS))
		return nil
	})
	_ = group.Wait()
	if fromERP.err != nil && fromPOS.err != nil {
		return nil, fromERP.err
	}
	return mergePoints(fromERP, fromPOS), nil
}

// pointsHeard is what one system says.
type pointsHeard struct {
	balance int
	entries []retail.PointEntry
	from    time.Time // entries before it may be left out; zero when the list is whole
	asOf    time.Time
	err     error
}

func (s *Service) erpPoints(ctx context.Context, numbers []string) pointsHeard {
	return gather(numbers, func(number string) (one pointsHeard) {
		// The balance first: an entry booked in between is then in the list, and not counted on top of the balance.
		customer, err := s.deps.Customers.Customer(ctx, number)
		if isNotFound(err) {
			return one
		}
		if err != nil {
			return pointsHeard{err: err}
		}
		one.balance, one.asOf = customer.PointsBalance, customer.AsOf
		one.entries, one.err = s.deps.Customers.Points(ctx, number)
		if len(one.entries) >= fullLedger {
			one.from = one.entries[len(one.entries)-1].At
		}
		return one
	})
}

func (s *Service) cardPoints(ctx context.Context, numbers []string) pointsHeard {
	return gather(numbers, func(number string) (one pointsHeard) {
		one.entries, one.err = s.deps.Cards.CardPoints(ctx, number)
		if isNotFound(one.err) {
			one.err = nil
		}
		return one
	})
}

// gather asks about several records and adds up the answers; one failure fails all.
func gather(numbers []string, ask func(number string) pointsHeard) pointsHeard {
	var (
		mu  sync.Mutex
		all pointsHeard
	)
	var group errgroup.Group
	group.SetLimit(4)
	for _, number := range numbers {
		group.Go(func() error {
			one := ask(number)
			mu.Lock()
			defer mu.Unlock()
			all.balance += one.balance
			all.entries = append(all.entries, one.entries...)
			if one.from.After(all.from) {
				all.from = one.from
			}
			if all.asOf.IsZero() || !one.asOf.IsZero() && one.asOf.Before(all.asOf) {
				all.asOf = one.asOf
			}
			if all.err == nil {
				all.err = one.err
			}
			return nil
		})
	}
	_ = group.Wait()
	if all.err != nil {
		return pointsHeard{err: all.err}
	}
	return all
}

// mergePoints lists every entry once, by its reference; the ERP's words win. An entry that only the tills know counts on top
// of the ERP's balance, unless it is so old that the ERP may have left it out of its list.
func mergePoints(fromERP, fromPOS pointsHeard) *Points {
	p := &Points{AsOf: fromERP.asOf}
	known := make(map[string]bool, len(fromERP.entries))
	take := func(entries []retail.PointEntry, source retail.Source) (fresh int) {
		for _, e := range entries {
			if e.Reference != "" && known[e.Reference] {
				continue
			}
			known[e.Reference] = true
			if e.Source == "" {
				e.Source = source
			}
			p.Entries = append(p.Entries, e)
			if e.At.After(fromERP.from) || fromERP.from.IsZero() {
				fresh += e.Points
			}
		}
		return fresh
	}
	take(fromERP.entries, retail.SourceERP)
	unbooked := take(fromPOS.entries, retail.SourcePOS)
	if fromERP.err != nil {
		p.Silent = append(p.Silent, retail.SourceERP)
	} else {
		balance := fromERP.balance + unbooked
		p.Balance = &balance
	}
	if fromPOS.err != nil {
		p.Silent = append(p.Silent, retail.SourcePOS)
	}
	slices.SortFunc(p.Entries, func(a, b retail.PointEntry) int {
		return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.Reference, b.Reference), cmp.Compare(a.Points, b.Points))
	})
	p.Entries = p.Entries[:min(len(p.Entries), MaxPointEntries)]
	return p
}
