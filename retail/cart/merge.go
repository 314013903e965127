package cart

import (
	"context"
	"fmt"

	"github.com/portico-retail/portico/retail"
)

// Create is the actor's open cart: the one there is, else a new one. A repetition under the same key returns the same cart,
// even when it has become an order since.
func (s *Service) Create(ctx context.Context, actor retail.Actor, key string) (*retail.PricedCart, []retail.Warning, error) {
	if !actor.Known() {
		return nil, nil, retail.Refuse(retail.WhyNotAllowed, "", "A cart needs a session.")
	}
	if key == "" || len(key) > maxID {
		return nil, nil, retail.Refuse(retail.WhyInvalid, "idempotencyKey",
			fmt.Sprintf("The idempotency key must have 1 to %d characters.", maxID))
	}
	c, err := s.open(ctx, actor, key, false)
	if err != nil {
		return nil, nil, err
	}
	return s.priced(ctx, actor, c), nil, nil
}

// open is the actor's open cart, made under the key when there is none. The cart that was made under the key before may have
// been merged away since, or ordered, which only counts when it must be open: then another one takes its place.
func (s *Service) open(ctx context.Context, actor retail.Actor, key string, mustBeOpen bool) (*retail.Cart, error) {
	c, err := s.current(ctx, actor)
	if !retail.Refused(err, retail.WhyNotFound) {
		return c, err
	}
	former := ""
	for range attempts {
		c, err := s.deps.Store.CreateCart(ctx, referenceOf(actor.Key(), former, "create", key, nil), actor.Key())
		if err != nil || (c.Owner == actor.Key() && (c.OrderID == "" || !mustBeOpen)) {
			return c, err
		}
		former = c.ID
	}
	return nil, busy()
}

// Merge puts the guest's open cart into the member's, after signing in. The rules:
//
//   - The member's cart wins: units of a SKU that it has join the member's line with the same method and place, else the
//     member's first line of the SKU. Other lines come along as they are.
//   - Quantities are added up to retail.MaxLineQuantity, and lines that do not fit into retail.MaxCartLines are left out; both
//     are warned of.
//   - The guest's coupons, address and note count only where the member's cart has none.
//   - The guest's cart is emptied and is nobody's from then on. Without one the member's cart stays as it is; without both
//     there is a new one.
//
// Each guest cart is merged once, under whatever key: the guest's cart is put out of reach first, then merged under a
// reference made of its id, then emptied, and a repetition goes on where the first one stopped.
func (s *Service) Merge(
	ctx context.Context, member, guest retail.Actor, key string,
) (*retail.PricedCart, []retail.Warning, error) {
	switch {
	case !member.Known() || !guest.Known() || member.Key() == guest.Key() || guest.Role != "guest" || member.Role == "guest":
		return nil, nil, retail.Refuse(retail.WhyNotAllowed, "", "A guest's cart is merged into the cart of who signed in.")
	case key == "" || len(key) > maxID:
		return nil, nil, retail.Refuse(retail.WhyInvalid, "idempotencyKey",
			fmt.Sprintf("The idempotency key must have 1 to %d characters.", maxID))
	}
	own, err := s.open(ctx, member, key, true)
	if err != nil {
		return nil, nil, err
	}
	between := referenceOf(guest.Key(), "", "merging", member.Key(), nil)
	result, warnings := own, []retail.Warning(nil)
	for range 2 { // what an earlier call left half done, then what the guest has now
		theirs, err := s.seize(ctx, guest, between)
		if err != nil {
			return nil, nil, err
		}
		if theirs == nil {
			break
		}
		merged, more, err := s.take(ctx, member, result.ID, theirs)
		if err != nil {
			return nil, nil, err
		}
		if err := s.empty(ctx, theirs); err != nil {
			return nil, nil, err
		}
		result, warnings = merged, append(warnings, more...)
	}
	p := s.priced(ctx, member, result)
	return p, warnings, nil
}

// seize puts the guest's open cart out of reach by giving it to nobody under the name between; nil when there is none. What an
// earlier call seized comes first.
func (s *Service) seize(ctx context.Context, guest retail.Actor, between string) (*retail.Cart, error) {
	for range attempts {
		left, err := s.deps.Store.CartOf(ctx, between)
		if err == nil {
			return left, nil
		}
		if retail.CodeOf(err) != retail.CodeNotFound {
			return nil, err
		}
		theirs, err := s.current(ctx, guest)
		switch {
		case retail.Refused(err, retail.WhyNotFound):
			return nil, nil //nolint:nilnil // no guest cart is an answer: nothing is merged
		case err != nil:
			return nil, err
		}
		seized := clone(theirs)
		seized.Owner = between
		stored, err := s.save(ctx, referenceOf(between, theirs.ID, "seize", "", nil), seized)
		if err == nil {
			return stored, nil
		}
		if retail.CodeOf(err) != retail.CodeConflict {
			return nil, err
		}
	}
	return nil, busy()
}

// take stores the member's cart with the guest's in it.
func (s *Service) take(
	ctx context.Context, member retail.Actor, ownID string, theirs *retail.Cart,
) (*retail.Cart, []retail.Warning, error) {
	reference := referenceOf(member.Key(), theirs.ID, "merge", "", nil)
	for range attempts {
		own, err := s.load(ctx, member, ownID)
		if err != nil {
			return nil, nil, err
		}
		e := &edit{Cart: clone(own), reference: reference, touched: map[string]bool{}}
		e.absorb(theirs)
		s.see(e, s.gather(ctx, member, e.Cart, without{stock: true}))
		stored, err := s.save(ctx, reference, e.Cart)
		switch {
		case err != nil && retail.CodeOf(err) == retail.CodeConflict:
			continue
		case err != nil:
			return nil, nil, err
		case stored.Version <= own.Version: // merged before; what the shopper did since counts
			return own, nil, nil
		}
		return stored, e.warnings, nil
	}
	return nil, nil, busy()
}

// absorb adds another cart by the rules of Merge.
func (e *edit) absorb(theirs *retail.Cart) {
	own := len(e.Lines)
	for _, l := range theirs.Lines {
		at := -1
		for i := range e.Lines {
			if alike(&e.Lines[i], &l) {
				at = i
				break
			}
			if i < own && at < 0 && e.Lines[i].SKU == l.SKU {
				at = i
			}
		}
		switch {
		case at >= 0:
			e.addUnits(at, l.Quantity)
		case len(e.Lines) >= retail.MaxCartLines:
			e.warn(retail.WarnPartial, l.SKU, fmt.Sprintf("%s was left out: a cart has at most %d lines.", l.SKU, retail.MaxCartLines))
		default:
			l.ID, l.Quantity = e.newID(), min(l.Quantity, retail.MaxLineQuantity)
			e.Lines = append(e.Lines, l)
		}
	}
	if len(e.Coupons) == 0 {
		e.Coupons = append(e.Coupons, theirs.Coupons[:min(len(theirs.Coupons), retail.MaxCartCoupons)]...)
	}
	if e.Address == nil {
		e.Address = theirs.Address
	}
	if e.Note == "" {
		e.Note = theirs.Note
	}
}

// empty closes a merged cart; its owner's name shows what became of it.
func (s *Service) empty(ctx context.Context, theirs *retail.Cart) error {
	for range attempts {
		c, err := s.deps.Store.Cart(ctx, theirs.ID)
		if err != nil && retail.CodeOf(err) == retail.CodeNotFound {
			return nil
		}
		if err != nil {
			return err
		}
		if c.Owner != theirs.Owner {
			return nil
		}
		closed := &retail.Cart{ID: c.ID, Version: c.Version, Owner: "merged:" + c.ID}
		if _, err = s.save(ctx, referenceOf(theirs.Owner, c.ID, "merged", "", nil), closed); err == nil {
			return nil
		}
		if retail.CodeOf(err) != retail.CodeConflict {
			return err
		}
	}
	return busy()
}

func busy() error {
	return &retail.Error{
		Code: retail.CodeConflict, Message: "the cart is being changed all the time; try again", Source: retail.SourceShop, Retryable: true,
	}
}
