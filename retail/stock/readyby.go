package stock

import (
	"sync"
	"time"

	"github.com/portico-retail/portico/retail"
)

// readyHorizon is how many days ahead opening hours are searched.
const readyHorizon = 7

// ReadyBy computes when an order placed at now could be collected, or why it cannot.
//
// The work is pickingMinutes for the order itself and once more for every full round of the queue before it, a round
// being as many tasks as the place works on at a time. Work is done in opening hours only, today's hours count only
// before the cut-off, and what is not done at closing goes on the next open day. The work begins with the next full
// minute. The result is therefore never earlier than now + pickingMinutes, never falls when the queue grows, and stays
// the same for a minute.
func (p Policy) ReadyBy(loc *retail.Location, now time.Time, queue int) (time.Time, Reason) {
	s := loc.Pickup
	switch {
	case s == nil:
		return time.Time{}, PickupDisabled
	case s.Capacity != nil && queue >= *s.Capacity:
		return time.Time{}, CapacityFull
	}
	now = ceilMinute(now)
	left := time.Duration(s.PickingMinutes) * time.Minute * time.Duration(1+max(0, queue)/p.Pickers)
	local := now.In(loc.Zone)
	missed := s.Cutoff != nil && local.Format("15:04") >= string(*s.Cutoff)
	for _, w := range loc.Windows(now, readyHorizon) {
		if missed && w.Day == retail.DateOf(local) {
			continue
		}
		start := w.Opens
		if start.Before(now) {
			start = now
		}
		if room := w.Closes.Sub(start); left > room {
			left -= room
			continue
		}
		return start.Add(left), ""
	}
	return time.Time{}, ClosedBeforeReady
}

func ceilMinute(t time.Time) time.Time {
	if down := t.Truncate(time.Minute); down.Before(t) {
		return down.Add(time.Minute)
	}
	return t
}

// readyTimes remembers the last answer of ReadyBy for each location: opening hours are looked up once a minute and
// change of queue, not once a question.
type readyTimes struct {
	last sync.Map // location code → *readyTime
}

type readyTime struct {
	location *retail.Location
	minute   time.Time
	queue    int
	at       time.Time
	reason   Reason
}

func (r *readyTimes) by(p Policy, loc *retail.Location, now time.Time, queue int) *readyTime {
	minute := ceilMinute(now)
	if v, ok := r.last.Load(loc.Code); ok {
		if t := v.(*readyTime); t.location == loc && t.minute.Equal(minute) && t.queue == queue {
			return t
		}
	}
	t := &readyTime{location: loc, minute: minute, queue: queue}
	t.at, t.reason = p.ReadyBy(loc, now, queue)
	r.last.Store(loc.Code, t)
	return t
}
