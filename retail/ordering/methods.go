package ordering

import (
	"context"
	"slices"
	"time"

	"github.com/portico-retail/portico/retail"
)

// keepMethods is how long the shop's list of payment methods is taken for granted. A code that is not on it is looked for anew.
const keepMethods = time.Minute

// methods are the codes of the shop's payment methods as they were heard last.
type methods struct {
	codes []string
	at    time.Time
}

// payableBy refuses a payment method that the shop does not have, before anything is recorded about it. While the shop is silent
// the list that was heard last counts.
func (s *Service) payableBy(ctx context.Context, method string) error {
	last := s.methods.Load()
	now := s.deps.Now()
	if last != nil && slices.Contains(last.codes, method) && now.Before(last.at.Add(keepMethods)) {
		return nil
	}
	list, err := s.deps.Shop.PaymentMethods(ctx)
	switch {
	case err == nil:
		last = &methods{at: now}
		for _, m := range list {
			last.codes = append(last.codes, m.Code)
		}
		s.methods.Store(last)
	case last == nil || !slices.Contains(last.codes, method):
		return err
	}
	if !slices.Contains(last.codes, method) {
		return retail.Refuse(retail.WhyInvalid, "method", "There is no such payment method.")
	}
	return nil
}
