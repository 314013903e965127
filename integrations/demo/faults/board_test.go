package faults_test

import (
	"context"
	"errors"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-retail/portico/integrations/demo/faults"
)

func TestSetRefusesWhatCannotBe(t *testing.T) {
	for name, bad := range map[string]faults.State{
		"an error rate above one":           {ErrorRate: 1.1},
		"an error rate below zero":          {ErrorRate: -0.1},
		"an error rate of no number":        {ErrorRate: math.NaN()},
		"a duplicate share above one":       {Duplicate: 2},
		"a share of lost replies above one": {LoseReplies: 1.01},
		"a negative latency":                {LatencyMs: -1},
		"a latency beyond the limit":        {LatencyMs: faults.MaxLatencyMs + 1},
		"a negative delay":                  {DelayMs: -1},
		"a delay beyond the limit":          {DelayMs: faults.MaxDelayMs + 1},
		"a negative drip":                   {DripBytesPerSecond: -1},
	} {
		t.Run(name, func(t *testing.T) {
			board := faults.NewBoard(1)
			before := faults.State{Reorder: true}
			if err := board.Set(before); err != nil {
				t.Fatal(err)
			}
			if err := board.Set(bad); err == nil {
				t.Error("Set accepted it")
			}
			if got := board.Get(); got != before {
				t.Errorf("state = %+v, want it unchanged", got)
			}
		})
	}
}

func TestHookSeesThePresentStateAndEveryChangeInOrder(t *testing.T) {
	board := faults.NewBoard(1)
	var seen []int
	board.OnChange(func(s faults.State) { seen = append(seen, s.LatencyMs) })
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			if err := board.Update(func(s *faults.State) { s.LatencyMs++ }); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	want := make([]int, 51)
	for i := range want {
		want[i] = i
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("hook saw (-want +got):\n%s", diff)
	}
}

func TestShareDrawsItsShareAndReplaysFromItsSeed(t *testing.T) {
	draw := func(seed uint64) (out []bool, hits int) {
		board := faults.NewBoard(seed)
		for range 10_000 {
			hit := board.Share(0.3)
			out = append(out, hit)
			if hit {
				hits++
			}
		}
		return out, hits
	}
	first, hits := draw(7)
	again, _ := draw(7)
	other, _ := draw(8)
	if hits < 2_800 || hits > 3_200 {
		t.Errorf("Share(0.3) hit %d times in 10,000", hits)
	}
	if !cmp.Equal(first, again) {
		t.Error("one seed gave two runs")
	}
	if cmp.Equal(first, other) {
		t.Error("two seeds gave one run")
	}
	board := faults.NewBoard(1)
	if board.Share(0) || !board.Share(1) {
		t.Error("a share of none hit, or a share of all missed")
	}
}

func TestPauseWaitsUnlessTheContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		if err := faults.Pause(t.Context(), 3*time.Second); err != nil || time.Since(start) != 3*time.Second {
			t.Errorf("Pause = %v after %v, want nil after 3s", err, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start = time.Now()
		if err := faults.Pause(ctx, time.Hour); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("Pause = %v after %v, want the deadline after 1s", err, time.Since(start))
		}
	})
}
