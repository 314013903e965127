package retail

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Source is a system of record behind the gateway.
type Source string

// Sources.
const (
	SourceERP  Source = "ERP"
	SourcePOS  Source = "POS"
	SourceShop Source = "SHOP"
)

// Basis is how an answer came about.
type Basis string

// Bases, best first.
const (
	BasisLive      Basis = "LIVE"
	BasisProjected Basis = "PROJECTED"
	BasisStale     Basis = "STALE"
)

// Freshness is the date on a number: everything the sources booked up to AsOf is in it.
type Freshness struct {
	AsOf       *time.Time // nil when nothing was ever heard
	AgeSeconds *int       // whole seconds, rounded up; nil with AsOf
	Source     Source     // the source furthest behind
	Basis      Basis
}

// FreshnessAt dates a number: asOf may be the zero time (never heard). Age is never negative and rounds up, so that a
// reported age is never below the true one.
func FreshnessAt(asOf, now time.Time, source Source, basis Basis) Freshness {
	f := Freshness{Source: source, Basis: basis}
	if asOf.IsZero() {
		return f
	}
	age := now.Sub(asOf) // at most 292 years
	seconds := int(age / time.Second)
	if age > 0 && age%time.Second > 0 {
		seconds++
	}
	seconds = max(0, seconds)
	f.AsOf, f.AgeSeconds = &asOf, &seconds
	return f
}

// Status is how a source did for one response.
type Status string

// Statuses, best first.
const (
	StatusOK    Status = "OK"    // answered, or its projection is within the agreed age
	StatusStale Status = "STALE" // its projection is older than agreed
	StatusDown  Status = "DOWN"  // could not be reached or answered something unreadable
)

func (s Status) rank() int { return slices.Index([]Status{StatusOK, StatusStale, StatusDown}, s) }

// SourceReport is one source's line in `extensions.sources`.
type SourceReport struct {
	Source Source
	Status Status
	AsOf   time.Time     // oldest date used; zero when none
	Calls  int           // live calls made for this response
	Took   time.Duration // time spent in live calls
	Code   Code          // of the last failure, empty when none
}

// SourceLog collects what each source did for one response. It is safe for concurrent use; a nil log records nothing.
type SourceLog struct {
	mu      sync.Mutex
	reports map[Source]SourceReport
}

// Record folds one observation into the log: the worst status, the oldest date, the sum of calls and time.
func (l *SourceLog) Record(r SourceReport) {
	if l == nil {
		return
	}
	switch r.Code {
	case CodeNotFound, CodeBadInput, CodeConflict, CodeForbidden: // a no is an answer, and would tell what exists from what does not
		r.Code = ""
	default:
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	old, seen := l.reports[r.Source]
	if seen {
		if old.Status.rank() > r.Status.rank() {
			r.Status = old.Status
		}
		if r.AsOf.IsZero() || (!old.AsOf.IsZero() && old.AsOf.Before(r.AsOf)) {
			r.AsOf = old.AsOf
		}
		if r.Code == "" {
			r.Code = old.Code
		}
		r.Calls += old.Calls
		r.Took += old.Took
	}
	if l.reports == nil {
		l.reports = make(map[Source]SourceReport, 3)
	}
	l.reports[r.Source] = r
}

// Reports returns the collected lines, ordered by source.
func (l *SourceLog) Reports() []SourceReport {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]SourceReport, 0, len(l.reports))
	for _, s := range []Source{SourceERP, SourcePOS, SourceShop} {
		if r, ok := l.reports[s]; ok {
			out = append(out, r)
		}
	}
	return out
}

type sourceLogKey struct{}

// WithSourceLog returns ctx carrying l, the source log of one response.
func WithSourceLog(ctx context.Context, l *SourceLog) context.Context {
	return context.WithValue(ctx, sourceLogKey{}, l)
}

// SourceLogOf returns the source log carried by ctx; nil, which records nothing, when there is none.
func SourceLogOf(ctx context.Context) *SourceLog {
	l, _ := ctx.Value(sourceLogKey{}).(*SourceLog)
	return l
}
