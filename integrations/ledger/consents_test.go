package ledger_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/privacy"
)

func consent(subject string, p retail.Purpose, version string, at time.Time) retail.Consent {
	return retail.Consent{Subject: subject, Purpose: p, Version: version, GivenAt: at}
}

func TestConsentsHaveVersionsAndAnEnd(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, ctx := r.open(t), t.Context()
		give := func(version string, at time.Time) retail.Consent {
			return must(l.GiveConsent(ctx, consent("guest:g", retail.PurposeFulfilment, version, at), 100))(t)
		}
		_, err := l.WithdrawConsent(ctx, "guest:g", retail.PurposeFulfilment, noon)
		wantCode(t, err, retail.CodeNotFound, false)
		first := give("1", noon)
		if again := give("1", noon.Add(time.Hour)); again != first {
			t.Errorf("giving it again gives %v", again)
		}
		second := give("2", noon.Add(time.Minute))
		if second.WithdrawnAt != nil || second.Version != "2" {
			t.Errorf("got %v", second)
		}
		if live := must(l.LiveConsents(ctx, []string{"guest:g", "guest:h", ""}))(t); !cmp.Equal(live, map[string][]retail.Purpose{"guest:g": {retail.PurposeFulfilment}}) {
			t.Errorf("live %v", live)
		}
		ended := must(l.WithdrawConsent(ctx, "guest:g", retail.PurposeFulfilment, noon.Add(time.Hour)))(t)
		if ended.WithdrawnAt == nil || !ended.WithdrawnAt.Equal(noon.Add(time.Hour)) {
			t.Errorf("ended %v", ended)
		}
		if again := must(l.WithdrawConsent(ctx, "guest:g", retail.PurposeFulfilment, noon.Add(2*time.Hour)))(t); !again.WithdrawnAt.Equal(*ended.WithdrawnAt) {
			t.Errorf("taking it back again changes it: %v", again)
		}
		if live := must(l.LiveConsents(ctx, []string{"guest:g"}))(t); len(live) != 0 {
			t.Errorf("live %v", live)
		}
		list := must(l.Consents(ctx, "guest:g", 100))(t)
		if len(list) != 2 || list[0].Version != "2" || list[1].Version != "1" || !list[1].WithdrawnAt.Equal(noon.Add(time.Minute)) {
			t.Errorf("list %v", list)
		}
		if others := must(l.Consents(ctx, "guest:h", 100))(t); len(others) != 0 {
			t.Errorf("of somebody else %v", others)
		}
	})
}

func TestConsentsOfOneSubjectAreBounded(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, ctx := r.open(t), t.Context()
		for i := range 3 {
			must(l.GiveConsent(ctx, consent("guest:g", retail.PurposeMarketing, fmt.Sprint(i), noon), 3))(t)
		}
		_, err := l.GiveConsent(ctx, consent("guest:g", retail.PurposeMarketing, "one more", noon), 3)
		if no := wantRefusal(t, err, retail.WhyLimitReached); *no.Limit != 3 {
			t.Errorf("got %v", no)
		}
		must(l.GiveConsent(ctx, consent("guest:g", retail.PurposeMarketing, "2", noon), 3))(t) // it holds already
		must(l.WithdrawConsent(ctx, "guest:g", retail.PurposeMarketing, noon))(t)              // always
		many := make([]string, 1200)
		for i := range many {
			many[i] = fmt.Sprintf("guest:%d", i)
		}
		if live := must(l.LiveConsents(ctx, many))(t); len(live) != 0 {
			t.Errorf("live %v", live)
		}
	})
}

func TestOneOfManyConsentsAtOnceHolds(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, ctx := r.open(t), t.Context()
		for _, err := range parallel(16, func(i int) error {
			_, err := l.GiveConsent(ctx, consent("guest:g", retail.PurposeService, fmt.Sprint(i%4), noon), 100)
			return err
		}) {
			mustDo(t, err)
		}
		held := 0
		for _, c := range must(l.Consents(ctx, "guest:g", 100))(t) {
			if c.WithdrawnAt == nil {
				held++
			}
		}
		if held != 1 {
			t.Errorf("%d hold", held)
		}
	})
}

func TestTheServiceOfConsents(t *testing.T) {
	r := newRig(t, "sqlite")
	s, ctx := privacy.NewConsents(r.open(t), r.clock.now), t.Context()
	guest := retail.Actor{Role: "guest", Subject: "g"}
	member := retail.Actor{Role: "member", Subject: "a-1", MemberID: "m-1"}
	for name, c := range map[string]struct {
		actor   retail.Actor
		purpose retail.Purpose
		version string
		why     retail.Why
	}{
		"nobody":                        {retail.Actor{Role: "guest"}, retail.PurposeService, "1", retail.WhyNotAllowed},
		"staff":                         {retail.Actor{Role: "associate", Subject: "a"}, retail.PurposeService, "1", retail.WhyNotAllowed},
		"a member whom nobody knows":    {retail.Actor{Role: "member", Subject: "a-9"}, retail.PurposeService, "1", retail.WhyNotAllowed},
		"a purpose that there is not":   {guest, "EVERYTHING", "1", retail.WhyInvalid},
		"no version":                    {guest, retail.PurposeService, "  ", retail.WhyInvalid},
		"a version with a line break":   {guest, retail.PurposeService, "1\n2", retail.WhyInvalid},
		"a version of broken bytes":     {guest, retail.PurposeService, "\xff", retail.WhyInvalid},
		"a version that is a long text": {guest, retail.PurposeService, string(make([]rune, 51)), retail.WhyInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.Give(ctx, c.actor, c.purpose, c.version)
			wantRefusal(t, err, c.why)
		})
	}
	must(s.Give(ctx, guest, retail.PurposeFulfilment, "1"))(t)
	// What the guest consented to is not the member's whom the guest becomes.
	if live := must(s.Live(ctx, []string{member.Key()}))(t); len(live) != 0 {
		t.Errorf("the member's are %v", live)
	}
	_, err := s.Withdraw(ctx, member, retail.PurposeFulfilment)
	wantRefusal(t, err, retail.WhyNotFound)
	if _, err := s.List(ctx, retail.Actor{Role: "operator", Subject: "o"}); retail.CodeOf(err) != retail.CodeForbidden {
		t.Errorf("an operator lists consents: %v", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := s.Give(ctx, guest, retail.PurposeMarketing, "1"); err == nil {
		t.Error("a caller that left gave a consent")
	}
}
