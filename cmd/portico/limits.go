package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/graph"
	"github.com/portico-retail/portico/integrations/redisstore"
)

// limitFlags say what each class of callers may ask.
type limitFlags struct {
	Limit      []classLimit `placeholder:"CLASS.LIMIT=N" help:"A limit of a class of callers, or of all; portico limits lists them. inFlight bounds the requests of one client at the same time, guest.household says how many guests' worth all guests of one address get."`
	LimitsMode []classMode  `placeholder:"CLASS=MODE" help:"Whether requests beyond the limits of a class are refused (enforce) or served, counted and logged (measure)."`
	Rate       []classRate  `default:"${rates}" placeholder:"CLASS=N/BURST" help:"Points of cost that one client of a class may ask in a minute and at once, or off. A partner's quota takes its place."`
}

// everyClass stands for all classes in a setting.
const everyClass = "all"

// classLimit is a setting such as partner.depth=10.
type classLimit struct {
	class, limit string
	value        int
}

// UnmarshalText reads the setting.
func (c *classLimit) UnmarshalText(text []byte) error {
	name, value, given := strings.Cut(string(text), "=")
	class, limit, dotted := strings.Cut(name, ".")
	n, err := strconv.Atoi(value)
	if !given || !dotted || err != nil {
		return fmt.Errorf("%q is no limit such as partner.depth=10", text)
	}
	if limit != inFlight && limit != household && !slices.Contains(graph.LimitNames(), limit) {
		return fmt.Errorf("there is no limit %q", limit)
	}
	*c = classLimit{class: class, limit: limit, value: n}
	return checkClass(class)
}

// Names of what a graph.Policy bounds beside the limits of one request.
const (
	inFlight  = "inFlight"
	household = "household"
)

// classMode is a setting such as partner=measure.
type classMode struct {
	class string
	mode  graph.Mode
}

// UnmarshalText reads the setting.
func (c *classMode) UnmarshalText(text []byte) error {
	class, mode, given := strings.Cut(string(text), "=")
	*c = classMode{class: class, mode: graph.Mode(mode)}
	if !given || c.mode != graph.ModeEnforce && c.mode != graph.ModeMeasure {
		return fmt.Errorf("%q is no mode such as partner=measure", text)
	}
	return checkClass(class)
}

// classRate is a setting such as partner=60000/20000 or partner=off.
type classRate struct {
	class string
	rate  graph.Rate
}

// UnmarshalText reads the setting.
func (c *classRate) UnmarshalText(text []byte) error {
	class, value, given := strings.Cut(string(text), "=")
	*c = classRate{class: class}
	if given && value == "off" {
		return checkClass(class)
	}
	minute, burst, both := strings.Cut(value, "/")
	var err, also error
	c.rate.PerMinute, err = strconv.Atoi(minute)
	c.rate.Burst, also = strconv.Atoi(burst)
	if !given || !both || err != nil || also != nil || c.rate.Zero() {
		return fmt.Errorf("%q is no rate such as partner=60000/20000 or partner=off", text)
	}
	return checkClass(class)
}

func checkClass(class string) error {
	if class != everyClass && !slices.Contains(auth.Classes(), auth.Class(class)) {
		return fmt.Errorf("there is no class %q", class)
	}
	return nil
}

// policies are the defaults as the settings change them. Later settings win over earlier ones.
func (f limitFlags) policies(maxInFlight int, timeout time.Duration) graph.Policies {
	if maxInFlight == 0 {
		maxInFlight = graph.DefaultMaxInFlight(runtime.GOMAXPROCS(0))
	}
	all := graph.DefaultPolicies(maxInFlight)
	each := func(class string, change func(*graph.Policy)) {
		for name, p := range all {
			if class == everyClass || class == string(name) {
				change(&p)
				all[name] = p
			}
		}
	}
	each(everyClass, func(p *graph.Policy) { p.Limits.Timeout = timeout })
	for _, l := range f.Limit {
		each(l.class, func(p *graph.Policy) {
			switch l.limit {
			case inFlight:
				p.InFlight = l.value
			case household:
				p.Household = l.value
			default:
				_ = p.Limits.Set(l.limit, l.value) // it was checked when it was read
			}
		})
	}
	for _, m := range f.LimitsMode {
		each(m.class, func(p *graph.Policy) { p.Mode = m.mode })
	}
	for _, r := range f.Rate {
		each(r.class, func(p *graph.Policy) { p.Rate = r.rate })
	}
	return all
}

// limitsCmd prints what each class of callers may ask.
type limitsCmd struct {
	Config string `placeholder:"FILE" help:"YAML file of settings, as for serve."`
	limitFlags
	MaxInFlight    int           `default:"0" help:"As for serve."`
	RequestTimeout time.Duration `default:"${requestTimeout}" help:"As for serve."`
}

// Run prints the table.
func (c limitsCmd) Run(s streams) error {
	all := c.policies(c.MaxInFlight, c.RequestTimeout)
	if err := all.Validate(); err != nil {
		return err
	}
	return printLimits(s.out, all)
}

// printLimits writes one line a limit and one column a class.
func printLimits(w io.Writer, all graph.Policies) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	line := func(name string, value func(graph.Policy) string) {
		_, _ = fmt.Fprint(table, name, "\t")
		for _, class := range auth.Classes() {
			_, _ = fmt.Fprint(table, value(all[class]), "\t")
		}
		_, _ = fmt.Fprintln(table)
	}
	_, _ = fmt.Fprint(table, "limit\t")
	for _, class := range auth.Classes() {
		_, _ = fmt.Fprint(table, class, "\t")
	}
	_, _ = fmt.Fprintln(table)
	for _, name := range graph.LimitNames() {
		line(name, func(p graph.Policy) string {
			n, _ := p.Limits.Get(name)
			return strconv.Itoa(n)
		})
	}
	orNone := func(n int) string {
		if n == 0 {
			return "-"
		}
		return strconv.Itoa(n)
	}
	line("timeout", func(p graph.Policy) string { return p.Limits.Timeout.String() })
	line(inFlight, func(p graph.Policy) string { return orNone(p.InFlight) })
	line(household, func(p graph.Policy) string { return orNone(p.Household) })
	line("rate a minute", func(p graph.Policy) string { return orNone(p.Rate.PerMinute) })
	line("rate at once", func(p graph.Policy) string { return orNone(p.Rate.Burst) })
	line("mode", func(p graph.Policy) string { return string(p.Mode) })
	return table.Flush()
}

// rates count for all gateways on one Redis.
type rates struct{ *redisstore.Rates }

var _ graph.Limiter = rates{}

// Take is graph.Limiter's.
func (r rates) Take(ctx context.Context, client string, rate graph.Rate, points int) (graph.Balance, error) {
	taken, remaining, wait, err := r.Rates.Take(ctx, client, rate.PerMinute, rate.Burst, points)
	return graph.Balance{Taken: taken, Remaining: remaining, Wait: wait}, err
}
