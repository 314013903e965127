package sourcing

import (
	"context"
	"fmt"
	"time"

	"github.com/portico-retail/portico/retail"
)

// Bounds of agreed times.
const (
	MaxSlotDays = 14
	MaxSlots    = 200
)

// SlotOption is a time that can be agreed at a place.
type SlotOption struct {
	StartsAt  time.Time
	EndsAt    time.Time
	Capacity  int // orders that it takes
	Left      int // of Capacity
	Available bool
}

// PickupSlots lists the times that can be agreed for the method at the place, earliest first, MaxSlots at most: from the day
// on (today when empty or past), over so many days (1 to MaxSlotDays). They lie in opening hours, follow one another from
// the opening on and begin no earlier than an order placed now can be picked. A slot that is taken is listed as not
// available. All methods share a slot's capacity.
//
// It fails with CodeNotFound for an unknown place and CodeBadInput for anything else that cannot be, and refuses with
// WhyPlaceClosed when the place does not offer the method.
func (s *Service) PickupSlots(
	ctx context.Context, locationRef string, method retail.FulfillmentMethod, from retail.Date, days int,
) ([]SlotOption, error) {
	if days < 1 || days > MaxSlotDays {
		return nil, retail.BadInput("days must be 1 to %d", MaxSlotDays)
	}
	if !method.Visits() {
		return nil, retail.BadInput("times can be agreed for PICKUP, CURBSIDE and APPOINTMENT")
	}
	found, err := s.deps.Places.Resolve(ctx, []string{locationRef})
	if err != nil {
		return nil, err
	}
	l, now := found[0], s.deps.Now()
	if why := visits(l, method); why != "" {
		r := retail.Refuse(retail.WhyPlaceClosed, "locationId", why)
		r.LocationCode = l.Code
		return nil, r
	}
	today := retail.DateOf(now.In(zone(l)))
	if from == "" {
		from = today
	}
	midnight, err := time.ParseInLocation(time.DateOnly, string(from), zone(l))
	if err != nil {
		return nil, retail.BadInput("from is no day of the form YYYY-MM-DD")
	}
	from = max(from, today)
	if midnight.After(now.Add(MaxSlotDays * 24 * time.Hour)) {
		return nil, retail.BadInput("from is at most %d days ahead", MaxSlotDays)
	}
	ready, ok := worked(l, now, time.Duration(l.Pickup.PickingMinutes)*time.Minute)
	if !ok {
		return []SlotOption{}, nil
	}
	return s.slotsFrom(ctx, l, method, from, days, ready)
}

// slotsFrom lists the slots that start at ready or later.
func (s *Service) slotsFrom(
	ctx context.Context, l *retail.Location, method retail.FulfillmentMethod, from retail.Date, days int, ready time.Time,
) ([]SlotOption, error) {
	all, err := s.slotsOn(ctx, l, method, from, days)
	if err != nil {
		return nil, err
	}
	list := make([]SlotOption, 0, min(len(all), MaxSlots))
	for _, o := range all {
		if len(list) < MaxSlots && !o.StartsAt.Before(ready) {
			list = append(list, o)
		}
	}
	return list, nil
}

// slotsOn lists every slot that starts on the days, past ones too.
func (s *Service) slotsOn(
	ctx context.Context, l *retail.Location, method retail.FulfillmentMethod, from retail.Date, days int,
) ([]SlotOption, error) {
	midnight, err := time.ParseInLocation(time.DateOnly, string(from), zone(l))
	if err != nil {
		return nil, fmt.Errorf("sourcing: %w", err)
	}
	y, m, d := midnight.Date()
	end := time.Date(y, m, d+days, 0, 0, 0, 0, zone(l))
	length := time.Duration(s.config.SlotMinutes) * time.Minute
	if method == retail.MethodAppointment {
		length = time.Duration(s.config.AppointmentMinutes) * time.Minute
	}
	capacity := s.config.SlotCapacity
	if l.Pickup != nil && l.Pickup.Capacity != nil {
		capacity = max(0, *l.Pickup.Capacity)
	}
	var list []SlotOption
	for _, w := range l.Windows(midnight, days) {
		for at := w.Opens; !at.Add(length).After(w.Closes) && at.Before(end); at = at.Add(length) {
			if !at.Before(midnight) {
				list = append(list, SlotOption{StartsAt: at.UTC(), EndsAt: at.Add(length).UTC(), Capacity: capacity})
			}
		}
	}
	if len(list) == 0 {
		return nil, nil
	}
	loads, err := s.deps.Slots.SlotLoads(ctx, l.Code, list[0].StartsAt, end)
	if err != nil {
		return nil, err
	}
	taken := make(map[int64]int, len(loads)) // instants of different zones are different keys
	for at, n := range loads {
		taken[at.Unix()] += n
	}
	for i := range list {
		o := &list[i]
		o.Left = max(0, capacity-taken[o.StartsAt.Unix()])
		o.Available = o.Left > 0
	}
	return list, nil
}

func zone(l *retail.Location) *time.Location {
	if l.Zone == nil {
		return time.UTC
	}
	return l.Zone
}
