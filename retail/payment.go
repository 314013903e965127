package retail

import "context"

// PaymentMethod is a way to pay that the shop offers.
type PaymentMethod struct {
	Code   string // what Payment.Method names
	Titles Text
}

// Title is in the language of the context.
func (m PaymentMethod) Title(ctx context.Context) string { return m.Titles.In(ContextOf(ctx).Language) }
