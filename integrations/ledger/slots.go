package ledger

import (
	"context"
	"time"

	"github.com/portico-retail/portico/retail"
)

type booking struct {
	Location string `db:"location"`
	StartsAt int64  `db:"starts_at"`
}

// BookSlot takes one of the capacity of a slot, or refuses with WhySlotUnavailable. A reference has one booking: booking the
// same slot again takes nothing, another slot gives the first one back.
func (t *tx) BookSlot(reference, locationCode string, startsAt time.Time, capacity int) error {
	if err := checkKeys("reference", reference, "location", locationCode); err != nil {
		return err
	}
	var had booking
	found, err := t.one(&had, `SELECT location, starts_at FROM slot_bookings WHERE reference = ?`+t.forUpdate(), reference)
	if err != nil || (found && had == booking{locationCode, micros(startsAt)}) {
		return err
	}
	if _, err := t.exec(`INSERT INTO slots (location, starts_at, taken) VALUES (?, ?, 0) ON CONFLICT DO NOTHING`,
		locationCode, micros(startsAt)); err != nil {
		return err
	}
	rows, err := t.exec(`UPDATE slots SET taken = taken + 1 WHERE location = ? AND starts_at = ? AND taken < ?`,
		locationCode, micros(startsAt), capacity)
	switch {
	case err != nil:
		return err
	case rows == 0:
		return refuseAt(retail.WhySlotUnavailable, "", locationCode, "the time is fully booked")
	}
	if found {
		if err := t.freeSlot(had); err != nil {
			return err
		}
	}
	_, err = t.exec(`INSERT INTO slot_bookings (reference, location, starts_at) VALUES (?, ?, ?)
		ON CONFLICT (reference) DO UPDATE SET location = excluded.location, starts_at = excluded.starts_at`,
		reference, locationCode, micros(startsAt))
	return err
}

// FreeSlot gives back what BookSlot took under the reference.
func (t *tx) FreeSlot(reference string) error {
	if !storable(reference) {
		return nil
	}
	var had booking
	found, err := t.one(&had, `DELETE FROM slot_bookings WHERE reference = ? RETURNING location, starts_at`, reference)
	if err != nil || !found {
		return err
	}
	return t.freeSlot(had)
}

func (t *tx) freeSlot(b booking) error {
	_, err := t.exec(`UPDATE slots SET taken = taken - 1 WHERE location = ? AND starts_at = ? AND taken > 0`, b.Location, b.StartsAt)
	return err
}

// SlotLoads counts bookings of a place by the start of their slot, in UTC, from (inclusive) until (exclusive); slots without a
// booking are missing. 1,000 slots at most.
func (l *Ledger) SlotLoads(ctx context.Context, locationCode string, from, until time.Time) (map[time.Time]int, error) {
	loads := map[time.Time]int{}
	if !storable(locationCode) {
		return loads, nil
	}
	var rows []struct {
		StartsAt int64 `db:"starts_at"`
		Taken    int   `db:"taken"`
	}
	err := l.all(ctx, &rows, `SELECT starts_at, taken FROM slots WHERE location = ? AND starts_at >= ? AND starts_at < ? AND taken > 0
		ORDER BY starts_at LIMIT ?`, locationCode, micros(from), micros(until), maxList)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		loads[fromMicros(row.StartsAt)] = row.Taken
	}
	return loads, nil
}
