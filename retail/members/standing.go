package members

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/portico-retail/portico/retail"
)

// Progress is a member's tier and the way to the next one.
type Progress struct {
	Tier    retail.MemberTier // empty when none
	Titles  retail.Text       // of the tier
	Spend   retail.Money      // what counts so far this year
	Next    *retail.TierRule  // nil at the top
	Missing retail.Money      // to the next tier; zero at the top
	AsOf    time.Time         // what the ERP had booked by then is in it
}

// Standing is the member's tier as the ERP states it, the highest over a merged member's records; empty when none.
func (s *Service) Standing(ctx context.Context, memberID string) (retail.MemberTier, error) {
	p, err := s.Progress(ctx, memberID)
	if err != nil {
		return "", err
	}
	return p.Tier, nil
}

// Progress is the member's standing with what the next tier asks for; a merged member's records count together.
func (s *Service) Progress(ctx context.Context, memberID string) (*Progress, error) {
	m, err := s.Member(ctx, memberID)
	if err != nil {
		return nil, err
	}
	var rules []retail.TierRule
	var customers []*retail.Customer
	group, gctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		rules, err = s.deps.Customers.TierRules(gctx)
		return err
	})
	group.Go(func() (err error) {
		customers, err = s.customers(gctx, m)
		return err
	})
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return progress(rules, customers), nil
}

// customers loads the member's ERP records; those that the ERP does not know any more are left out.
func (s *Service) customers(ctx context.Context, m *retail.Member) ([]*retail.Customer, error) {
	numbers := keys(m, retail.SourceERP)
	loaded := make([]*retail.Customer, len(numbers))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(4)
	for i, number := range numbers {
		group.Go(func() error {
			c, err := s.deps.Customers.Customer(ctx, number)
			if isNotFound(err) {
				return nil
			}
			loaded[i] = c
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	list := loaded[:0]
	for _, c := range loaded {
		if c != nil {
			list = append(list, c)
		}
	}
	return list, nil
}

func progress(rules []retail.TierRule, customers []*retail.Customer) *Progress {
	p := &Progress{}
	rank := -1
	for _, c := range customers {
		if p.AsOf.IsZero() || c.AsOf.Before(p.AsOf) {
			p.AsOf = c.AsOf
		}
		if p.Spend.CurrencyCode == "" {
			p.Spend.CurrencyCode = c.YearSpend.CurrencyCode
		}
		if c.YearSpend.CurrencyCode == p.Spend.CurrencyCode {
			p.Spend.Minor += c.YearSpend.Minor
		}
		if r := rankOf(rules, c.Tier); p.Tier == "" || r > rank {
			p.Tier, rank = c.Tier, r
		}
	}
	if rank >= 0 {
		p.Titles = rules[rank].Titles
	}
	if rank+1 < len(rules) {
		next := rules[rank+1]
		p.Next = &next
		p.Missing = next.YearSpend
		if next.YearSpend.CurrencyCode == p.Spend.CurrencyCode {
			p.Missing.Minor = max(0, next.YearSpend.Minor-p.Spend.Minor)
		}
	}
	return p
}

// rankOf is the tier's place, lowest first; -1 for none or one without a rule.
func rankOf(rules []retail.TierRule, tier retail.MemberTier) int {
	for i := range rules {
		if rules[i].Tier == tier {
			return i
		}
	}
	return -1
}
