package cart

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/portico-retail/portico/retail"
)

// LineInput asks for units of a SKU.
type LineInput struct {
	SKU      string
	Quantity int // 1 to retail.MaxLineQuantity
	// Method is PICKUP with a place and SHIPPING without one when it is empty.
	Method retail.FulfillmentMethod
	// LocationRef is the store of a method that visits: global id or code, the preferred store of the context when empty.
	LocationRef string
}

// LineUpdate changes one line; nil leaves a part as it is.
type LineUpdate struct {
	LineID   string
	Quantity *int // 1 to retail.MaxLineQuantity: RemoveLines takes lines away
	Method   *retail.FulfillmentMethod
	// LocationRef is the store of a method that visits. A line that begins to be collected needs one, if the context has no
	// preferred store.
	LocationRef *string
}

// AddLines puts units into the cart. Units of a SKU that is there with the same method and place join its line, up to
// retail.MaxLineQuantity. It refuses with WhyNotFound for an unknown SKU or place, WhyPlaceClosed when the place does not
// offer the method, and WhyLimitReached beyond retail.MaxCartLines; all lines are added or none.
func (s *Service) AddLines(
	ctx context.Context, actor retail.Actor, key, cartID string, version *int, lines []LineInput,
) (*retail.PricedCart, []retail.Warning, error) {
	return s.change(ctx, change{
		actor: actor, key: key, id: cartID, version: version, kind: "add", input: lines,
		apply: func(e *edit) error {
			if err := checkCount("lines", len(lines)); err != nil {
				return err
			}
			var refusals []error
			for i, in := range lines {
				l, err := s.newLine(ctx, in, fmt.Sprintf("lines.%d", i))
				if err != nil {
					if _, refused := retail.RefusalsOf(err); !refused {
						return err
					}
					refusals = append(refusals, err)
					continue
				}
				e.join(l)
			}
			if len(refusals) > 0 {
				return errors.Join(refusals...)
			}
			return e.checkSize()
		},
	})
}

// UpdateLines changes quantities, methods or places. Lines that become alike are joined.
func (s *Service) UpdateLines(
	ctx context.Context, actor retail.Actor, key, cartID string, version *int, lines []LineUpdate,
) (*retail.PricedCart, []retail.Warning, error) {
	return s.change(ctx, change{
		actor: actor, key: key, id: cartID, version: version, kind: "update", input: lines,
		apply: func(e *edit) error {
			if err := checkCount("lines", len(lines)); err != nil {
				return err
			}
			seen := map[string]bool{}
			var refusals []error
			for i, in := range lines {
				field := fmt.Sprintf("lines.%d", i)
				if seen[in.LineID] {
					return retail.Refuse(retail.WhyInvalid, field+".lineId", "A line is named twice.")
				}
				seen[in.LineID] = true
				refusals = append(refusals, s.update(ctx, e, in, field))
			}
			if err := errors.Join(refusals...); err != nil {
				return err
			}
			e.joinAlike()
			return nil
		},
	})
}

// RemoveLines takes lines out of the cart.
func (s *Service) RemoveLines(
	ctx context.Context, actor retail.Actor, key, cartID string, version *int, lineIDs []string,
) (*retail.PricedCart, []retail.Warning, error) {
	return s.change(ctx, change{
		actor: actor, key: key, id: cartID, version: version, kind: "remove", input: lineIDs,
		apply: func(e *edit) error {
			if err := checkCount("lineIds", len(lineIDs)); err != nil {
				return err
			}
			for i, id := range lineIDs {
				at := e.index(id)
				if at < 0 && !slices.Contains(lineIDs[:i], id) {
					return noLine(fmt.Sprintf("lineIds.%d", i))
				}
				if at >= 0 {
					e.Lines = slices.Delete(e.Lines, at, at+1)
				}
			}
			return nil
		},
	})
}

// SetFulfillment gives all lines one method and place. Lines that become alike are joined.
func (s *Service) SetFulfillment(
	ctx context.Context, actor retail.Actor, key, cartID string, version *int, method retail.FulfillmentMethod, locationRef string,
) (*retail.PricedCart, []retail.Warning, error) {
	return s.change(ctx, change{
		actor: actor, key: key, id: cartID, version: version, kind: "fulfillment", input: []string{string(method), locationRef},
		apply: func(e *edit) error {
			if method == "" {
				return retail.Refuse(retail.WhyInvalid, "method", "There is no such fulfillment method.")
			}
			method, code, err := s.chosen(ctx, method, locationRef, "")
			if err != nil {
				return err
			}
			for i := range e.Lines {
				e.Lines[i].Method, e.Lines[i].LocationCode = method, code
				e.touched[e.Lines[i].ID] = true
			}
			e.joinAlike()
			return nil
		},
	})
}

// newLine checks one line to add; it has no id yet.
func (s *Service) newLine(ctx context.Context, in LineInput, field string) (retail.CartLine, error) {
	var refusals []error
	line := retail.CartLine{Quantity: in.Quantity}
	sku, err := s.known(ctx, in.SKU, field+".sku")
	if err != nil {
		if _, refused := retail.RefusalsOf(err); !refused {
			return line, err
		}
		refusals = append(refusals, err)
	}
	line.SKU = sku
	if r := checkQuantity(in.Quantity, field+".quantity", sku); r != nil {
		refusals = append(refusals, r)
	}
	if line.Method, line.LocationCode, err = s.chosen(ctx, in.Method, in.LocationRef, field+"."); err != nil {
		refusals = append(refusals, err)
	}
	return line, errors.Join(refusals...)
}

// known is the SKU as the catalog spells it.
func (s *Service) known(ctx context.Context, sku, field string) (string, error) {
	if !retail.ValidSKU(retail.NormalizeSKU(sku)) {
		return "", retail.Refuse(retail.WhyInvalid, field, "This is no SKU.")
	}
	v, err := s.deps.Catalog.Variant(ctx, sku)
	if err != nil && retail.CodeOf(err) == retail.CodeNotFound {
		r := retail.Refuse(retail.WhyNotFound, field, "There is no such article.")
		r.SKU = retail.NormalizeSKU(sku)
		return "", r
	}
	if err != nil {
		return "", err
	}
	return v.SKU, nil
}

func checkQuantity(n int, field, sku string) error {
	if n >= 1 && n <= retail.MaxLineQuantity {
		return nil
	}
	r := retail.Refuse(retail.WhyInvalid, field, fmt.Sprintf("The quantity must be 1 to %d.", retail.MaxLineQuantity))
	r.SKU = sku
	return r
}

// chosen checks method and place; prefix leads to them in the input.
func (s *Service) chosen(
	ctx context.Context, method retail.FulfillmentMethod, ref, prefix string,
) (retail.FulfillmentMethod, string, error) {
	switch {
	case method == "" && ref == "":
		method = retail.MethodShipping
	case method == "":
		method = retail.MethodPickup
	}
	field := prefix + "locationId"
	switch {
	case !method.Valid():
		return "", "", retail.Refuse(retail.WhyInvalid, prefix+"method", "There is no such fulfillment method.")
	case !method.Visits() && ref != "":
		return "", "", retail.Refuse(retail.WhyInvalid, field, "The place that delivers is chosen for you.")
	case !method.Visits():
		return method, "", nil
	}
	if ref == "" {
		ref = retail.ContextOf(ctx).LocationCode
	}
	if ref == "" {
		return "", "", retail.Refuse(retail.WhyInvalid, field, "Collecting needs a store.")
	}
	found, err := s.deps.Places.Resolve(ctx, []string{ref})
	if err != nil || len(found) != 1 {
		return "", "", retail.Refuse(retail.WhyNotFound, field, "There is no such store.")
	}
	if !offers(found[0], method) {
		r := retail.Refuse(retail.WhyPlaceClosed, field, "The store does not offer this way of collecting.")
		r.LocationCode = found[0].Code
		return "", "", r
	}
	return method, found[0].Code, nil
}

// update changes one line.
func (s *Service) update(ctx context.Context, e *edit, in LineUpdate, field string) error {
	at := e.index(in.LineID)
	if at < 0 {
		return noLine(field + ".lineId")
	}
	l := e.Lines[at]
	e.touched[l.ID] = true
	var refusals []error
	if in.Quantity != nil {
		if *in.Quantity == 0 {
			return retail.Refuse(retail.WhyInvalid, field+".quantity", "A line is taken away by removing it.")
		}
		refusals = append(refusals, checkQuantity(*in.Quantity, field+".quantity", l.SKU))
		l.Quantity = *in.Quantity
	}
	if in.Method != nil || in.LocationRef != nil {
		method, ref := l.Method, l.LocationCode
		if in.Method != nil {
			method = *in.Method
		}
		switch {
		case in.LocationRef != nil:
			ref = *in.LocationRef
		case !method.Visits():
			ref = ""
		}
		if method == "" {
			refusals = append(refusals, retail.Refuse(retail.WhyInvalid, field+".method", "There is no such fulfillment method."))
		} else {
			chosenMethod, code, err := s.chosen(ctx, method, ref, field+".")
			refusals = append(refusals, err)
			l.Method, l.LocationCode = chosenMethod, code
		}
	}
	e.Lines[at] = l
	return errors.Join(refusals...)
}

func noLine(field string) error {
	return retail.Refuse(retail.WhyNotFound, field, "There is no such line in the cart.")
}

// checkCount bounds a list of the input.
func checkCount(field string, n int) error {
	if n < 1 || n > retail.MaxCartLines {
		return retail.Refuse(retail.WhyInvalid, field, fmt.Sprintf("There must be 1 to %d entries.", retail.MaxCartLines))
	}
	return nil
}

// join adds a line, or its units to the line of the same SKU, method and place.
func (e *edit) join(l retail.CartLine) {
	for i := range e.Lines {
		if alike(&e.Lines[i], &l) {
			e.addUnits(i, l.Quantity)
			return
		}
	}
	l.ID = e.newID()
	e.touched[l.ID] = true
	e.Lines = append(e.Lines, l)
}

func alike(a, b *retail.CartLine) bool {
	return a.SKU == b.SKU && a.Method == b.Method && a.LocationCode == b.LocationCode
}

// addUnits adds units to a line, up to the most that it may have.
func (e *edit) addUnits(at, units int) {
	l := &e.Lines[at]
	e.touched[l.ID] = true
	e.warn(retail.WarnLineMerged, l.ID, fmt.Sprintf("%s was in the cart already; the quantities are added up.", l.SKU))
	l.Quantity += units // both are at most MaxLineQuantity, or what another client of the shop stored
	if l.Quantity > retail.MaxLineQuantity || l.Quantity < 1 {
		l.Quantity = retail.MaxLineQuantity
		e.warn(retail.WarnQuantityReduced, l.ID, fmt.Sprintf("One line has at most %d units.", retail.MaxLineQuantity))
	}
}

// joinAlike joins lines of the same SKU, method and place; the first stays.
func (e *edit) joinAlike() {
	for i := 0; i < len(e.Lines); i++ {
		for j := len(e.Lines) - 1; j > i; j-- {
			if alike(&e.Lines[i], &e.Lines[j]) {
				e.addUnits(i, e.Lines[j].Quantity)
				e.Lines = slices.Delete(e.Lines, j, j+1)
			}
		}
	}
}

func (e *edit) checkSize() error {
	if len(e.Lines) <= retail.MaxCartLines {
		return nil
	}
	limit := retail.MaxCartLines
	r := retail.Refuse(retail.WhyLimitReached, "lines", fmt.Sprintf("A cart has at most %d lines.", limit))
	r.Limit = &limit
	return r
}
