package graph

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Outcomes of a request.
const (
	outcomeOK        = "ok"
	outcomePartial   = "partial"   // data and errors
	outcomeFailed    = "failed"    // errors and no data
	outcomeRefused   = "refused"   // not executed
	outcomeCancelled = "cancelled" // the client went away
)

// metrics are the handler's own.
type metrics struct {
	requests  *prometheus.CounterVec
	seconds   *prometheus.HistogramVec
	documents *prometheus.CounterVec
	refusals  *prometheus.CounterVec
	inFlight  prometheus.Gauge
	overLimit *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "portico_graphql_requests_total", Help: "GraphQL requests by outcome.",
		}, []string{"outcome"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "portico_graphql_request_seconds", Help: "Time to answer a GraphQL request.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
		}, []string{"outcome"}),
		documents: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "portico_graphql_documents_total", Help: "Documents looked up, by whether they were compiled already.",
		}, []string{"cache"}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "portico_graphql_refusals_total", Help: "Requests refused before execution, by code and limit.",
		}, []string{"code", "limit"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "portico_graphql_in_flight", Help: "GraphQL requests being answered.",
		}),
	}
	m.overLimit = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "portico_graph_over_limit_total", Help: "Requests beyond a limit of their class, refused or, where it is only measured, served.",
	}, []string{"class", "limit"})
	return m, register(reg, m.requests, m.seconds, m.documents, m.refusals, m.inFlight, m.overLimit)
}

func register(reg prometheus.Registerer, all ...prometheus.Collector) error {
	var errs []error
	for _, c := range all {
		errs = append(errs, reg.Register(c))
	}
	return errors.Join(errs...)
}

func (m *metrics) observe(outcome string, took time.Duration) {
	m.requests.WithLabelValues(outcome).Inc()
	m.seconds.WithLabelValues(outcome).Observe(took.Seconds())
}

func (m *metrics) document(cached bool) {
	if cached {
		m.documents.WithLabelValues("hit").Inc()
		return
	}
	m.documents.WithLabelValues("miss").Inc()
}

func (m *metrics) refuse(no *refusal) {
	if len(no.errs) == 0 {
		return
	}
	code, _ := no.errs[0].Extensions["code"].(string)
	limit, _ := no.errs[0].Extensions["limit"].(string)
	m.refusals.WithLabelValues(code, limit).Inc()
}

func outcomeOf(ctx context.Context, res *result) string {
	switch {
	case ctx.Err() != nil:
		return outcomeCancelled
	case len(res.errs) == 0:
		return outcomeOK
	case res.data == nil || string(res.data) == "null":
		return outcomeFailed
	}
	return outcomePartial
}
