package stock

import "context"

// TendDue does once what Run does whenever something is due.
func (h *Holds) TendDue(ctx context.Context) { h.tendDue(ctx) }
