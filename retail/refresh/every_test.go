package refresh_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/portico-retail/portico/retail/refresh"
)

func TestEveryBeginsAfterAPauseAndEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		begun, times := time.Now(), []time.Duration{}
		refresh.Every(ctx, time.Minute, func() {
			times = append(times, time.Since(begun))
			if len(times) == 3 {
				stop()
			}
		})
		if len(times) != 3 || times[0] != time.Minute || times[2] != 3*time.Minute {
			t.Errorf("done after %v", times)
		}
	})
}
