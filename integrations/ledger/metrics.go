package ledger

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	retries prometheus.Counter
	unknown prometheus.Counter
	purged  prometheus.Counter
	jobs    *prometheus.CounterVec
	aside   *prometheus.CounterVec
	seconds *prometheus.HistogramVec
	late    *prometheus.HistogramVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		retries: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "portico_ledger_retries_total",
			Help: "Transactions that ran again because the database undid them for the sake of others.",
		}),
		unknown: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "portico_ledger_unknown_commits_total",
			Help: "Commits of which the database did not say whether they happened.",
		}),
		purged: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "portico_ledger_purged_rows_total",
			Help: "Rows removed because their time was over.",
		}),
		jobs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "portico_jobs_total",
			Help: "Runs of jobs by outcome: ok, failed, panicked, or postponed because the same one was running.",
		}, []string{"kind", "outcome"}),
		aside: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "portico_jobs_laid_aside_total",
			Help: "Jobs that failed so often that a fresh one took their place.",
		}, []string{"kind"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "portico_job_seconds",
			Help:    "Duration of one run of a job.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}, []string{"kind"}),
		late: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "portico_job_wait_seconds",
			Help:    "How long after it was due a run of a job began.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300},
		}, []string{"kind"}),
	}
	if reg != nil {
		reg.MustRegister(m.retries, m.unknown, m.purged, m.jobs, m.aside, m.seconds, m.late)
	}
	return m
}
