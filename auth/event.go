package auth

import (
	"context"
	"sync/atomic"
)

// EventSubject is the person whom the events of a subscription are about. The executor does not show a field below an event
// the event itself; this stands in its place. It implements retail.DataSubject.
type EventSubject struct{ told atomic.Pointer[string] }

// Subject is the person; empty while nobody was told.
func (e *EventSubject) Subject() string {
	if s := e.told.Load(); s != nil {
		return *s
	}
	return ""
}

type eventSubjectKey struct{}

// WithEventSubject returns ctx in which TellEventSubject tells whom events are about.
func WithEventSubject(ctx context.Context) (context.Context, *EventSubject) {
	e := new(EventSubject)
	return context.WithValue(ctx, eventSubjectKey{}, e), e
}

// TellEventSubject tells whom the events of the subscription are about, before the first of them is sent.
func TellEventSubject(ctx context.Context, subject string) {
	if e, ok := ctx.Value(eventSubjectKey{}).(*EventSubject); ok {
		e.told.Store(&subject)
	}
}
