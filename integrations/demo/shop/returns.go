// Parcels that come back. The books of the place hear of the goods before anybody is told that they were received.

package shop

import (
	"context"
	"net/http"
	"slices"
	"time"
)

// Statuses of parcels.
const (
	announced = "ANNOUNCED"
	received  = "RECEIVED"
)

type parcel struct {
	Reference   string     `json:"reference"`
	Order       string     `json:"order"`
	Location    string     `json:"location"`
	Lines       []Line     `json:"lines"`
	Status      string     `json:"status"`
	AnnouncedAt time.Time  `json:"announcedAt"`
	ReceivedAt  *time.Time `json:"receivedAt"`

	step chan struct{} // full while somebody receives it
}

type returns struct {
	known    *memory[*parcel]
	onReturn Booking // nil while nobody keeps books
}

// OnReturn sets what books goods that come back to a place, in a parcel or with a courier who failed. It is called once for
// each; while it fails, nothing else happens and the call is repeated.
func (s *Server) OnReturn(book Booking) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.returns.onReturn = book
}

func (s *Server) postReturn(w http.ResponseWriter, r *http.Request) error {
	var req struct {
		Reference string `json:"reference"`
		Order     string `json:"order"`
		Location  string `json:"location"`
		Lines     []Line `json:"lines"`
	}
	if err := readJSON(w, r, &req); err != nil {
		return err
	}
	if !isReference(req.Reference) || !isCode(req.Location) {
		return badRequest("a return needs a reference and a location")
	}
	if err := checkLines(req.Lines); err != nil {
		return err
	}
	return s.answer(w, func() (any, error) {
		known := s.returns.known.known[req.Reference]
		switch {
		case known == nil && s.sales.known.known[req.Order] == nil:
			return nil, missing("order", req.Order)
		case known == nil:
			known = &parcel{
				Reference: req.Reference, Order: req.Order, Location: req.Location, Lines: req.Lines,
				Status: announced, AnnouncedAt: s.now().UTC(), step: make(chan struct{}, 1),
			}
			s.returns.known.keep(req.Reference, known)
			s.expect(known)
		case known.Order != req.Order || known.Location != req.Location || !slices.Equal(known.Lines, req.Lines):
			return nil, conflict("the reference announces something else")
		}
		return known, nil
	})
}

// expect plans the arrival of a parcel.
func (s *Server) expect(p *parcel) {
	pause := s.pace.ReturnArrives
	if pause <= 0 {
		return
	}
	s.agenda.plan(s.now().Add(pause), func(ctx context.Context) time.Duration {
		if s.receive(ctx, p) != nil {
			return pause
		}
		return 0
	})
}

// receive books a parcel; one that was received stays so.
func (s *Server) receive(ctx context.Context, p *parcel) error {
	select {
	case p.step <- struct{}{}:
		defer func() { <-p.step }()
	case <-ctx.Done():
		return &apiError{http.StatusServiceUnavailable, "BUSY", "the parcel is being received"}
	}
	s.mu.Lock()
	done := p.Status == received
	s.mu.Unlock()
	if done {
		return nil
	}
	if err := keepBooks(ctx, s.returnBooking(), p.Location, p.Lines); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now().UTC()
	p.Status, p.ReceivedAt = received, &now
	s.events.emit(kindReturn, p.Order, p.Reference, now, 1)
	return nil
}

func (s *Server) findParcel(r *http.Request) (*parcel, error) {
	reference := r.PathValue("reference")
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.returns.known.known[reference]; p != nil {
		return p, nil
	}
	return nil, missing("return", reference)
}

func (s *Server) getReturn(w http.ResponseWriter, r *http.Request) error {
	p, err := s.findParcel(r)
	if err != nil {
		return err
	}
	return s.answerRead(w, r, func() (any, error) {
		return p, nil
	})
}

func (s *Server) receiveReturn(w http.ResponseWriter, r *http.Request) error {
	p, err := s.findParcel(r)
	if err == nil {
		err = s.receive(r.Context(), p)
	}
	if err != nil {
		return err
	}
	return s.answer(w, func() (any, error) {
		return p, nil
	})
}
