package resolvers

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/skip2/go-qrcode"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/graph/model"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/ordering"
	"github.com/portico-retail/portico/retail/purchases"
	"github.com/portico-retail/portico/retail/returns"
)

// orderChange runs a change of an order, named by a global id or not at all, and makes its payload.
func (r *Resolver) orderChange(
	ctx context.Context, id string, change func(actor retail.Actor, id string) (*retail.Order, error),
) (*model.OrderPayload, error) {
	payload := &model.OrderPayload{Warnings: []*retail.Warning{}}
	actor, err := r.actor(ctx)
	if err == nil && id != "" {
		id, err = keyOf(retail.KindOrder, id, "orderId")
	}
	if err == nil {
		payload.Order, err = change(actor, id)
		payload.Order = r.standing(ctx, actor, id, payload.Order, err)
	}
	payload.UserErrors, err = r.refused(ctx, err)
	return payload, err
}

// returnChange runs a change of a return and makes its payload.
func (r *Resolver) returnChange(
	ctx context.Context, orderID string, change func(actor retail.Actor, orderID string) (*returns.Result, error),
) (*model.ReturnPayload, error) {
	payload := &model.ReturnPayload{Warnings: []*retail.Warning{}}
	actor, err := r.actor(ctx)
	if err == nil {
		orderID, err = keyOf(retail.KindOrder, orderID, "orderId")
	}
	if err == nil {
		var result *returns.Result
		if result, err = change(actor, orderID); result != nil {
			payload.Order, payload.Return, payload.Warnings = result.Order, result.Return, told(result.Warnings)
		}
		payload.Order = r.standing(ctx, actor, orderID, payload.Order, err)
	}
	payload.UserErrors, err = r.refused(ctx, err)
	return payload, err
}

// standing is the order beside the outcome of a change: what the change left or, when that was a refusal, what is there.
func (r *Resolver) standing(ctx context.Context, actor retail.Actor, id string, changed *retail.Order, err error) *retail.Order {
	if _, refused := retail.RefusalsOf(err); refused && changed == nil && id != "" {
		changed, _ = r.Ordering.Get(ctx, actor, id) // as well as can be: the refusal is the answer
	}
	return changed.SeenBy(actor)
}

func returnLines(inputs []*model.ReturnLineInput) []returns.Line {
	lines := make([]returns.Line, len(inputs))
	for i, l := range inputs {
		lines[i] = returns.Line{LineID: l.LineID, Quantity: l.Quantity}
	}
	return lines
}

// checkout reads what to order.
func (r *Resolver) checkout(
	ctx context.Context, actor retail.Actor, in model.CheckoutCompleteInput, key string,
) (ordering.CheckoutRequest, error) {
	q := ordering.CheckoutRequest{
		Actor: actor, Key: key, CartVersion: in.CartVersion, Channel: retail.ContextOf(ctx).Channel,
		HoldIDs: make([]string, len(in.HoldIds)), Slots: make([]retail.PlanSlot, len(in.Slots)),
	}
	var err error
	if q.CartID, err = keyOf(retail.KindCart, in.CartID, "cartId"); err != nil {
		return q, err
	}
	for i, id := range in.HoldIds {
		if q.HoldIDs[i], err = keyOf(retail.KindHold, id, fmt.Sprintf("holdIds.%d", i)); err != nil {
			return q, err
		}
	}
	for i, slot := range in.Slots {
		q.Slots[i] = retail.PlanSlot{Method: slot.Method, StartsAt: slot.StartsAt}
		if slot.LocationID == nil {
			continue
		}
		places, err := r.Locations.Resolve(ctx, []string{*slot.LocationID})
		if err != nil {
			return q, retail.Refuse(retail.WhyNotFound, fmt.Sprintf("slots.%d.locationId", i), "there is no such place")
		}
		q.Slots[i].LocationCode = places[0].Code
	}
	if in.ExpectedTotal != nil {
		total, err := retail.ParseMoney(string(*in.ExpectedTotal), r.Currency)
		if err != nil {
			return q, retail.Refuse(retail.WhyInvalid, "expectedTotal", "this is no amount")
		}
		q.ExpectedTotal = &total
	}
	contact, err := r.contact(in.Contact, "contact")
	if err != nil {
		return q, err
	}
	if contact != nil {
		q.Contact = *contact
	}
	q.Collector, err = r.contact(in.Collector, "collector")
	return q, err
}

// order finds one order by id or number: a shopper's own, or one that concerns the staff who ask.
func (r *Resolver) order(ctx context.Context, id, number *string) (*retail.Order, error) {
	if (id == nil) == (number == nil) {
		return nil, retail.BadInput("give exactly one of id and number")
	}
	actor, err := r.actor(ctx)
	if err != nil {
		return nil, err
	}
	q := purchases.FindQuery{Number: valueOr(number, "")}
	if id != nil {
		if q.ID, err = keyOf(retail.KindOrder, *id, "id"); err != nil {
			return absent[retail.Order](nil, err)
		}
	}
	o, err := r.find(ctx, actor, q)
	return absent(o, err)
}

// find loads an order for whoever may know of it; to all others it is not there.
func (r *Resolver) find(ctx context.Context, actor retail.Actor, q purchases.FindQuery) (o *retail.Order, err error) {
	switch {
	case lacks(ctx, auth.ScopeOrderServe):
		return nil, retail.Errorf(retail.CodeNotFound, "there is no such order")
	case isStaff(auth.PrincipalOf(ctx)):
		o, err = r.Purchases.Find(ctx, actor, q)
	case q.ID != "":
		o, err = r.Ordering.Get(ctx, actor, q.ID)
	default:
		o, err = r.Ordering.GetByNumber(ctx, actor, q.Number)
	}
	return o.SeenBy(actor), err
}

// receipt loads a receipt of one of the actor's cards.
func (r *Resolver) receipt(ctx context.Context, actor retail.Actor, number string) (*retail.Receipt, error) {
	err := error(retail.Errorf(retail.CodeNotFound, "there is no such receipt"))
	if actor.MemberID == "" {
		return nil, err
	}
	cards, cerr := r.cards(ctx, actor.MemberID)
	if cerr != nil {
		return nil, cerr
	}
	for _, card := range cards {
		found, rerr := r.Purchases.Receipt(ctx, card, number)
		if rerr == nil || retail.CodeOf(rerr) != retail.CodeNotFound {
			return found, rerr
		}
	}
	return nil, err
}

// pickupCode is the code with its picture, for whom it is meant.
func (r *Resolver) pickupCode(ctx context.Context, f *retail.FulfillmentOf) (*model.PickupCode, error) {
	if f.Status != retail.FulfillmentReady && f.Status != retail.FulfillmentPartial {
		return nil, nil //nolint:nilnil // there is nothing to collect
	}
	actor, err := r.actor(ctx)
	if err != nil {
		return nil, err
	}
	if actor.Key() != f.Order.Owner {
		return nil, nil //nolint:nilnil // not the caller's
	}
	code, err := r.Ordering.PickupCode(ctx, actor, f.Order.ID, f.ID)
	if err != nil {
		if _, refused := retail.RefusalsOf(err); refused {
			return nil, nil //nolint:nilnil // not the caller's, or not ready
		}
		return nil, err
	}
	picture, err := picture(ordering.CodePrefix + code)
	return &model.PickupCode{Code: code, QR: picture}, err
}

// picture draws a QR code (ISO/IEC 18004, error correction level M) as an SVG data URL, with a quiet zone of four modules.
func picture(text string) (string, error) {
	code, err := qrcode.New(text, qrcode.Medium)
	if err != nil {
		return "", fmt.Errorf("resolvers: pickup code: %w", err)
	}
	modules := code.Bitmap()
	var path strings.Builder
	for y, row := range modules {
		for x, dark := range row {
			if dark {
				_, _ = fmt.Fprintf(&path, "M%d %dh1v1h-1z", x, y)
			}
		}
	}
	svg := fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %[1]d %[1]d"><path fill="#fff" d="M0 0h%[1]dv%[1]dH0z"/><path d="%[2]s"/></svg>`,
		len(modules), path.String())
	return "data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString([]byte(svg)), nil
}
