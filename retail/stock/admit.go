package stock

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/portico-retail/portico/retail"
)

// admit counts a claim and records it. It returns nil and the lines that fall short when there is not enough. The projection
// comes first, because it is where the rush is; a claim that the ledger does not take is given back.
func (h *Holds) admit(
	ctx context.Context, c retail.Claim, caps HoldCaps, partial bool,
) (stored *retail.Claim, short []Shortfall, err error) {
	place, err := h.place(c.LocationCode)
	if err != nil {
		return nil, nil, err
	}
	ask := Admission{
		ID: c.ID, Slot: place.Slot, Requested: c.Lines, Lines: c.Lines, Life: c.ExpiresAt.Sub(h.now()), Partial: partial,
	}
	if reach := retail.ReachOf(ctx); reach.BoundsSKUs() {
		ask.Lines = veiled(c.Lines, reach)
	}
	got, err := h.hold(ctx, place, ask)
	if err == nil && (got.State == CountReleased || got.State == CountExpired) {
		// An earlier call may have given it back because the ledger did not answer.
		record, known, err := h.record(ctx, c.ID)
		switch {
		case err != nil:
			return nil, nil, err
		case known && !h.holds(record):
			return &record, nil, nil
		case known:
			ask.Lines, ask.Life = record.Lines, record.ExpiresAt.Sub(h.now())
		}
		ask.Again = true
		if got, err = h.hold(ctx, place, ask); err != nil {
			return nil, nil, err
		}
	}
	if err != nil || got.State == CountNone {
		return nil, unveiled(got.Short), err
	}
	c.Requested = nil
	if len(got.Lines) > 0 && FormatLines(got.Lines) != FormatLines(c.Lines) {
		c.Requested = c.Lines
	}
	c.Lines, c.ExpiresAt = got.Lines, got.ExpiresAt
	return h.file(ctx, place, c, got, caps)
}

// veil makes a name of a SKU that no place carries: no SKU contains it.
const veil = "~"

// veiled names the SKUs beyond reach by what no place carries. Only the projection sees these names, and it admits nothing of
// them, so that such a line has the same answer as one of a SKU that does not exist.
func veiled(lines []retail.ClaimLine, reach *retail.Reach) []retail.ClaimLine {
	list := slices.Clone(lines)
	for i := range list {
		if !reach.SKU(list[i].SKU) {
			list[i].SKU = veil + list[i].SKU
		}
	}
	return list
}

func unveiled(short []Shortfall) []Shortfall {
	for i := range short {
		short[i].SKU = strings.TrimPrefix(short[i].SKU, veil)
	}
	return short
}

// file records a claim that is counted.
func (h *Holds) file(
	ctx context.Context, place Place, c retail.Claim, got Admitted, caps HoldCaps,
) (*retail.Claim, []Shortfall, error) {
	stored, err := h.deps.Ledger.AddClaim(ctx, c, caps, h.now())
	if err != nil {
		if got.Fresh {
			h.settle(ctx, place, c.ID, CountReleased)
		}
		return nil, nil, err
	}
	same := stored.LocationCode == c.LocationCode && (FormatLines(requestOf(stored)) == FormatLines(requestOf(c)) ||
		FormatLines(stored.Lines) == FormatLines(c.Lines))
	if got.Fresh && !h.holds(stored) || !same {
		// The record knows the id from long ago, and the projection had forgotten it.
		h.settle(ctx, place, c.ID, CountReleased)
	}
	if !same {
		return nil, nil, retail.Errorf(retail.CodeConflict, "the idempotency key was used for another request")
	}
	return &stored, nil, nil
}

// holds reports whether the record says that the claim is held and not expired.
func (h *Holds) holds(c retail.Claim) bool {
	return c.State == retail.ClaimHeld && h.now().Before(c.ExpiresAt)
}

// hold asks the projection and keeps an eye on the expiry.
func (h *Holds) hold(ctx context.Context, place Place, a Admission) (Admitted, error) {
	got, err := h.deps.Projection.Hold(ctx, place.Partition, a)
	if errors.Is(err, ErrOtherRequest) {
		return got, retail.Errorf(retail.CodeConflict, "the idempotency key was used for another request")
	}
	if err == nil && got.State == CountActive {
		h.watch.dueIn(place.Partition, h.now(), a.Life)
	}
	return got, h.closed(place, err)
}

// readmit counts a claim again that the record holds and the projection has lost; it refuses when others took the stock
// meanwhile.
func (h *Holds) readmit(ctx context.Context, place Place, c retail.Claim, life time.Duration) (Standing, error) {
	got, err := h.hold(ctx, place, Admission{
		ID: c.ID, Slot: place.Slot, Requested: requestOf(c), Lines: c.Lines, Life: life, Again: true,
	})
	if err == nil && got.State == CountNone {
		err = h.refusals(got.Short, c.LocationCode, false, func(string) string { return "" })
	}
	return got.Standing, err
}

// prolong lets a held claim live on, and makes it serve an order when orderID is not empty. The projection comes first: it
// alone knows whether the claim is still alive.
func (h *Holds) prolong(ctx context.Context, c retail.Claim, orderID string, life time.Duration) (retail.Claim, error) {
	place, err := h.place(c.LocationCode)
	if err != nil {
		return c, err
	}
	at, err := h.deps.Projection.Extend(ctx, place.Partition, c.ID, life)
	if err = h.closed(place, err); err != nil {
		return c, err
	}
	if at.State == CountNone || at.State == CountReleased {
		if at, err = h.readmit(ctx, place, c, life); err != nil {
			return c, err
		}
	}
	switch at.State {
	case CountExpired:
		return c, retail.Refuse(retail.WhyHoldExpired, "id", "the hold's time is over")
	case CountActive, CountPinned:
	default:
		return c, retail.Refuse(retail.WhyHoldClosed, "id", "the hold was released or serves an order")
	}
	stored, err := h.deps.Ledger.ExtendClaim(ctx, c.ID, orderID, at.ExpiresAt)
	if err != nil {
		return c, err
	}
	if stored.State.Final() || (orderID != "" && stored.OrderID != orderID) {
		if stored.State.Final() {
			h.giveBack(ctx, stored)
		}
		return stored, retail.Refuse(retail.WhyHoldClosed, "id", "the hold was released or serves an order")
	}
	return stored, nil
}

// giveBack takes a claim out of the projection that the record has closed. What fails is logged: the claim ends by itself
// when it expires.
func (h *Holds) giveBack(ctx context.Context, c retail.Claim) {
	place, err := h.place(c.LocationCode)
	if err != nil {
		return
	}
	h.settle(ctx, place, c.ID, CountReleased)
}

func (h *Holds) settle(ctx context.Context, place Place, id string, outcome Count) {
	ctx = context.WithoutCancel(ctx) // the shopper may be gone; the units must not be
	_, err := h.deps.Projection.Settle(ctx, place.Partition, id, outcome, nil)
	if err = h.closed(place, err); err != nil {
		h.deps.Log.WarnContext(ctx, "a claim could not be given back and ends when it expires", "claim", id, "error", err)
	}
}

// record loads a claim of the ledger.
func (h *Holds) record(ctx context.Context, id string) (c retail.Claim, known bool, err error) {
	c, err = h.deps.Ledger.Claim(ctx, id)
	if retail.CodeOf(err) == retail.CodeNotFound {
		return c, false, nil
	}
	return c, err == nil, err
}

func (h *Holds) place(code string) (Place, error) {
	place, ok := h.deps.Stock.deps.Layout.Layout()[code]
	if !ok {
		return place, unavailable(errors.New("stock: the location has no place in the layout"))
	}
	return place, nil
}

// closed turns ErrLost into a failure that the caller may retry, and has the partition rebuilt.
func (h *Holds) closed(place Place, err error) error {
	if !errors.Is(err, ErrLost) {
		return err
	}
	h.watch.lost(place.Partition)
	return unavailable(err)
}

func unavailable(err error) error {
	return &retail.Error{
		Code: retail.CodeUpstreamUnavailable, Retryable: true, Err: err, Message: "claims on stock are not available at the moment",
	}
}
