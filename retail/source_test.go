package retail_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-retail/portico/retail"
)

func TestAgesAreNeverNegativeAndRoundUp(t *testing.T) {
	now := time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC)
	for ago, want := range map[time.Duration]int{
		0: 0, time.Nanosecond: 1, time.Second: 1, 1500 * time.Millisecond: 2, -time.Hour: 0,
	} {
		f := retail.FreshnessAt(now.Add(-ago), now, retail.SourceERP, retail.BasisLive)
		if f.AgeSeconds == nil || *f.AgeSeconds != want {
			t.Errorf("%v ago: got %v, want %d", ago, f.AgeSeconds, want)
		}
	}
	if f := retail.FreshnessAt(time.Unix(-1<<40, 0), now, retail.SourceERP, retail.BasisStale); *f.AgeSeconds < 9_000_000_000 {
		t.Errorf("before all ages: got %d", *f.AgeSeconds)
	}
	if f := retail.FreshnessAt(time.Time{}, now, retail.SourceERP, retail.BasisStale); f.AsOf != nil || f.AgeSeconds != nil {
		t.Errorf("never heard: got %+v", f)
	}
}

func TestTheSourceLogKeepsTheWorst(t *testing.T) {
	early, late := time.Unix(100, 0), time.Unix(200, 0)
	var log retail.SourceLog
	ctx := retail.WithSourceLog(context.Background(), &log)
	for _, r := range []retail.SourceReport{
		{Source: retail.SourceShop, Status: retail.StatusOK, AsOf: late, Calls: 1, Took: time.Second},
		{Source: retail.SourceERP, Status: retail.StatusDown, Code: retail.CodeTimeout, Calls: 1},
		{Source: retail.SourceShop, Status: retail.StatusStale, AsOf: early, Calls: 2, Took: time.Second},
		{Source: retail.SourceERP, Status: retail.StatusOK, AsOf: late},
		{Source: retail.SourceShop, Status: retail.StatusOK},
	} {
		retail.SourceLogOf(ctx).Record(r)
	}
	want := []retail.SourceReport{
		{Source: retail.SourceERP, Status: retail.StatusDown, AsOf: late, Calls: 1, Code: retail.CodeTimeout},
		{Source: retail.SourceShop, Status: retail.StatusStale, AsOf: early, Calls: 3, Took: 2 * time.Second},
	}
	if diff := cmp.Diff(want, log.Reports()); diff != "" {
		t.Error(diff)
	}
	retail.SourceLogOf(context.Background()).Record(want[0])
	if got := retail.SourceLogOf(context.Background()).Reports(); got != nil {
		t.Errorf("no log: got %v", got)
	}
}

// What a system says no to is the caller's, or is not there: a report that told the two apart would tell what others have.
func TestANoIsNoFailure(t *testing.T) {
	for _, code := range []retail.Code{retail.CodeNotFound, retail.CodeBadInput, retail.CodeConflict, retail.CodeForbidden} {
		l := &retail.SourceLog{}
		l.Record(retail.SourceReport{Source: retail.SourceShop, Status: retail.StatusOK, Calls: 1, Code: code})
		if got := l.Reports()[0]; got.Code != "" || got.Calls != 1 {
			t.Errorf("%s: %+v", code, got)
		}
	}
}

func TestErrorsHaveACode(t *testing.T) {
	cause := errors.New("dial tcp: refused")
	for name, c := range map[string]struct {
		err  error
		want retail.Code
	}{
		"its own":              {fmt.Errorf("erp: %w", retail.Unavailable(retail.SourceERP, cause)), retail.CodeUpstreamUnavailable},
		"time is up":           {fmt.Errorf("erp: %w", context.DeadlineExceeded), retail.CodeTimeout},
		"the caller gave up":   {context.Canceled, retail.CodeTimeout},
		"anything else":        {cause, retail.CodeInternal},
		"an unreadable answer": {retail.BadUpstream(retail.SourcePOS, cause), retail.CodeBadUpstream},
	} {
		if got := retail.CodeOf(c.err); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
	if err := retail.Unavailable(retail.SourceERP, cause); !errors.Is(err, cause) || !err.Retryable || err.Source != retail.SourceERP {
		t.Errorf("got %+v", err)
	}
}
