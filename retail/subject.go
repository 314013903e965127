package retail

// Whom objects are about. What has no entry here is about nobody, or about whom the object around it is about.

// Subject is the member.
func (m Member) Subject() string { return Actor{Role: "member", MemberID: m.ID}.Key() }

// Subject is whoever placed the order.
func (o Order) Subject() string { return o.Owner }

// Subject is whose cart it is.
func (c PricedCart) Subject() string { return c.Owner }

var (
	_ DataSubject = (*Member)(nil)
	_ DataSubject = (*Order)(nil)
	_ DataSubject = (*PricedCart)(nil)
)
