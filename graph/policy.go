package graph

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/portico-retail/portico/auth"
)

// Mode is what becomes of a request beyond the limits of its class.
type Mode string

// Modes.
const (
	ModeEnforce Mode = "enforce" // it is refused
	ModeMeasure Mode = "measure" // it is served within the widest limits of any class, counted and logged
)

// Policy is what callers of one class may ask.
type Policy struct {
	Limits Limits
	Mode   Mode // empty means ModeEnforce
	// Rate is what one client may ask in a time; the zero Rate does not count. A partner's quota takes its place.
	Rate Rate
	// InFlight bounds the requests of one client that are worked on or wait at once; 0 bounds nobody. A partner's quota takes
	// its place.
	InFlight int
	// Household is how many guests' worth of Rate, InFlight and whatever else bounds one guest all guests of one household, a
	// network address, get together; 0 bounds no household. It is read of the guests' class only.
	Household int
}

// Policies are those of all classes.
type Policies map[auth.Class]Policy

// browserConnections is what a browser opens to one host: the fewest requests at once that no page notices.
const browserConnections = 6

// DefaultPolicies bound strangers tighter than sessions, and staff of the platform looser. Of slots, the handler's requests at
// once, one partner may have a quarter and one guest an eighth.
func DefaultPolicies(slots int) Policies {
	all := Policies{}
	for _, class := range auth.Classes() {
		all[class] = Policy{Limits: DefaultLimits(), Mode: ModeEnforce}
	}
	change := func(class auth.Class, to func(*Policy)) {
		p := all[class]
		to(&p)
		all[class] = p
	}
	change(auth.ClassNobody, func(p *Policy) {
		// Many people may share an address: the rate is against machines.
		p.Limits.Tokens, p.Limits.Depth, p.Limits.Cost, p.Rate = 1000, 10, 1000, Rate{PerMinute: 60_000, Burst: 20_000}
	})
	change(auth.Class(auth.RoleGuest), func(p *Policy) {
		p.Limits.Cost, p.Rate, p.InFlight = 2000, Rate{PerMinute: 30_000, Burst: 10_000}, max(browserConnections, slots/8)
		// A family and a shop's wifi rarely have more than four people who do the same at their limit in the same minutes.
		p.Household = 4
	})
	change(auth.Class(auth.RoleMember), func(p *Policy) { p.Rate = Rate{PerMinute: 30_000, Burst: 10_000} })
	change(auth.Class(auth.RoleAssociate), func(p *Policy) { p.Rate = Rate{PerMinute: 120_000, Burst: 20_000} })
	change(auth.Class(auth.RolePartner), func(p *Policy) {
		p.Limits.Cost, p.Rate, p.InFlight = 10_000, Rate{PerMinute: 60_000, Burst: 20_000}, max(1, slots/4)
	})
	change(auth.Class(auth.RoleOperator), func(p *Policy) {
		p.Limits.Tokens, p.Limits.Depth, p.Limits.Fields, p.Limits.Expanded, p.Limits.Cost = 4000, 15, 800, 5000, 50_000
	})
	return all
}

// same gives every class one policy.
func same(p Policy) Policies {
	all := Policies{}
	for _, class := range auth.Classes() {
		all[class] = p
	}
	return all
}

// Validate reports policies that cannot work. Every class needs one.
func (all Policies) Validate() error {
	var errs []error
	for class := range all {
		if !slices.Contains(auth.Classes(), class) {
			errs = append(errs, fmt.Errorf("graph: there is no class %q", class))
		}
	}
	for _, class := range auth.Classes() {
		p, ok := all[class]
		if !ok {
			errs = append(errs, fmt.Errorf("graph: the class %s has no policy", class))
			continue
		}
		for _, err := range []error{p.Limits.Validate(), p.Rate.Validate()} {
			if err != nil {
				errs = append(errs, fmt.Errorf("class %s: %w", class, err))
			}
		}
		if p.Mode != "" && p.Mode != ModeEnforce && p.Mode != ModeMeasure {
			errs = append(errs, fmt.Errorf("graph: the mode of class %s is %q, not enforce or measure", class, p.Mode))
		}
		if p.InFlight < 0 {
			errs = append(errs, fmt.Errorf("graph: InFlight of class %s is %d, not at least 0", class, p.InFlight))
		}
		if p.Household < 0 || p.Household > mostPoints {
			errs = append(errs, fmt.Errorf("graph: Household of class %s is %d, not 0 to %d", class, p.Household, mostPoints))
		}
	}
	return errors.Join(errs...)
}

// widest is the loosest of every limit.
func (all Policies) widest() (l Limits) {
	for _, p := range all {
		l.Widen(p.Limits)
	}
	return l
}

// classes are the policies as a handler uses them.
type classes struct {
	policies Policies
	widest   Limits
	reports  bool // whether responses say what they cost
	// told notes when a class was last logged beyond a limit: a line a minute for each.
	told sync.Map // of excess to time.Time; both are of short closed lists
}

// excess is a class beyond a limit.
type excess struct {
	class auth.Class
	limit string
}

func newClasses(all Policies, reports bool) *classes {
	return &classes{policies: all, widest: all.widest(), reports: reports}
}

// of returns the policy of a principal; of a class that nobody thought about, that of nobody.
func (c *classes) of(p auth.Principal) Policy {
	if policy, ok := c.policies[p.Class()]; ok {
		return policy
	}
	return c.policies[auth.ClassNobody]
}

// limits are those within which the caller of ctx is served.
func (c *classes) limits(ctx context.Context) *Limits {
	policy := c.of(auth.PrincipalOf(ctx))
	if policy.Mode == ModeMeasure {
		return &c.widest
	}
	return &policy.Limits
}

// exceeded decides about a request beyond a limit: it counts, and refuses unless the class is only measured.
func (h *Handler) exceeded(ctx context.Context, limit string, no *refusal) *refusal {
	p := auth.PrincipalOf(ctx)
	e := excess{class: p.Class(), limit: limit}
	h.metrics.overLimit.WithLabelValues(string(e.class), e.limit).Inc()
	if h.classes.of(p).Mode != ModeMeasure {
		return no
	}
	now := h.now()
	if last, told := h.classes.told.Load(e); !told || now.Sub(last.(time.Time)) >= time.Minute {
		h.classes.told.Store(e, now)
		h.errors.log.WarnContext(ctx, "a request beyond its class's limits was served: the class is only measured",
			slog.String("request", RequestID(ctx)), slog.String("class", string(e.class)), slog.String("limit", e.limit))
	}
	return nil
}

// noteExcess counts a document that was refused before it was compiled.
func (h *Handler) noteExcess(ctx context.Context, no *refusal) {
	if limit, _ := no.errs[0].Extensions["limit"].(string); limit != "" {
		h.metrics.overLimit.WithLabelValues(string(auth.PrincipalOf(ctx).Class()), limit).Inc()
	}
}

// checkShape compares a document with the limits of who asks it.
func (h *Handler) checkShape(ctx context.Context, doc *document) (no *refusal) {
	policy := h.classes.of(auth.PrincipalOf(ctx))
	doc.shape.beyond(&policy.Limits, func(limit string, maximum int) {
		if no == nil {
			no = h.exceeded(ctx, limit, overLimit(limit, maximum))
		}
	})
	return no
}

// DefaultMaxInFlight is the default of HandlerOptions.MaxInFlight on a machine with so many processors.
func DefaultMaxInFlight(processors int) int { return 16 * processors }
