package shop

import (
	"context"
	"net/http"
	"time"

	"github.com/portico-retail/portico/retail"
)

type returnRequest struct {
	Reference string        `json:"reference"`
	Order     string        `json:"order"`
	Location  string        `json:"location"`
	Lines     []lineMessage `json:"lines"`
}

type returnMessage struct {
	Reference  string     `json:"reference"`
	Status     string     `json:"status"`
	ReceivedAt *time.Time `json:"receivedAt"`
}

// received tells whether the parcel of this reference has arrived.
func (m *returnMessage) received(op, reference string) (at time.Time, received bool, err error) {
	switch {
	case m.Reference != reference:
	case m.Status == "ANNOUNCED":
		return time.Time{}, false, nil
	case m.Status == "RECEIVED" && instant(m.ReceivedAt) != nil:
		return m.ReceivedAt.UTC(), true, nil
	}
	return time.Time{}, false, broken(op)
}

// AnnounceReturn tells the shop that a parcel will come to the place. Idempotent by reference. Quantities count whatever
// their sign.
func (c *Client) AnnounceReturn(
	ctx context.Context, orderNumber, reference, locationCode string, lines []retail.ReceiptLine,
) error {
	if err := checkNames(orderNumber, reference); err != nil {
		return err
	}
	req := returnRequest{Reference: reference, Order: orderNumber, Location: locationCode}
	for _, l := range lines {
		req.Lines = append(req.Lines, lineMessage{SKU: l.SKU, Quantity: max(l.Quantity, -l.Quantity)})
	}
	m, err := write[returnMessage](ctx, c, "announce-return", http.MethodPost, "/api/v1/returns", req)
	if err != nil {
		return err
	}
	_, _, err = m.received("announce-return", reference)
	return err
}

// ReturnReceived tells whether the parcel has arrived and been booked by the ERP, and when; CodeNotFound when it was never
// announced.
func (c *Client) ReturnReceived(ctx context.Context, reference string) (at time.Time, received bool, err error) {
	path, ok := segment(reference)
	if !ok {
		return time.Time{}, false, notFound("return")
	}
	m, err := read[returnMessage](ctx, c, "return", "/api/v1/returns/"+path, nil)
	if err != nil {
		return time.Time{}, false, err
	}
	return m.received("return", reference)
}
