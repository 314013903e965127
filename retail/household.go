package retail

import "context"

// HouseholdGuests is how many guests' worth all guests of one household get together. Guests' sessions are to be had for the
// asking, so what bounds one guest bounds nobody unless it also bounds the address behind it: a family and a shop's wifi
// rarely have more than four people who do the same at their limit in the same minutes.
const HouseholdGuests = 4

type householdKey struct{}

// WithHousehold returns ctx of a caller without an account, who counts among the guests of a household: those who share a
// network address. The name tells households apart and must say to nobody which they are.
func WithHousehold(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, householdKey{}, name)
}

// HouseholdOf returns the household among whose guests the caller counts; empty for everybody with an account.
func HouseholdOf(ctx context.Context) string {
	name, _ := ctx.Value(householdKey{}).(string)
	return name
}

// Household is what all guests of one household may try together when the limit is what one may.
func (l Limit) Household() Limit { return Limit{Most: l.Most * HouseholdGuests, Per: l.Per} }
