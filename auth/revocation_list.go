package auth

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/refresh"
)

// RevocationList is what was taken back, as far as this gateway has heard. When the store is silent, what was heard stays. It
// is safe for concurrent use; a nil list is empty.
type RevocationList struct {
	store Revocations
	log   *slog.Logger
	now   func() time.Time

	mu       sync.RWMutex
	tokens   map[revokedName]time.Time        // and the sessions that they are of: until when they would be accepted
	subjects map[revokedPerson]revokedSubject // the latest of each
	after    int64                            // the id up to which the store was read
	heard    time.Time                        // when the store last answered
	swept    time.Time
	silent   bool
}

type revokedName struct{ issuer, name string }

// revokedPerson is a subject in one role, or in all when that is empty.
type revokedPerson struct {
	revokedName

	role Role
}

type revokedSubject struct{ until, expires time.Time }

// NewRevocationList returns an empty list that follows store. log and reg may be nil.
func NewRevocationList(store Revocations, log *slog.Logger, reg prometheus.Registerer, now func() time.Time) (*RevocationList, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	l := &RevocationList{
		store: store, log: log, now: now, heard: now(), swept: now(),
		tokens: map[revokedName]time.Time{}, subjects: map[revokedPerson]revokedSubject{},
	}
	if reg == nil {
		return l, nil
	}
	return l, reg.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "portico_auth_revocations_age_seconds", Help: "Time since the list of revocations was last read.",
	}, func() float64 {
		l.mu.RLock()
		defer l.mu.RUnlock()
		return l.now().Sub(l.heard).Seconds()
	}))
}

// Has reports whether the principal's token was taken back.
func (l *RevocationList) Has(p *Principal) bool {
	if l == nil {
		return false
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	for _, id := range [...]string{p.TokenID, p.Session} {
		if _, gone := l.tokens[revokedName{p.Issuer, id}]; gone {
			return true
		}
	}
	// The operator may have the subject from the provider, or from what the gateway wrote.
	for _, subject := range [...]string{p.Subject, strings.TrimPrefix(p.Subject, p.Prefix)} {
		for _, role := range [...]Role{"", p.Role} {
			s, gone := l.subjects[revokedPerson{revokedName{p.Issuer, subject}, role}]
			// A guest renews its session itself, also where nobody has heard yet that it was taken back.
			if gone && (!p.Issued.After(s.until) || p.Role == RoleGuest && p.Session != "") {
				return true
			}
		}
	}
	return false
}

func (l *RevocationList) add(list ...retail.Revocation) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range list {
		if r.TokenID != "" {
			session, _, _ := strings.Cut(r.TokenID, sessionEnd)
			for _, id := range [...]string{r.TokenID, session} {
				if name := (revokedName{r.Issuer, id}); id != "" && l.tokens[name].Before(r.ExpiresAt) {
					l.tokens[name] = r.ExpiresAt
				}
			}
			continue
		}
		name := revokedPerson{revokedName{r.Issuer, r.Subject}, Role(r.Role)}
		if known, ok := l.subjects[name]; !ok || known.until.Before(r.Until) {
			l.subjects[name] = revokedSubject{r.Until, r.ExpiresAt}
		}
	}
}

// revocationPage is how many revocations are read at once.
const revocationPage = 1000

// Refresh reads what is new.
func (l *RevocationList) Refresh(ctx context.Context) error {
	for {
		l.mu.RLock()
		after := l.after
		l.mu.RUnlock()
		list, err := l.store.RevocationsSince(ctx, after, revocationPage)
		if err != nil {
			l.note(ctx, err)
			return fmt.Errorf("auth: revocations: %w", err)
		}
		l.add(list...)
		l.mu.Lock()
		for _, r := range list {
			l.after = max(l.after, r.ID)
		}
		stuck := l.after == after
		l.mu.Unlock()
		if len(list) < revocationPage || stuck {
			l.note(ctx, nil)
			return nil
		}
	}
}

// note says once that the store fell silent, and once that it is back.
func (l *RevocationList) note(ctx context.Context, err error) {
	l.mu.Lock()
	was := l.silent
	l.silent = err != nil
	if err == nil {
		l.heard = l.now()
	}
	l.mu.Unlock()
	switch {
	case err != nil && ctx.Err() == nil && !was:
		l.log.LogAttrs(ctx, slog.LevelWarn, "revocations cannot be read: the known ones stay in force", slog.Any("err", err))
	case err == nil && was:
		l.log.LogAttrs(ctx, slog.LevelInfo, "revocations are read again")
	}
	l.sweep()
}

// sweep forgets, once an hour, what takes nothing back any more.
func (l *RevocationList) sweep() {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if now.Sub(l.swept) < time.Hour {
		return
	}
	l.swept = now
	for name, expires := range l.tokens {
		if expires.Before(now) {
			delete(l.tokens, name)
		}
	}
	for name, s := range l.subjects {
		if s.expires.Before(now) {
			delete(l.subjects, name)
		}
	}
}

// Run refreshes the list every so often until ctx ends.
func (l *RevocationList) Run(ctx context.Context, every time.Duration) {
	refresh.Every(ctx, every, func() {
		limited, cancel := context.WithTimeout(ctx, every)
		defer cancel()
		_ = l.Refresh(limited) // it was logged
	})
}
