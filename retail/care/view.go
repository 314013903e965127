package care

import (
	"strconv"

	"github.com/portico-retail/portico/retail"
)

// How feedback reads in the API, where that is not simply a field: ids are global, absent values read null.

// GlobalID is the feedback's.
func (f *Feedback) GlobalID() string { return retail.GlobalID(retail.KindFeedback, f.ID) }

// IsNode marks a type of the Node interface.
func (*Feedback) IsNode() {}

// Order is the global id of the order that it is about; nil when it is about a visit.
func (f *Feedback) Order() *string {
	if f.OrderID == "" {
		return nil
	}
	id := retail.GlobalID(retail.KindOrder, f.OrderID)
	return &id
}

// Receipt is the number of the receipt that it is about; nil when it is about an order.
func (f *Feedback) Receipt() *string { return orNil(f.ReceiptNo) }

// Item is the SKU of a review; nil otherwise.
func (f *Feedback) Item() *string { return orNil(f.SKU) }

// Rated is the score; nil for a complaint.
func (f *Feedback) Rated() *int {
	if f.Kind == KindComplaint {
		return nil
	}
	return &f.Score
}

func orNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// Average is the mean score to one digit, half up; nil without reviews.
func (r Rating) Average() *retail.Decimal {
	if r.Count == 0 {
		return nil
	}
	tenths := (20*r.Sum + r.Count) / (2 * r.Count)
	d := retail.Decimal(strconv.Itoa(tenths/10) + "." + strconv.Itoa(tenths%10))
	return &d
}
