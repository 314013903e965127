package upstream

import (
	"errors"
	"time"

	"github.com/failsafe-go/failsafe-go/bulkhead"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/portico-retail/portico/retail"
)

// Metrics counts what all guards and adapters do. Make one a process.
type Metrics struct {
	calls       *prometheus.CounterVec
	retries     *prometheus.CounterVec
	seconds     *prometheus.HistogramVec
	breaker     *prometheus.GaugeVec
	quarantined *prometheus.CounterVec
}

// NewMetrics registers the metrics; it panics when reg already has them.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "portico_upstream_calls_total",
			Help: "Calls to a backend by outcome: ok, refused_open, refused_full or the error's code.",
		}, []string{"source", "guard", "operation", "outcome"}),
		retries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "portico_upstream_retries_total",
			Help: "Attempts beyond a call's first.",
		}, []string{"source", "guard", "operation"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "portico_upstream_call_seconds",
			Help:    "Duration of calls with all their attempts; refused calls are left out.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"source", "guard", "operation"}),
		breaker: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "portico_upstream_breaker_state",
			Help: "0 closed, 1 half open (probing), 2 open (refusing).",
		}, []string{"source", "guard"}),
		quarantined: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "portico_quarantined_total",
			Help: "Unreadable items of a backend that were left out, by kind of item.",
		}, []string{"source", "kind"}),
	}
	reg.MustRegister(m.calls, m.retries, m.seconds, m.breaker, m.quarantined)
	return m
}

// Quarantine counts n unreadable items of a source.
func (m *Metrics) Quarantine(source retail.Source, kind string, n int) {
	if n > 0 {
		m.quarantined.WithLabelValues(string(source), kind).Add(float64(n))
	}
}

func (m *Metrics) stateChanged(source retail.Source, guard string, s circuitbreaker.State) {
	value := 0.0
	switch s {
	case circuitbreaker.HalfOpenState:
		value = 1
	case circuitbreaker.OpenState:
		value = 2
	}
	m.breaker.WithLabelValues(string(source), guard).Set(value)
}

func (m *Metrics) called(g *Guard, op string, attempts int, took time.Duration, err error) {
	m.calls.WithLabelValues(string(g.source), g.name, op, outcome(err)).Inc()
	if attempts == 0 {
		return
	}
	m.seconds.WithLabelValues(string(g.source), g.name, op).Observe(took.Seconds())
	m.retries.WithLabelValues(string(g.source), g.name, op).Add(float64(attempts - 1))
}

func outcome(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, circuitbreaker.ErrOpen):
		return "refused_open"
	case errors.Is(err, bulkhead.ErrFull):
		return "refused_full"
	}
	return string(retail.CodeOf(err))
}
