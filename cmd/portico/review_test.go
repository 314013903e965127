package main

// trusting lets one shopper of a test order and hold as fast as they like: a test plays many people with few names.
func trusting(t *terms) {
	t.Ordering.Risk.Orders, t.Ordering.Risk.Failures, t.Ordering.Risk.Methods = 0, 0, 0
	t.Holds.Guests.PerMinute, t.Holds.Members.PerMinute, t.Holds.Associates.PerMinute = 0, 0, 0
	t.Ordering.GuestUnpaid, t.Ordering.MemberUnpaid = 0, 0
}
