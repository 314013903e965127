package graph

import (
	"context"
	"errors"
	"time"

	"github.com/portico-retail/portico/retail"
)

// Pace bounds how often one household does something that its points do not bound, because they are as many as somebody asks
// for: opening guests' sessions.
type Pace struct {
	meter *meter
	rate  Rate
}

// GuestSessions is how many sessions a household may open: a shop's wifi has many guests.
func GuestSessions() Rate { return Rate{PerMinute: 30, Burst: 60} }

// NewPace counts with l, for all gateways together; nil counts in this one. The zero Rate bounds nothing. Nil for now means time.Now.
func NewPace(l Limiter, r Rate, now func() time.Time) (*Pace, error) {
	if now == nil {
		now = time.Now
	}
	m, err := newMeter(l, now)
	return &Pace{meter: m, rate: r}, errors.Join(err, r.Validate())
}

// Allow counts one time for the household of ctx, and refuses with WhyLimitReached what is one too many.
func (p *Pace) Allow(ctx context.Context) error {
	if p.rate.Zero() {
		return nil
	}
	b := p.meter.take(ctx, hashed("pace:"+retail.HouseholdOf(ctx).Name), p.rate, 1)
	if b.Taken {
		return nil
	}
	return retail.Limit{Most: p.rate.Burst, Per: time.Minute}.Refuse("", b.Wait)
}
