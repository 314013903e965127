package stock

import (
	"context"
	"errors"
	"time"

	"github.com/portico-retail/portico/retail"
)

// Hold admits a claim for an order, every line or nothing, and records it. Idempotent by id. It refuses with
// WhyInsufficientStock, WhyNotRanged, WhyStockUnknown, and WhyHoldExpired when its time is over.
func (h *Holds) Hold(ctx context.Context, c retail.Claim) (retail.Claim, error) {
	stored, err := h.holdFor(ctx, c)
	return stored, h.metrics.count("hold", err)
}

func (h *Holds) holdFor(ctx context.Context, c retail.Claim) (retail.Claim, error) {
	if err := checkClaim(c); err != nil {
		return c, err
	}
	if !h.now().Before(c.ExpiresAt) {
		return c, retail.Refuse(retail.WhyHoldExpired, "", "the claim's time is over")
	}
	loc, err := h.location(ctx, c.LocationCode)
	if err != nil {
		return c, err
	}
	if err := h.mustKnow(ctx, loc, skusOf(c.Lines)); err != nil {
		return c, err
	}
	c.State, c.Requested = retail.ClaimHeld, nil
	if c.CreatedAt.IsZero() {
		c.CreatedAt = h.now()
	}
	stored, short, err := h.admit(ctx, c, HoldCaps{}, false)
	switch {
	case err != nil:
		return c, err
	case stored == nil:
		return c, h.refusals(short, c.LocationCode, false, func(string) string { return "" })
	case stored.State == retail.ClaimHeld && !h.holds(*stored):
		return *stored, retail.Refuse(retail.WhyHoldExpired, "", "the claim's time is over")
	}
	return *stored, nil
}

// checkClaim finds defects of the caller.
func checkClaim(c retail.Claim) error {
	if c.ID == "" || len(c.ID) > 128 || len(c.Lines) == 0 || len(c.Lines) > MaxBasketLines {
		return retail.BadInput("a claim has an id and 1 to %d lines", MaxBasketLines)
	}
	if _, err := ParseLines(FormatLines(c.Lines)); err != nil {
		return retail.BadInput("a claim has 1 to %d units of every SKU, and no SKU twice", MaxClaimed)
	}
	return nil
}

// Adopt makes a shopper's hold the order's: same lines, until expiresAt. It refuses with WhyNotFound, WhyHoldExpired,
// WhyHoldClosed and WhyHoldMismatch.
func (h *Holds) Adopt(
	ctx context.Context, id, owner, orderID string, lines []retail.ClaimLine, expiresAt time.Time,
) (retail.Claim, error) {
	c, err := h.adopt(ctx, claimID(id), owner, orderID, lines, expiresAt)
	return c, h.metrics.count("adopt", err)
}

func (h *Holds) adopt(
	ctx context.Context, id, owner, orderID string, lines []retail.ClaimLine, expiresAt time.Time,
) (retail.Claim, error) {
	c, known, err := h.record(ctx, id)
	switch {
	case err != nil:
		return c, err
	case !known || c.Owner != owner || orderID == "":
		return c, retail.Refuse(retail.WhyNotFound, "holdId", "there is no such hold")
	case c.OrderID == orderID && !c.State.Final():
		return c, nil
	}
	if err := h.mustBeActive(c); err != nil {
		return c, err
	}
	if FormatLines(c.Lines) != FormatLines(lines) {
		return c, retail.Refuse(retail.WhyHoldMismatch, "holdId", "the hold is for other items")
	}
	return h.prolong(ctx, c, orderID, expiresAt.Sub(h.now()))
}

// Pin keeps a hold from expiring while its order is being paid. It refuses with WhyHoldExpired when it is too late, with
// WhyHoldClosed when it was released, and with WhyInsufficientStock when the projection had lost it and others took the
// stock meanwhile.
func (h *Holds) Pin(ctx context.Context, id string) error {
	return h.metrics.count("pin", h.pin(ctx, id))
}

func (h *Holds) pin(ctx context.Context, id string) error {
	c, err := h.deps.Ledger.Claim(ctx, id)
	if err != nil || c.State == retail.ClaimAllocated {
		return err
	}
	if c.State.Final() {
		return ended(c)
	}
	place, err := h.place(c.LocationCode)
	if err != nil {
		return err
	}
	at, err := h.deps.Projection.Pin(ctx, place.Partition, id)
	if err = h.closed(place, err); err != nil {
		return err
	}
	switch at.State {
	case CountPinned, CountCommitted:
		return nil
	case CountExpired:
		return retail.Refuse(retail.WhyHoldExpired, "", "the hold's time is over")
	case CountNone, CountReleased:
		return h.pinAgain(ctx, place, c)
	}
	return retail.Refuse(retail.WhyHoldClosed, "", "the hold has ended")
}

// pinAgain pins a claim that the projection does not know and the record holds.
func (h *Holds) pinAgain(ctx context.Context, place Place, c retail.Claim) error {
	left := c.ExpiresAt.Sub(h.now())
	if left <= 0 {
		return retail.Refuse(retail.WhyHoldExpired, "", "the hold's time is over")
	}
	if _, err := h.readmit(ctx, place, c, left); err != nil {
		return err
	}
	at, err := h.deps.Projection.Pin(ctx, place.Partition, c.ID)
	if err = h.closed(place, err); err != nil {
		return err
	}
	// Whoever closed the claim before it was counted again found nothing to give back.
	now, err := h.deps.Ledger.Claim(ctx, c.ID)
	switch {
	case err != nil:
		return err
	case now.State.Final():
		h.giveBack(ctx, now)
		return ended(now)
	case at.State != CountPinned && at.State != CountCommitted:
		return retail.Refuse(retail.WhyHoldExpired, "", "the hold's time is over")
	}
	return nil
}

// ended refuses for the reason that a final claim ended.
func ended(c retail.Claim) error {
	if c.State == retail.ClaimExpired {
		return retail.Refuse(retail.WhyHoldExpired, "", "the hold's time is over")
	}
	return retail.Refuse(retail.WhyHoldClosed, "", "the hold has ended")
}

// Supply reads what a place could promise if the ledger had no claims there, per SKU; it may be negative, and is 0 for what
// the place does not carry. It refuses with WhyStockUnknown when a silent backend leaves that open.
func (h *Holds) Supply(ctx context.Context, locationCode string, skus []string) (map[string]int, error) {
	if len(skus) > MaxPairs {
		return nil, retail.Errorf(retail.CodeLimitExceeded, "at most %d SKUs", MaxPairs)
	}
	loc, err := h.location(ctx, locationCode)
	if err != nil {
		return nil, err
	}
	g, err := h.read(ctx, loc, skus)
	if err != nil {
		return nil, err
	}
	supply := make(map[string]int, len(skus))
	for k, sku := range skus {
		supply[sku] = 0
		if c := g.cell(k, 0); c.Ranged() {
			supply[sku] = c.supply()
		}
	}
	return supply, nil
}

// Commit shows a claim that the ledger has allocated as ordered instead of held. CodeConflict says that it has not.
func (h *Holds) Commit(ctx context.Context, id string) error {
	return h.metrics.count("commit", h.commit(ctx, id))
}

func (h *Holds) commit(ctx context.Context, id string) error {
	c, err := h.deps.Ledger.Claim(ctx, id)
	switch {
	case err != nil:
		return err
	case c.State.Final():
		return h.follow(ctx, c)
	case c.State != retail.ClaimAllocated:
		return retail.Errorf(retail.CodeConflict, "the ledger has not allocated the claim")
	}
	place, err := h.place(c.LocationCode)
	if err != nil {
		return err
	}
	return h.countOrdered(ctx, place, c)
}

// countOrdered counts an allocated claim. One that was not counted before may have been closed since the record was read, by
// somebody who found nothing to give back; so the record is read again.
func (h *Holds) countOrdered(ctx context.Context, place Place, c retail.Claim) error {
	at, err := h.deps.Projection.Commit(ctx, place.Partition, counted(c, place))
	if err = h.closed(place, err); err != nil || !at.Fresh {
		return err
	}
	if c, err = h.deps.Ledger.Claim(ctx, c.ID); err != nil {
		return err
	}
	return h.follow(ctx, c)
}

func counted(c retail.Claim, place Place) Counted {
	state := CountActive
	if c.State == retail.ClaimAllocated {
		state = CountCommitted
	}
	return Counted{
		ID: c.ID, Slot: place.Slot, State: state, ExpiresAt: c.ExpiresAt, Requested: requestOf(c), Lines: c.Lines,
	}
}

// Settle lets go of a claim that the ledger has closed, or of the units that it has taken off. A claim that the ledger
// never met ends by itself when it expires.
func (h *Holds) Settle(ctx context.Context, id string) error {
	c, known, err := h.record(ctx, id)
	if err == nil && known {
		err = h.follow(ctx, c)
	}
	return h.metrics.count("settle", err)
}

// follow makes the projection count what the record says.
func (h *Holds) follow(ctx context.Context, c retail.Claim) error {
	place, err := h.place(c.LocationCode)
	if err != nil {
		return err
	}
	var at Standing
	switch c.State {
	case retail.ClaimExpired, retail.ClaimReleased:
		at, err = h.deps.Projection.Settle(ctx, place.Partition, c.ID, CountReleased, nil)
	case retail.ClaimDone:
		at, err = h.deps.Projection.Settle(ctx, place.Partition, c.ID, CountDeparted, nil)
	default:
		at, err = h.deps.Projection.Shrink(ctx, place.Partition, c.ID, c.Lines)
	}
	if err = h.closed(place, err); err != nil {
		return err
	}
	if c.State == retail.ClaimAllocated && !at.State.Live() && at.State != CountDeparted {
		return h.countOrdered(ctx, place, c)
	}
	return nil
}

// Depart lets go of a claim whose units left the place, in the same instant as the counters that show it. For goods that
// passed no till it asks the ERP, and fails retryably as long as that has not booked the departure.
func (h *Holds) Depart(ctx context.Context, id string, d retail.Departure) error {
	return h.metrics.count("depart", h.depart(ctx, id, d))
}

func (h *Holds) depart(ctx context.Context, id string, d retail.Departure) error {
	c, err := h.deps.Ledger.Claim(ctx, id)
	if err != nil || c.State.Final() {
		return err
	}
	place, err := h.place(c.LocationCode)
	if err != nil {
		return err
	}
	facts, err := h.evidence(ctx, c, place, d)
	if err != nil {
		return err
	}
	at, err := h.deps.Projection.Settle(ctx, place.Partition, id, CountDeparted, facts)
	if err == nil && !at.State.Live() && at.State != CountDeparted {
		// It was not counted. It must be known as departed all the same, or a late commit would count it for ever.
		if _, err = h.deps.Projection.Commit(ctx, place.Partition, counted(c, place)); err == nil {
			_, err = h.deps.Projection.Settle(ctx, place.Partition, id, CountDeparted, facts)
		}
	}
	return h.closed(place, err)
}

// evidence is the registers that show a departure.
func (h *Holds) evidence(ctx context.Context, c retail.Claim, place Place, d retail.Departure) ([]Write, error) {
	var facts []Write
	for _, n := range d.Counts {
		if n.LocationCode != c.LocationCode || !retail.ValidSKU(n.SKU) || len(facts) == MaxPairs {
			continue
		}
		facts = append(facts, Write{SKU: n.SKU, Slot: place.Slot, Fact: &Fact{
			Location: n.LocationCode, SKU: n.SKU, Source: retail.SourcePOS, Version: n.Seq, Value: int32(n.Net),
		}})
	}
	if len(facts) > 0 {
		return facts, nil
	}
	if d.BookedBy.IsZero() {
		return nil, retail.BadInput("a departure has counters of the place or the date of its booking")
	}
	return h.booked(ctx, c, place, d.BookedBy)
}

// booked asks the ERP for the claim's pairs as of by or later.
func (h *Holds) booked(ctx context.Context, c retail.Claim, place Place, by time.Time) ([]Write, error) {
	live := h.deps.Stock.deps.Live[retail.SourceERP]
	if live == nil {
		return nil, retail.Unavailable(retail.SourceERP, errors.New("stock: the ERP is never asked"))
	}
	pairs := make([]Pair, len(c.Lines))
	for i, l := range c.Lines {
		pairs[i] = Pair{Location: c.LocationCode, SKU: l.SKU}
	}
	answer, err := live.Now(ctx, pairs)
	if err != nil {
		return nil, err
	}
	dated := false
	for _, m := range answer.Marks {
		dated = dated || m.Location == c.LocationCode && m.Source == retail.SourceERP && !m.AsOf.Before(by)
	}
	if !dated {
		return nil, retail.Unavailable(retail.SourceERP, errors.New("stock: the ERP has not booked the departure yet"))
	}
	var facts []Write
	for i := range answer.Facts {
		f := &answer.Facts[i]
		if f.Location == c.LocationCode && f.Source == retail.SourceERP && len(facts) < MaxPairs {
			facts = append(facts, Write{SKU: f.SKU, Slot: place.Slot, Fact: f})
		}
	}
	return facts, nil
}

func (h *Holds) location(ctx context.Context, code string) (*retail.Location, error) {
	locs, err := h.deps.Stock.deps.Directory.Resolve(ctx, []string{code})
	if err != nil {
		return nil, err
	}
	return locs[0], nil
}
