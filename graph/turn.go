package graph

import (
	"context"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/portico-retail/portico/auth"
)

// turn is one request's way through admission.
type turn struct {
	handler *Handler
	counted []string // those who have one request more at once because of it
	slot    *slot
}

// shed refuses, before it is read, what would find no room anyway, and whatever a client asks that does not wait as it was told.
// Only of strangers there is known that they find no room: whatever they ask comes last.
func (h *Handler) shed(ctx context.Context) *refusal {
	p := auth.PrincipalOf(ctx)
	if !p.Known() && h.admission.full(low) {
		return overloaded()
	}
	for _, a := range h.classes.accountsOf(ctx, p) {
		if wait, deaf := h.meter.deaf(a.name); deaf {
			return h.exceeded(ctx, "rate", rateLimited(nil, wait))
		}
	}
	return nil
}

// begin counts a request among those that its client has at once, and a guest's household.
func (h *Handler) begin(ctx context.Context) (*turn, *refusal) {
	p, t := auth.PrincipalOf(ctx), &turn{handler: h}
	most := h.classes.inFlight(p)
	if most == 0 {
		return t, nil
	}
	within := t.count(clientOf(ctx, p), most)
	if n := h.classes.guests(); n > 0 && within && isGuest(p) {
		within = t.count(householdOf(ctx, p), most*n)
	}
	if within {
		return t, nil
	}
	if no := h.exceeded(ctx, "inFlight", rateLimited(nil, 0)); no != nil {
		t.end()
		return nil, no
	}
	return t, nil
}

// count counts a request of a client that may have so many at once; false when it has them already.
func (t *turn) count(client string, most int) bool {
	if !t.handler.admission.begin(client, most) {
		return false
	}
	t.counted = append(t.counted, client)
	return true
}

// guestDeeds is how many mutations of one household's guests come first at the same time, for each guest's worth that it gets. A
// session is to be had for the asking, and must not lift a crowd of them above everybody who signed in.
const guestDeeds = 1

// priority is that of an operation in this turn.
func (t *turn) priority(ctx context.Context, op *ast.OperationDefinition) priority {
	p := auth.PrincipalOf(ctx)
	goes := priorityOf(p, op)
	n := t.handler.classes.guests()
	if goes == critical && isGuest(p) && n > 0 && !t.count("deeds of "+householdOf(ctx, p), n*guestDeeds) {
		return normal
	}
	return goes
}

// isGuest reports whether a principal has a session without an account.
func isGuest(p auth.Principal) bool { return p.Known() && p.Role == auth.RoleGuest }

// inFlight is how many requests a client may have at once: a partner's own quota, else what its class may; 0 is any number.
func (c *classes) inFlight(p auth.Principal) int {
	if p.Partner != nil && p.Partner.Quota.InFlight > 0 {
		return p.Partner.Quota.InFlight
	}
	return c.of(p).InFlight
}

// take takes a slot, unless the request has one.
func (t *turn) take(ctx context.Context, p priority) *refusal {
	if t.slot != nil {
		return nil
	}
	if t.slot = t.handler.admission.enter(ctx, p); t.slot == nil {
		return overloaded()
	}
	return nil
}

func (t *turn) end() {
	t.slot.leave()
	for _, client := range t.counted {
		t.handler.admission.end(client)
	}
}

// spend weighs an operation, refuses it when it is dearer than its class may ask, and charges its client. It returns nil when
// responses say nothing of costs.
func (h *Handler) spend(ctx context.Context, op *operation, variables map[string]any) (*spending, *refusal) {
	maximum := h.classes.of(auth.PrincipalOf(ctx)).Limits.Cost
	spent := &spending{requested: op.cost.cost(variables).Points, maximum: int64(maximum)}
	if spent.requested > spent.maximum {
		no := overLimit("cost", maximum)
		no.errs[0].Extensions["cost"] = spent.report()
		if no := h.exceeded(ctx, "cost", no); no != nil {
			return nil, no
		}
	}
	if no := h.charge(ctx, spent); no != nil {
		return nil, no
	}
	if !h.classes.reports {
		return nil, nil //nolint:nilnil // nothing to tell
	}
	return spent, nil
}
