package erp

// maxHoursADay bounds the stretches of opening of a weekday, so that a place has the 28 at most that the schema states.
const maxHoursADay = 4

// cutHours leaves out what a weekday has beyond the bound and counts it. A place that looks closed for an hour promises
// less, never too much.
func (cal calendar) cutHours() (cut int) {
	for code, hours := range cal.hours {
		kept, onDay := hours[:0], [8]int{}
		for _, h := range hours {
			if onDay[h.Weekday]++; onDay[h.Weekday] <= maxHoursADay {
				kept = append(kept, h)
			}
		}
		cut += len(hours) - len(kept)
		cal.hours[code] = kept
	}
	return cut
}
