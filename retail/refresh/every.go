package refresh

import (
	"context"
	"time"
)

// Every does something again and again until ctx ends, the first time after a pause. What takes longer than the pause is not
// done twice for it.
func Every(ctx context.Context, pause time.Duration, do func()) {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			do()
		}
	}
}
