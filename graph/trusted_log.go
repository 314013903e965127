package graph

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/portico-retail/portico/auth"
)

// freeTexts notices documents of no manifest that were asked by callers who are to ask trusted documents soon.
type freeTexts struct {
	log   *slog.Logger
	now   func() time.Time
	count *prometheus.CounterVec

	mu   sync.Mutex
	told map[string]time.Time // when, by hash
}

const (
	tellAgain = time.Minute // between two lines about one text
	mostTold  = 1000        // texts remembered; the lines about more than that a minute are left out
)

func newFreeTexts(log *slog.Logger, reg prometheus.Registerer, now func() time.Time) (*freeTexts, error) {
	f := &freeTexts{
		log: log, now: now, told: map[string]time.Time{},
		count: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "portico_graph_documents_untrusted_total", Help: "Documents of no manifest that were asked where they are logged.",
		}, []string{"class"}),
	}
	return f, register(reg, f.count)
}

// notice counts a text and says, once a minute, who asks which operation.
func (f *freeTexts) notice(ctx context.Context, text, operation string) {
	class := auth.PrincipalOf(ctx).Class()
	f.count.WithLabelValues(string(class)).Inc()
	hash := hashOf(text)
	if !f.tell(hash) {
		return
	}
	f.log.LogAttrs(ctx, slog.LevelWarn, "document not trusted", slog.String("request", RequestID(ctx)),
		slog.String("class", string(class)), slog.String("operation", clip(operation)), slog.String("sha256", hash))
}

// tell reports whether a line about the text is due.
func (f *freeTexts) tell(hash string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	over := func(_ string, at time.Time) bool { return now.Sub(at) >= tellAgain }
	if at, known := f.told[hash]; known && !over(hash, at) {
		return false
	}
	if len(f.told) >= mostTold {
		maps.DeleteFunc(f.told, over)
	}
	if len(f.told) >= mostTold {
		return false
	}
	f.told[hash] = now
	return true
}
