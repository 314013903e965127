package demo

import (
	"fmt"
	"math"
	"time"
)

// Latencies counts durations in classes that are 5 % wide, from a millisecond to a week. The zero value is empty.
type Latencies struct {
	classes []int
	count   int
	most    time.Duration
}

const (
	latencyGrowth  = 1.05
	latencyClasses = 420 // beyond the last one is the last one
)

// Add counts a duration; one below zero counts as zero.
func (l *Latencies) Add(d time.Duration) {
	if l.classes == nil {
		l.classes = make([]int, latencyClasses)
	}
	d = max(d, 0)
	class := 0
	if ms := float64(d) / float64(time.Millisecond); ms > 1 {
		class = min(latencyClasses-1, int(math.Ceil(math.Log(ms)/math.Log(latencyGrowth))))
	}
	l.classes[class]++
	l.count++
	l.most = max(l.most, d)
}

// Count is how many there are.
func (l *Latencies) Count() int { return l.count }

// Max is the longest.
func (l *Latencies) Max() time.Duration { return l.most }

// Quantile is the duration that a share q of them does not exceed, up to 5 % too long; 0 when there is none.
func (l *Latencies) Quantile(q float64) time.Duration {
	rank := max(1, int(math.Ceil(q*float64(l.count))))
	for class, n := range l.classes {
		if rank -= n; rank <= 0 {
			return min(l.most, time.Duration(math.Pow(latencyGrowth, float64(class))*float64(time.Millisecond)))
		}
	}
	return 0
}

func (l *Latencies) clone() Latencies {
	return Latencies{append([]int(nil), l.classes...), l.count, l.most}
}

// String shows count, median and tail.
func (l *Latencies) String() string {
	if l.count == 0 {
		return "none"
	}
	round := func(d time.Duration) time.Duration { return d.Round(time.Millisecond) }
	return fmt.Sprintf("%d: p50 %v, p99 %v, max %v", l.count, round(l.Quantile(0.5)), round(l.Quantile(0.99)), round(l.most))
}
