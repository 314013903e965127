package graph

import (
	"context"
	"errors"
	"time"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/retail"
)

// Pace bounds how often one household, or one caller with an account, does something that its points do not bound, because they
// are as many as somebody asks for: opening guests' sessions.
type Pace struct {
	meter *meter
	rate  Rate
}

// Sessions that a household may open for each guest's worth that it gets: a shop's wifi has many guests.
const (
	sessionsPerMinute = 8
	sessionsAtOnce    = 15
)

// GuestSessions is how many sessions a household may open; the zero Rate when nothing bounds households.
func (all Policies) GuestSessions() Rate {
	return Rate{PerMinute: sessionsPerMinute, Burst: sessionsAtOnce}.times(all.guests())
}

// NewPace counts with l, for all gateways together; nil counts in this one. The zero Rate bounds nothing. Nil for now means time.Now.
func NewPace(l Limiter, r Rate, now func() time.Time) (*Pace, error) {
	if now == nil {
		now = time.Now
	}
	m, err := newMeter(l, now)
	return &Pace{meter: m, rate: r}, errors.Join(err, r.Validate())
}

// Allow counts one time for the household of ctx, or for the caller who has an account, and refuses with WhyLimitReached what is
// one too many.
func (p *Pace) Allow(ctx context.Context) error {
	if p.rate.Zero() {
		return nil
	}
	who := retail.HouseholdOf(ctx).Name
	if who == "" {
		who = clientOf(ctx, auth.PrincipalOf(ctx))
	}
	b := p.meter.take(ctx, hashed("pace:"+who), p.rate, 1)
	if b.Taken {
		return nil
	}
	return retail.Limit{Most: p.rate.Burst, Per: time.Minute}.Refuse("", b.Wait)
}
