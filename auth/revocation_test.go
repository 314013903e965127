package auth_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/retail"
)

// shelf keeps revocations for several gateways in one process.
type shelf struct {
	mu    sync.Mutex
	rows  []retail.Revocation
	down  bool
	pages int
}

func (s *shelf) RevocationsSince(_ context.Context, after int64, limit int) ([]retail.Revocation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pages++
	if s.down {
		return nil, errors.New("the ledger is away")
	}
	rows := s.rows[min(int(after), len(s.rows)):]
	return rows[:min(limit, len(rows))], nil
}

func (s *shelf) AddRevocation(_ context.Context, r retail.Revocation) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return 0, errors.New("the ledger is away")
	}
	r.ID = int64(len(s.rows) + 1)
	s.rows = append(s.rows, r)
	return r.ID, nil
}

func (s *shelf) set(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

// door is one gateway's verifier and its list.
type door struct {
	verifier *auth.Verifier
	revoked  *auth.RevocationList
	revoker  *auth.Revoker
	log      *strings.Builder
}

func newDoor(t *testing.T, s *shelf, key *auth.Key) *door {
	t.Helper()
	d := &door{log: &strings.Builder{}}
	log := slog.New(slog.NewTextHandler(d.log, nil))
	var err error
	if d.revoked, err = auth.NewRevocationList(s, log, nil, time.Now); err != nil {
		t.Fatal(err)
	}
	own, err := auth.OwnIssuer(auth.DefaultTokenConfig(), auth.Roles(), key)
	if err != nil {
		t.Fatal(err)
	}
	d.verifier, err = auth.NewTrustVerifier(auth.VerifierOptions{Revoked: d.revoked}, own)
	if err != nil {
		t.Fatal(err)
	}
	d.revoker = auth.NewRevoker(auth.RevokerDeps{
		Store: s, List: d.revoked, Issuer: "portico", Knows: d.verifier.Knows, Log: log, Now: time.Now,
	})
	return d
}

func issue(t *testing.T, key *auth.Key, subject string) (token string) {
	t.Helper()
	i, err := auth.NewIssuer(key, auth.DefaultTokenConfig(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	token, err = i.Issue(auth.Principal{Role: auth.RoleMember, Subject: subject}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func (d *door) lets(t *testing.T, token string) bool {
	t.Helper()
	_, err := d.verifier.Verify(t.Context(), token)
	return err == nil
}

func TestEveryGatewayRefusesWhatWasTakenBack(t *testing.T) {
	ec, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	key := mustKey(t, ec)
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{}
		here, there := newDoor(t, s, key), newDoor(t, s, key)
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		defer running.Wait()
		defer stop()
		running.Go(func() { there.revoked.Run(ctx, auth.RevocationPoll) })
		one, two, else1 := issue(t, key, "m-1"), issue(t, key, "m-1"), issue(t, key, "m-2")
		for _, token := range []string{one, two, else1} {
			if !here.lets(t, token) || !there.lets(t, token) {
				t.Fatal("a sound token is refused")
			}
		}
		p, _ := here.verifier.Verify(t.Context(), one)
		by, err := here.revoker.Revoke(t.Context(), auth.RevokeRequest{TokenID: &p.TokenID})
		if err != nil || time.Until(by) != auth.RevocationDelay {
			t.Fatalf("got %v, %v", by, err)
		}
		if here.lets(t, one) {
			t.Error("where it was taken back it is still accepted, though remembered")
		}
		time.Sleep(time.Until(by)) //nolint:forbidigo // on the clock of the bubble
		if there.lets(t, one) {
			t.Error("another gateway accepts it after the stated delay")
		}
		if !here.lets(t, two) || !there.lets(t, two) {
			t.Error("another token of the same subject is refused")
		}

		subject := "m-1"
		if by, err = here.revoker.Revoke(t.Context(), auth.RevokeRequest{Subject: &subject}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Until(by)) //nolint:forbidigo // on the clock of the bubble
		later := issue(t, key, "m-1")
		for name, d := range map[string]*door{"here": here, "there": there} {
			if d.lets(t, two) {
				t.Errorf("%s: a token from before is accepted", name)
			}
			if !d.lets(t, later) || !d.lets(t, else1) {
				t.Errorf("%s: a token from after, or of somebody else, is refused", name)
			}
		}
	})
}

func TestASilentLedgerForgivesNothing(t *testing.T) {
	ec, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	key := mustKey(t, ec)
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{}
		d := newDoor(t, s, key)
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		defer running.Wait()
		defer stop()
		token, subject := issue(t, key, "m-1"), "m-1"
		if _, err := newDoor(t, s, key).revoker.Revoke(ctx, auth.RevokeRequest{Subject: &subject}); err != nil {
			t.Fatal(err)
		}
		if err := d.revoked.Refresh(ctx); err != nil {
			t.Fatal(err)
		}
		running.Go(func() { d.revoked.Run(ctx, auth.RevocationPoll) })
		s.set(true)
		if _, err := d.revoker.Revoke(ctx, auth.RevokeRequest{Subject: &subject}); err == nil {
			t.Error("a revocation that nobody stored is confirmed")
		}
		time.Sleep(time.Hour) //nolint:forbidigo // on the clock of the bubble
		if d.lets(t, token) {
			t.Error("an outage brought the token back")
		}
		s.set(false)
		time.Sleep(time.Minute) //nolint:forbidigo // on the clock of the bubble
		stop()
		synctest.Wait()
		log := d.log.String()
		if strings.Count(log, "cannot be read") != 1 || strings.Count(log, "read again") != 1 {
			t.Errorf("the outage is told as %s", log)
		}
		if strings.Contains(log, "m-1") {
			t.Error("the log names the subject")
		}
	})
}

func TestManyRevocationsAreReadInPages(t *testing.T) {
	s := &shelf{}
	for range 2500 {
		if _, err := s.AddRevocation(t.Context(), retail.Revocation{Issuer: "portico", TokenID: rand.Text(), ExpiresAt: now.Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
	}
	last := s.rows[2499]
	l, err := auth.NewRevocationList(s, nil, nil, clock)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !l.Has(&auth.Principal{Issuer: "portico", TokenID: last.TokenID}) || s.pages != 3 {
		t.Errorf("after %d pages the last is not known", s.pages)
	}
	if l.Has(&auth.Principal{Issuer: "other", TokenID: last.TokenID}) || l.Has(&auth.Principal{Issuer: "portico", Subject: last.TokenID}) {
		t.Error("it takes back tokens of another issuer, or of a subject of that name")
	}
}

func TestRevocationsMustMakeSense(t *testing.T) {
	one, empty, long := "x", "", strings.Repeat("x", 300)
	foreign := "https://other.example"
	for name, c := range map[string]struct {
		q     auth.RevokeRequest
		field string
	}{
		"neither":                  {auth.RevokeRequest{}, "input"},
		"both":                     {auth.RevokeRequest{TokenID: &one, Subject: &one}, "input"},
		"an empty token id":        {auth.RevokeRequest{TokenID: &empty}, "input.tokenId"},
		"an endless subject":       {auth.RevokeRequest{Subject: &long}, "input.subject"},
		"an issuer nobody accepts": {auth.RevokeRequest{TokenID: &one, Issuer: &foreign}, "input.issuer"},
		"an empty issuer":          {auth.RevokeRequest{TokenID: &one, Issuer: &empty}, "input.issuer"},
	} {
		s := &shelf{}
		r := auth.NewRevoker(auth.RevokerDeps{Store: s, Issuer: "portico", Knows: func(i string) bool { return i == "portico" }, Now: clock})
		_, err := r.Revoke(t.Context(), c.q)
		list, refused := retail.RefusalsOf(err)
		if !refused || list[0].Why != retail.WhyInvalid || strings.Join(list[0].Field, ".") != c.field || len(s.rows) > 0 {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestTakingBackOneTokenEndsItsGuestSession(t *testing.T) {
	ec, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	key := mustKey(t, ec)
	for name, by := range map[string]func(first, second auth.Principal) auth.RevokeRequest{
		"the first token":   func(first, _ auth.Principal) auth.RevokeRequest { return auth.RevokeRequest{TokenID: &first.TokenID} },
		"the renewed token": func(_, second auth.Principal) auth.RevokeRequest { return auth.RevokeRequest{TokenID: &second.TokenID} },
		"the subject":       func(first, _ auth.Principal) auth.RevokeRequest { return auth.RevokeRequest{Subject: &first.Subject} },
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &shelf{}
			here, there := newDoor(t, s, key), newDoor(t, s, key)
			issuer, err := auth.NewIssuer(key, auth.DefaultTokenConfig(), time.Now)
			if err != nil {
				t.Fatal(err)
			}
			open := func(d *door, caller auth.Principal) (string, auth.Principal) {
				g, err := auth.NewSessions(issuer, d.verifier, time.Hour, nil, time.Now).Open(t.Context(), caller)
				if err != nil {
					t.Fatal(err)
				}
				p, err := d.verifier.Verify(t.Context(), g.Token)
				if err != nil {
					t.Fatal(err)
				}
				return g.Token, p
			}
			one, first := open(here, auth.Guest)
			two, second := open(here, first)
			other, _ := open(here, auth.Guest)
			if _, err := here.revoker.Revoke(t.Context(), by(first, second)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)         //nolint:forbidigo // on the clock of the bubble
			three, _ := open(there, second) // has not heard yet
			for _, d := range []*door{here, there} {
				if err := d.revoked.Refresh(t.Context()); err != nil {
					t.Fatal(err)
				}
				for i, token := range []string{one, two, three} {
					if d.lets(t, token) {
						t.Errorf("after %s was taken back, token %d of the session is accepted", name, i+1)
					}
				}
				if !d.lets(t, other) {
					t.Errorf("after %s was taken back, another guest is refused", name)
				}
			}
		})
	}
}

func TestARevocationOutlivesEveryTokenItTakesBack(t *testing.T) {
	s := &shelf{}
	id := "t-1"
	if _, err := auth.NewRevoker(auth.RevokerDeps{Store: s, Issuer: "portico", Now: clock}).Revoke(t.Context(), auth.RevokeRequest{TokenID: &id}); err != nil {
		t.Fatal(err)
	}
	const longest, leeway = 30 * 24 * time.Hour, 5 * time.Minute // of auth.TokenConfig
	if last := now.Add(longest + 2*leeway + auth.RevocationDelay); !s.rows[0].ExpiresAt.After(last) {
		t.Errorf("it is kept until %v, a token may be accepted until %v", s.rows[0].ExpiresAt, last)
	}
}

func TestASessionOfAnotherIssuerIsNotRenewedHere(t *testing.T) {
	ec, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	key := mustKey(t, ec)
	sessions := auth.NewSessions(mustIssuer(t, key), mustVerifier(t, key), time.Hour, nil, clock)
	_, err := sessions.Open(t.Context(), auth.Principal{Role: auth.RoleGuest, Subject: "g-1", Issuer: "https://id.example"})
	if !retail.Refused(err, retail.WhyNotAllowed) {
		t.Errorf("got %v", err)
	}
}
