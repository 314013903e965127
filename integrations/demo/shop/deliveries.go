// Deliveries by courier. The books of the place hear that the goods left before anybody is told that they did, and that
// they are back before a delivery has failed.

package shop

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"time"
)

// Statuses of deliveries.
const (
	requested = "REQUESTED"
	assigned  = "ASSIGNED"
	pickedUp  = "PICKED_UP"
	delivered = "DELIVERED"
)

// Booking tells the ERP about goods at a place.
type Booking func(ctx context.Context, location string, lines []Line) error

// delivery is one delivery. One that was cancelled before the shop met it has no order.
type delivery struct {
	Reference  string     `json:"reference"`
	Order      string     `json:"order"`
	Status     string     `json:"status"`
	Courier    contact    `json:"courier"`
	TrackingNo string     `json:"trackingNo"`
	At         time.Time  `json:"at"`
	EstimateAt *time.Time `json:"estimateAt"`

	request *deliveryRequest // nil when it was never asked for
	step    chan struct{}    // full while somebody moves it
}

type deliveryRequest struct {
	Reference string    `json:"reference"`
	Order     string    `json:"order"`
	Method    string    `json:"method"`
	Location  string    `json:"location"`
	Lines     []Line    `json:"lines"`
	Address   Address   `json:"address"`
	Promise   time.Time `json:"promise"`
}

type deliveries struct {
	known    *memory[*delivery]
	seq      int
	onPickup Booking // nil while nobody keeps books
}

// OnPickup sets what books that goods leave a place with a courier. It is called once for each delivery, before the
// delivery is PICKED_UP; while it fails, the delivery stays where it is and the call is repeated.
func (s *Server) OnPickup(book Booking) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deliveries.onPickup = book
}

func (d *deliveryRequest) check() error {
	switch {
	case !isReference(d.Reference), !isCode(d.Method), !isCode(d.Location):
		return badRequest("a delivery needs a reference, a method and a location")
	case d.Address.Line == "" && d.Address.Position == nil:
		return badRequest("a delivery needs an address")
	}
	if err := checkLines(d.Lines); err != nil {
		return err
	}
	return d.Address.check()
}

// same reports whether both ask for one thing.
func (d *deliveryRequest) same(other *deliveryRequest) bool {
	return d.Order == other.Order && d.Method == other.Method && d.Location == other.Location &&
		reflect.DeepEqual(d.Lines, other.Lines) && reflect.DeepEqual(d.Address, other.Address) && d.Promise.Equal(other.Promise)
}

func (s *Server) postDelivery(w http.ResponseWriter, r *http.Request) error {
	var req deliveryRequest
	if err := readJSON(w, r, &req); err != nil {
		return err
	}
	if err := req.check(); err != nil {
		return err
	}
	return s.answer(w, func() (any, error) {
		known := s.deliveries.known.known[req.Reference]
		switch {
		case known == nil && s.sales.known.known[req.Order] == nil:
			return nil, missing("order", req.Order)
		case known == nil:
			known = s.request(&req)
		case known.request != nil && !known.request.same(&req):
			return nil, conflict("the reference delivers something else")
		}
		return known, nil
	})
}

func (s *Server) request(req *deliveryRequest) *delivery {
	now := s.now().UTC()
	s.deliveries.seq++
	d := &delivery{
		Reference: req.Reference, Order: req.Order, Status: requested, At: now, request: req, step: make(chan struct{}, 1),
		TrackingNo: fmt.Sprintf("T%08d", s.deliveries.seq),
	}
	if !req.Promise.IsZero() {
		promise := req.Promise.UTC()
		d.EstimateAt = &promise
	}
	s.deliveries.known.keep(d.Reference, d)
	s.events.emit(kindDelivery, d.Order, d.Reference, now, 1)
	if pause := s.pace.CourierStep; pause > 0 {
		s.agenda.plan(now.Add(pause), func(ctx context.Context) time.Duration {
			if over, _ := s.advance(ctx, d); over {
				return 0
			}
			return pause
		})
	}
	return d
}

// advance takes the next step of a delivery; over says that there is none left. When the books do not take it, nothing
// has changed.
func (s *Server) advance(ctx context.Context, d *delivery) (over bool, err error) {
	if err := d.hold(ctx); err != nil {
		return false, err
	}
	defer d.release()
	switch s.statusOf(d) {
	case requested:
		s.moveTo(d, assigned)
	case assigned:
		if err := s.book(ctx, d, s.pickupBooking()); err != nil {
			return false, err
		}
		s.moveTo(d, pickedUp)
	case pickedUp:
		s.moveTo(d, delivered)
		return true, nil
	default:
		return true, conflict("the delivery is over")
	}
	return false, nil
}

// hold waits until nobody else moves the delivery: a cancellation must not overtake the booking of its pickup.
func (d *delivery) hold(ctx context.Context) error {
	select {
	case d.step <- struct{}{}:
		return nil
	case <-ctx.Done():
		return &apiError{http.StatusServiceUnavailable, "BUSY", "the delivery is being moved"}
	}
}

func (d *delivery) release() { <-d.step }

func (s *Server) statusOf(d *delivery) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return d.Status
}

func (s *Server) pickupBooking() Booking {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.deliveries.onPickup
}

func (s *Server) returnBooking() Booking {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.returns.onReturn
}

func (s *Server) book(ctx context.Context, d *delivery, booking Booking) error {
	return keepBooks(ctx, booking, d.request.Location, d.request.Lines)
}

// keepBooks calls booking, which may be nil.
func keepBooks(ctx context.Context, booking Booking, location string, lines []Line) error {
	if booking == nil {
		return nil
	}
	if err := booking(ctx, location, lines); err != nil {
		return &apiError{http.StatusServiceUnavailable, "BUSY", "the books are not available"}
	}
	return nil
}

func (s *Server) moveTo(d *delivery, status string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d.Status, d.At = status, s.now().UTC()
	if status == assigned {
		d.Courier = contact{"王师傅 Wang", "+8613900000017"}
	}
	s.events.emit(kindDelivery, d.Order, d.Reference, d.At, 1)
}

func (s *Server) findDelivery(r *http.Request) (*delivery, error) {
	reference := r.PathValue("reference")
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := s.deliveries.known.known[reference]; d != nil {
		return d, nil
	}
	return nil, missing("delivery", reference)
}

func (s *Server) getDelivery(w http.ResponseWriter, r *http.Request) error {
	d, err := s.findDelivery(r)
	if err != nil {
		return err
	}
	return s.answerRead(w, r, func() (any, error) {
		return d, nil
	})
}

func (s *Server) cancelDelivery(w http.ResponseWriter, r *http.Request) error {
	reference := r.PathValue("reference")
	if !isReference(reference) {
		return badRequest("a delivery has a reference")
	}
	s.mu.Lock()
	d := s.deliveries.known.known[reference]
	if d == nil {
		d = &delivery{Reference: reference, Status: cancelled, At: s.now().UTC(), step: make(chan struct{}, 1)}
		s.deliveries.known.keep(reference, d)
	}
	s.mu.Unlock()
	if err := d.hold(r.Context()); err != nil {
		return err
	}
	defer d.release()
	if status := s.statusOf(d); status == requested || status == assigned {
		s.moveTo(d, cancelled)
	}
	return s.showDelivery(w, d)
}

func (s *Server) showDelivery(w http.ResponseWriter, d *delivery) error {
	return s.answer(w, func() (any, error) {
		return d, nil
	})
}

func (s *Server) advanceDelivery(w http.ResponseWriter, r *http.Request) error {
	d, err := s.findDelivery(r)
	if err == nil {
		_, err = s.advance(r.Context(), d)
	}
	if err != nil {
		return err
	}
	return s.showDelivery(w, d)
}

// failDelivery is a courier who gives up: goods that had left come back to the place.
func (s *Server) failDelivery(w http.ResponseWriter, r *http.Request) error {
	d, err := s.findDelivery(r)
	if err != nil {
		return err
	}
	if err := d.hold(r.Context()); err != nil {
		return err
	}
	defer d.release()
	switch s.statusOf(d) {
	case pickedUp:
		if err := s.book(r.Context(), d, s.returnBooking()); err != nil {
			return err
		}
	case requested, assigned:
	default:
		return conflict("the delivery is over")
	}
	s.moveTo(d, failed)
	return s.showDelivery(w, d)
}
