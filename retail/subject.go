package retail

// Whom objects are about. What has no entry here is about nobody, or about whom the object around it is about.

// Subject is the member.
func (m Member) Subject() string { return Actor{Role: "member", MemberID: m.ID}.Key() }

// Subject is whoever placed the order.
func (o Order) Subject() string { return o.Owner }

// Subject is whose cart it is.
func (c PricedCart) Subject() string { return c.Owner }

// OfOther reports whether it is about somebody whom the shopper named.
func (c Contact) OfOther() bool { return c.Other }

// OfOther is true: a courier is not who ordered.
func (CourierState) OfOther() bool { return true }

var (
	_ DataOfOther = (*Contact)(nil)
	_ DataOfOther = (*CourierState)(nil)
	_ DataSubject = (*Member)(nil)
	_ DataSubject = (*Order)(nil)
	_ DataSubject = (*PricedCart)(nil)
)
