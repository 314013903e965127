package retail

import "slices"

// SeenBy is the order as the actor may see it; the order itself is not changed.
//
// Whoever placed it sees all of it. Operators see all but the pages that payments are confirmed on. An associate sees what
// concerns the places that they work at: the parts that these serve, the returns of such parts or to such places (also those that
// may be brought to whatever store), and the lines, refunds and entries of the timeline of these. The address is theirs to see if
// they deliver. Anybody else sees no part of it.
func (o *Order) SeenBy(actor Actor) *Order {
	if o == nil || actor.Known() && actor.Key() == o.Owner {
		return o
	}
	seen := *o
	seen.Payments = slices.Clone(o.Payments)
	for i := range seen.Payments {
		seen.Payments[i].RedirectURL = ""
	}
	if actor.Role == "operator" && actor.Known() {
		return &seen
	}
	seen.Fulfillments, seen.Returns = nil, nil
	mine, lines, returns := map[string]bool{"": true}, map[string]bool{}, map[string]bool{}
	delivers := false
	for i := range o.Fulfillments {
		f := &o.Fulfillments[i]
		if !actor.WorksAt(f.LocationCode) {
			continue
		}
		seen.Fulfillments = append(seen.Fulfillments, *f)
		mine[f.ID], delivers = true, delivers || !f.Method.Visits()
		for _, l := range f.Lines {
			lines[l.LineID] = true
		}
	}
	for i := range o.Returns {
		if r := o.Returns[i].seenBy(actor, mine); r != nil {
			seen.Returns = append(seen.Returns, *r)
			returns[r.ID] = true
			for _, l := range r.Lines {
				lines[l.LineID] = true
			}
		}
	}
	whole := len(seen.Fulfillments) == len(o.Fulfillments)
	seen.Lines = kept(o.Lines, func(l OrderLine) bool { return lines[l.ID] })
	seen.Refunds = kept(o.Refunds, func(r Refund) bool { return returns[r.ReturnID] || whole && r.ReturnID == "" })
	allReturns := len(seen.Returns) == len(o.Returns)
	seen.Timeline = kept(o.Timeline, func(e TimelineEntry) bool { return mine[e.FulfillmentID] && (allReturns || !e.Kind.aboutReturn()) })
	if !delivers {
		seen.Address = nil
	}
	return &seen
}

// seenBy is the return as far as it concerns the actor, who serves the parts that are mine; nil when it does not.
func (r *Return) seenBy(actor Actor, mine map[string]bool) *Return {
	anywhere := r.LocationCode == "" && r.Status == ReturnRequested && actor.Role == "associate" && len(actor.Locations) > 0
	if anywhere || actor.WorksAt(r.LocationCode) {
		return r
	}
	seen := *r
	seen.Lines = kept(r.Lines, func(l ReturnLine) bool { return l.FulfillmentID != "" && mine[l.FulfillmentID] })
	if len(seen.Lines) == 0 {
		return nil
	}
	seen.Exchange, seen.Amount.Minor = nil, 0
	for _, l := range seen.Lines {
		seen.Amount.Minor += l.Amount.Minor
	}
	return &seen
}

// Concerns reports whether the order is the actor's business, as staff: whether SeenBy leaves a part of it.
func (o *Order) Concerns(actor Actor) bool {
	if actor.Role == "operator" && actor.Known() {
		return true
	}
	if actor.Role != "associate" {
		return false
	}
	seen := o.SeenBy(actor)
	return len(seen.Fulfillments) > 0 || len(seen.Returns) > 0
}

// aboutReturn reports whether the entry is about a return, which it does not name.
func (k TimelineKind) aboutReturn() bool {
	switch k {
	case TimelineReturnRequested, TimelineReturnCancelled, TimelineReturned, TimelineExchanged, TimelineRefundStarted, TimelineRefunded:
		return true
	}
	return false
}

// kept copies what keep accepts.
func kept[T any](list []T, keep func(T) bool) []T {
	var out []T
	for _, x := range list {
		if keep(x) {
			out = append(out, x)
		}
	}
	return out
}
