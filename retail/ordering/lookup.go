package ordering

import (
	"context"

	"github.com/portico-retail/portico/retail"
)

// GetByNumber is Get by the number that people read to each other.
func (s *Service) GetByNumber(ctx context.Context, actor retail.Actor, number string) (*retail.Order, error) {
	if number == "" || len(number) > maxKeyLength {
		return nil, errNoOrder()
	}
	o, err := s.deps.Ledger.OrderByNumber(ctx, number)
	if err != nil {
		return nil, err
	}
	return s.Get(ctx, actor, o.ID)
}
