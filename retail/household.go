package retail

import "context"

// Household is those who share a network address. What bounds one guest bounds nobody, because guests' sessions are to be had
// for the asking, unless it also bounds the address behind them.
type Household struct {
	Name   string // tells households apart and says to nobody which they are; empty for callers with an account
	Guests int    // how many guests' worth all its guests get together; 0 bounds them by nothing
}

// Bounds reports whether a guest's household counts.
func (h Household) Bounds() bool { return h.Name != "" && h.Guests > 0 }

// Limit is what all guests of the household may try together when l is what one may.
func (h Household) Limit(l Limit) Limit { return Limit{Most: l.Most * h.Guests, Per: l.Per} }

type householdKey struct{}

// WithHousehold returns ctx of a caller without an account, who counts among the guests of a household.
func WithHousehold(ctx context.Context, h Household) context.Context {
	return context.WithValue(ctx, householdKey{}, h)
}

// HouseholdOf returns the household among whose guests the caller counts; the zero Household for everybody with an account.
func HouseholdOf(ctx context.Context) Household {
	h, _ := ctx.Value(householdKey{}).(Household)
	return h
}
