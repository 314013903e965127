package retail

import (
	"slices"
	"time"
)

// Window is a stretch of opening: from Opens up to Closes, exclusive.
type Window struct {
	Day    Date // the local day on which it opens
	Opens  time.Time
	Closes time.Time
}

// Windows returns the stretches of opening that close after from, in order and without overlap, over days calendar days
// of the location's zone: the day of from and those that follow. A stretch that began the evening before and is still
// running is the first. Windows of a place that is open round the clock touch at midnight.
func (l *Location) Windows(from time.Time, days int) []Window {
	local := from.In(l.zone())
	out := make([]Window, 0, days+1)
	for offset := -1; offset < days; offset++ {
		out = l.appendWindows(out, dayAfter(local, offset))
	}
	slices.SortStableFunc(out, func(a, b Window) int { return a.Opens.Compare(b.Opens) })
	return upcoming(out, from)
}

// upcoming drops what is over by from and cuts overlaps, in place.
func upcoming(windows []Window, from time.Time) []Window {
	kept := windows[:0]
	for _, w := range windows {
		if n := len(kept); n > 0 && w.Opens.Before(kept[n-1].Closes) {
			w.Opens = kept[n-1].Closes
		}
		if w.Closes.After(from) && w.Opens.Before(w.Closes) {
			kept = append(kept, w)
		}
	}
	return kept
}

// OpenAt reports whether the place is open at the instant at.
func (l *Location) OpenAt(at time.Time) bool {
	local := at.In(l.zone())
	var buf [4]Window
	windows := l.appendWindows(buf[:0], dayAfter(local, -1))
	for _, w := range l.appendWindows(windows, dayAfter(local, 0)) {
		if !at.Before(w.Opens) && at.Before(w.Closes) {
			return true
		}
	}
	return false
}

// appendWindows adds the windows that open on the day that begins at midnight. A holiday replaces the weekday's hours.
func (l *Location) appendWindows(to []Window, midnight time.Time) []Window {
	day := DateOf(midnight)
	for _, h := range l.Holidays {
		if h.Date != day {
			continue
		}
		if h.Opens == nil || h.Closes == nil {
			return to
		}
		return appendWindow(to, midnight, day, *h.Opens, *h.Closes)
	}
	weekday := int(midnight.Weekday()+6)%7 + 1
	for _, h := range l.Hours {
		if h.Weekday == weekday {
			to = appendWindow(to, midnight, day, h.Opens, h.Closes)
		}
	}
	return to
}

// appendWindow adds one window; one that closes before it opens runs past midnight. Unreadable and empty hours are
// closed, because a promise made in error costs more than one not made.
func appendWindow(to []Window, midnight time.Time, day Date, opens, closes LocalTime) []Window {
	from, ok := opens.Minutes()
	till, ok2 := closes.Minutes()
	if !ok || !ok2 || from == till {
		return to
	}
	if till < from {
		till += minutesADay
	}
	return append(to, Window{Day: day, Opens: atMinute(midnight, from), Closes: atMinute(midnight, till)})
}

const minutesADay = 24 * 60

// Minutes is the number of minutes since midnight, 0 to 1440; ok is false for anything but "HH:MM" up to "24:00".
func (t LocalTime) Minutes() (minutes int, ok bool) {
	if len(t) != 5 || t[2] != ':' || !allDigits(string(t[:2])) || !allDigits(string(t[3:])) {
		return 0, false
	}
	h, m := int(t[0]-'0')*10+int(t[1]-'0'), int(t[3]-'0')*10+int(t[4]-'0')
	minutes = h*60 + m
	return minutes, m < 60 && minutes <= minutesADay
}

// On is the instant of the wall-clock time t on the day in the zone; ok is false when t or day is unreadable.
func (t LocalTime) On(day Date, zone *time.Location) (at time.Time, ok bool) {
	minutes, ok := t.Minutes()
	midnight, err := time.ParseInLocation(time.DateOnly, string(day), zone)
	if !ok || err != nil {
		return time.Time{}, false
	}
	return atMinute(midnight, minutes), true
}

// DateOf is the calendar day of t in t's own zone.
func DateOf(t time.Time) Date { return Date(t.Format(time.DateOnly)) }

// dayAfter is the start of the calendar day so many days after the day of local.
func dayAfter(local time.Time, days int) time.Time {
	y, m, d := local.Date()
	return time.Date(y, m, d+days, 0, 0, 0, 0, local.Location())
}

// atMinute reads a wall clock, so that 09:00 stays 09:00 on days of 23 or 25 hours. A time that the clocks skip or repeat
// is read as time.Date reads it.
func atMinute(midnight time.Time, minutes int) time.Time {
	y, m, d := midnight.Date()
	return time.Date(y, m, d, 0, minutes, 0, 0, midnight.Location())
}

// zone is UTC for a location that has none, so that arithmetic never panics.
func (l *Location) zone() *time.Location {
	if l.Zone == nil {
		return time.UTC
	}
	return l.Zone
}
