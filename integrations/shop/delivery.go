package shop

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/portico-retail/portico/retail"
)

type deliveryRequest struct {
	Reference string         `json:"reference"`
	Order     string         `json:"order"`
	Method    string         `json:"method"`
	Location  string         `json:"location"`
	Lines     []lineMessage  `json:"lines"`
	Address   addressMessage `json:"address"`
	Promise   time.Time      `json:"promise"`
}

type deliveryMessage struct {
	Reference  string         `json:"reference"`
	Status     string         `json:"status"`
	Courier    contactMessage `json:"courier"`
	TrackingNo string         `json:"trackingNo"`
	At         time.Time      `json:"at"`
	EstimateAt *time.Time     `json:"estimateAt"`
}

// maxCourierText bounds what a shopper is shown of a courier, in runes.
const maxCourierText = 100

// state reads an answer about the delivery of this reference.
func (m *deliveryMessage) state(op, reference string) (retail.CourierState, error) {
	s := retail.CourierState{
		Status: retail.CourierStatus(m.Status), Name: plain(m.Courier.Name, maxCourierText), Phone: plain(m.Courier.Phone, maxCourierText),
		TrackingNo: plain(m.TrackingNo, maxCourierText), At: m.At.UTC(), EstimateAt: instant(m.EstimateAt),
	}
	ok := m.Reference == reference && !m.At.IsZero()
	switch s.Status {
	case retail.CourierRequested, retail.CourierAssigned, retail.CourierPickedUp, retail.CourierDelivered,
		retail.CourierFailed, retail.CourierCancelled:
	default:
		ok = false
	}
	if !ok {
		return retail.CourierState{}, broken(op)
	}
	return s, nil
}

// RequestDelivery asks a courier to fetch the goods at the place and bring them to the address, or reports on the delivery
// that was asked for under the reference.
func (c *Client) RequestDelivery(ctx context.Context, d retail.DeliveryRequest) (retail.CourierState, error) {
	if err := checkNames(d.Reference, d.OrderNumber); err != nil {
		return retail.CourierState{}, err
	}
	req := deliveryRequest{
		Reference: d.Reference, Order: d.OrderNumber, Method: string(d.Method), Location: d.LocationCode,
		Address: addressOf(d.Address), Promise: d.Promise.UTC(),
	}
	for _, l := range d.Lines {
		req.Lines = append(req.Lines, lineMessage(l))
	}
	m, err := write[deliveryMessage](ctx, c, "request-delivery", http.MethodPost, "/api/v1/deliveries", req)
	if err != nil {
		return retail.CourierState{}, err
	}
	return m.state("request-delivery", d.Reference)
}

// Delivery asks how a delivery stands, CodeNotFound when the shop never met it.
func (c *Client) Delivery(ctx context.Context, reference string) (retail.CourierState, error) {
	path, ok := segment(reference)
	if !ok {
		return retail.CourierState{}, notFound("delivery")
	}
	m, err := read[deliveryMessage](ctx, c, "delivery", "/api/v1/deliveries/"+path, nil)
	if err != nil {
		return retail.CourierState{}, err
	}
	return m.state("delivery", reference)
}

// CancelDelivery stops a delivery whose goods have not left, and returns how it stands. One that the shop never met is
// remembered as cancelled.
func (c *Client) CancelDelivery(ctx context.Context, reference string) (retail.CourierState, error) {
	if err := checkNames(reference); err != nil {
		return retail.CourierState{}, err
	}
	m, err := write[deliveryMessage](
		ctx, c, "cancel-delivery", http.MethodPost, "/api/v1/deliveries/"+url.PathEscape(reference)+"/cancel", struct{}{},
	)
	if err != nil {
		return retail.CourierState{}, err
	}
	return m.state("cancel-delivery", reference)
}
