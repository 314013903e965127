package graph

import (
	"context"

	"github.com/portico-retail/portico/auth"
)

// turn is one request's way through admission.
type turn struct {
	handler *Handler
	client  string // counted at once; empty when its class has no bound
	slot    *slot
}

// shed refuses what would find no room anyway, before it is read. Only strangers can be told by who they are: whatever they
// ask comes last.
func (h *Handler) shed(ctx context.Context) *refusal {
	if !auth.PrincipalOf(ctx).Known() && h.admission.full(low) {
		return overloaded()
	}
	return nil
}

// begin counts a request among those that its client has at once.
func (h *Handler) begin(ctx context.Context) (*turn, *refusal) {
	p, t := auth.PrincipalOf(ctx), &turn{handler: h}
	most := h.classes.inFlight(p)
	if most == 0 {
		return t, nil
	}
	client := clientOf(ctx, p)
	if !h.admission.begin(client, most) {
		if no := h.exceeded(ctx, "inFlight", rateLimited(nil, 0)); no != nil {
			return nil, no
		}
		return t, nil
	}
	t.client = client
	return t, nil
}

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
	if t.client != "" {
		t.handler.admission.end(t.client)
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
