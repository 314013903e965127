package care

import (
	"context"
	"slices"
	"strings"

	"github.com/portico-retail/portico/retail"
)

// about fills in what the feedback is about, after making sure that the author bought it and, for a review, got it.
func (s *Service) about(ctx context.Context, actor retail.Actor, r Request, f *Feedback) error {
	switch {
	case (r.OrderID == "") == (r.ReceiptNo == ""):
		return retail.Refuse(retail.WhyInvalid, "", "name the order or the receipt that this is about")
	case len(r.OrderID) > 200 || len(r.ReceiptNo) > 200:
		return retail.Refuse(retail.WhyNotFound, "", "no such purchase of yours")
	case r.OrderID != "":
		return s.aboutOrder(ctx, actor, r.OrderID, f)
	}
	return s.aboutReceipt(ctx, actor, r, f)
}

func (s *Service) aboutOrder(ctx context.Context, actor retail.Actor, id string, f *Feedback) error {
	o, err := s.deps.Purchases.Order(ctx, id)
	if isNotFound(err) || err == nil && (o.Owner != actor.Key() || o.Status == retail.OrderPlacing) {
		return retail.Refuse(retail.WhyNotFound, "orderId", "no such order of yours")
	}
	if err != nil {
		return err
	}
	f.OrderID = o.ID
	if f.Kind == KindReview {
		return aboutGoods(o, f)
	}
	for i, part := range o.Fulfillments {
		if i > 0 && part.LocationCode != f.LocationCode {
			f.LocationCode = "" // several places: nobody can tell which is meant
			break
		}
		f.LocationCode = part.LocationCode
	}
	return nil
}

// aboutGoods finds the place that handed the SKU out.
func aboutGoods(o *retail.Order, f *Feedback) error {
	bought := false
	for i := range o.Fulfillments {
		part := &o.Fulfillments[i]
		if !slices.ContainsFunc(part.Lines, func(l retail.FulfillmentLine) bool { return l.SKU == f.SKU && l.Quantity > l.Rejected }) {
			continue
		}
		bought = true
		if handedOver(o, part) {
			f.LocationCode = part.LocationCode
			return nil
		}
	}
	r := retail.Refuse(retail.WhyInvalid, "sku", "the order has no such goods")
	if bought {
		r = retail.Refuse(retail.WhyNotAllowed, "sku", "the goods have not been collected or delivered yet")
	}
	r.SKU = f.SKU
	return r
}

func handedOver(o *retail.Order, part *retail.Fulfillment) bool {
	return part.Status == retail.FulfillmentCollected || part.Status == retail.FulfillmentDelivered ||
		o.Status == retail.OrderCompleted && !part.Status.Final()
}

// aboutReceipt takes a receipt of one of the author's cards. The receipt of an order that was collected stands for the order, so
// that one purchase is not two.
func (s *Service) aboutReceipt(ctx context.Context, actor retail.Actor, r Request, f *Feedback) error {
	receipt, err := s.deps.Purchases.Receipt(ctx, r.ReceiptNo)
	if err != nil && !isNotFound(err) {
		return err
	}
	if err == nil && receipt.OrderRef != "" {
		orderID, _, _ := strings.Cut(receipt.OrderRef, "/")
		if err := s.aboutOrder(ctx, actor, orderID, f); err == nil || !retail.Refused(err, retail.WhyNotFound) {
			return err
		}
	}
	if err != nil || receipt.CardNumber == "" || !slices.Contains(r.Cards, receipt.CardNumber) {
		return retail.Refuse(retail.WhyNotFound, "receiptNumber", "no such receipt of yours")
	}
	f.ReceiptNo, f.LocationCode = receipt.Number, receipt.LocationCode
	sold := func(l retail.ReceiptLine) bool { return l.SKU == f.SKU && l.Quantity > 0 }
	if f.Kind == KindReview && !slices.ContainsFunc(receipt.Lines, sold) {
		refusal := retail.Refuse(retail.WhyInvalid, "sku", "the receipt has no such goods")
		refusal.SKU = f.SKU
		return refusal
	}
	return nil
}
