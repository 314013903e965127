package retail

import (
	"fmt"
	"time"
)

// Limit is so many tries in so much time. A window begins with the first try after the last one ended.
type Limit struct {
	Most int
	Per  time.Duration
}

// Valid reports whether the limit lets anything through and ends.
func (l Limit) Valid() bool { return l.Most > 0 && l.Per > 0 }

// Refuse is the answer to a try beyond the limit: WhyLimitReached, with the limit and when to try again.
func (l Limit) Refuse(field string, wait time.Duration) *Refusal {
	r := Refuse(WhyLimitReached, field, "Too many tries: try again in "+spoken(wait)+".")
	r.Limit = &l.Most
	return r
}

// spoken says a time in whole seconds, minutes or hours, rounded up so that whoever waits so long has waited long enough.
func spoken(d time.Duration) string {
	unit, name := time.Second, "second"
	switch {
	case d > 2*time.Hour:
		unit, name = time.Hour, "hour"
	case d > 2*time.Minute:
		unit, name = time.Minute, "minute"
	}
	n := max(1, (d+unit-1)/unit)
	if n > 1 {
		name += "s"
	}
	return fmt.Sprintf("%d %s", n, name)
}
