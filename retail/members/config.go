package members

import (
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/portico-retail/portico/retail"
)

// Config says how long what is remembered and how often may be tried what can be guessed.
type Config struct {
	RememberFor time.Duration // how long a signed-in member is not looked up again
	Remembered  int           // how many signed-in members are remembered
	LinkWithin  time.Duration // how long a first sign-in waits for ERP and tills; what is not found by then follows in a job
	UndoWithin  time.Duration // how long a merge can be undone

	Codes    Limit // verification codes sent to one phone
	CodesDay Limit // the same over a longer time
	Asks     Limit // verification codes asked for by one caller
	AsksDay  Limit // the same over a longer time
	Checks   Limit // codes tried for one phone
	Guesses  Limit // codes tried by one caller, for whatever phones
	PINs     Limit // proofs tried for one card, and cards tried by one member
}

// Limit is so many tries in so much time.
type Limit = retail.Limit

// DefaultConfig is a cautious retailer's.
func DefaultConfig() Config {
	return Config{
		RememberFor: 30 * time.Second, Remembered: 50_000, LinkWithin: time.Second, UndoWithin: 30 * 24 * time.Hour,
		Codes: Limit{Most: 5, Per: time.Hour}, CodesDay: Limit{Most: 10, Per: 24 * time.Hour},
		Asks: Limit{Most: 20, Per: time.Hour}, AsksDay: Limit{Most: 50, Per: 24 * time.Hour},
		Checks: Limit{Most: 10, Per: 15 * time.Minute}, Guesses: Limit{Most: 20, Per: time.Hour}, PINs: Limit{Most: 10, Per: time.Hour},
	}
}

// Validate checks the configuration.
func (c Config) Validate() error {
	for _, l := range []Limit{c.Codes, c.CodesDay, c.Asks, c.AsksDay, c.Checks, c.Guesses, c.PINs} {
		if !l.Valid() {
			return errors.New("members: every limit needs a number and a time")
		}
	}
	switch {
	case c.RememberFor < 0 || c.Remembered < 1:
		return errors.New("members: at least one member must be remembered, for no negative time")
	case c.LinkWithin <= 0:
		return errors.New("members: linking at the first sign-in needs time")
	case c.UndoWithin <= 0:
		return errors.New("members: a merge must be undoable for some time")
	}
	return nil
}

// Places knows locations; location.Directory implements it.
type Places interface {
	ByCode(code string) (*retail.Location, bool)
}

// Deps are what the service needs.
type Deps struct {
	Accounts  Accounts
	Cards     Cards
	Customers Customers
	Ledger    Ledger
	Places    Places
	// Phones turns a phone number as people write it into E.164; ok is false for what is none.
	Phones     func(raw string) (e164 string, ok bool)
	Now        func() time.Time // time.Now when nil
	Log        *slog.Logger
	Registerer prometheus.Registerer // nil for none
}

type metrics struct {
	linked    *prometheus.CounterVec
	completed *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		linked: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "portico_members_linked_total", Help: "Records joined to a member, by system and proof.",
		}, []string{"source", "proof"}),
		completed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "portico_members_completed_total", Help: "Attempts to complete a member in every system, by outcome.",
		}, []string{"outcome"}),
	}
	if reg != nil {
		reg.MustRegister(m.linked, m.completed)
	}
	return m
}
