package pos

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/portico-retail/portico/integrations/upstream"
	"github.com/portico-retail/portico/retail"
)

const (
	maxFoundCards = 10
	maxCardPoints = 200
)

// Card loads a card by number.
func (c *Client) Card(ctx context.Context, number string) (*retail.Card, error) {
	if !validCode(number) {
		return nil, notFound("card")
	}
	return c.oneCard(ctx, c.live, element{name: "CardInquiry", attrs: []string{"card", number}}, number)
}

// FindCards lists cards with this verified phone or union id, 10 at most; an empty argument matches nothing. A card that
// matches neither is not believed, and one that cannot be read spoils the answer: with it left out, two candidates would look
// like one.
func (c *Client) FindCards(ctx context.Context, phone, unionID string) ([]retail.Card, error) {
	e := element{name: "CardSearch"}
	e.code("phone", phone)
	if validKey(unionID) {
		e.attrs = append(e.attrs, "unionId", unionID)
	}
	if len(e.attrs) == 0 {
		return nil, nil
	}
	reply, err := exchange(ctx, c, c.live, e, (*reader).cards)
	if err != nil {
		return nil, err
	}
	if reply.unreadable > 0 {
		return nil, retail.BadUpstream(retail.SourcePOS, fmt.Errorf("pos: %d of the cards found are unreadable", reply.unreadable))
	}
	var found []retail.Card
	unasked := 0
	for _, card := range reply.cards {
		byPhone := phone != "" && card.Profile.PhoneVerified && card.Profile.Phone == phone
		byUnion := unionID != "" && card.Profile.UnionID == unionID
		if (byPhone || byUnion) && len(found) < maxFoundCards {
			found = append(found, card)
		} else {
			unasked++
		}
	}
	c.metrics.Quarantine(retail.SourcePOS, "card", unasked)
	return found, nil
}

// CheckPIN reports whether the PIN is the card's. It refuses with WhyLimitReached while the tills lock the card after too
// many tries. A check is a try, so it is made once.
func (c *Client) CheckPIN(ctx context.Context, number, pin string) (bool, error) {
	if !validCode(number) || !validCode(pin) {
		return false, nil
	}
	e := element{name: "CardPinCheck", attrs: []string{"card", number, "pin", pin}}
	valid, err := upstream.Once(ctx, c.live, e.name, func(ctx context.Context) (valid bool, err error) {
		err = c.roundTrip(ctx, e, func(r *reader) error { return r.validity(&valid) })
		return valid, failure(err)
	})
	if retail.CodeOf(err) == retail.CodeLimitExceeded {
		return false, retail.Refuse(retail.WhyLimitReached, "", "too many wrong PINs; try again in a quarter of an hour")
	}
	return valid && err == nil, err
}

// IssueCard issues a card under a reference; the same reference returns the same card.
func (c *Client) IssueCard(ctx context.Context, reference string, p retail.Profile) (*retail.Card, error) {
	if !validKey(reference) {
		return nil, retail.BadInput("a card needs a reference of at most %d characters", maxReference)
	}
	e := element{name: "CardIssue", attrs: []string{"reference", reference}}
	e.profile(p)
	return c.oneCard(ctx, c.write, e, "")
}

// UpdateCard replaces the profile of a card.
func (c *Client) UpdateCard(ctx context.Context, card retail.Card) error {
	if !validCode(card.Number) {
		return notFound("card")
	}
	e := element{name: "CardUpdate", attrs: []string{"card", card.Number}}
	e.profile(card.Profile)
	_, err := c.oneCard(ctx, c.write, e, card.Number)
	return err
}

func (e *element) profile(p retail.Profile) {
	e.note("name", p.Name, maxName)
	e.code("phone", p.Phone)
	if p.PhoneVerified {
		e.attrs = append(e.attrs, "phoneVerified", "true")
	}
	if validKey(p.Email) {
		e.attrs = append(e.attrs, "email", p.Email)
	}
	if validKey(p.UnionID) {
		e.attrs = append(e.attrs, "unionId", p.UnionID)
	}
	e.code("birthday", string(p.Birthday))
}

// oneCard makes an exchange whose reply is one card, of this number unless it is empty.
func (c *Client) oneCard(ctx context.Context, g *upstream.Guard, request element, number string) (*retail.Card, error) {
	card, err := exchange(ctx, c, g, request, func(r *reader, out *retail.Card) error {
		var reply cardsReply
		if err := r.cards(&reply); err != nil {
			return err
		}
		if len(reply.cards) != 1 || reply.unreadable > 0 || (number != "" && reply.cards[0].Number != number) {
			return errors.New("pos: the reply is not the card that was asked for")
		}
		*out = reply.cards[0]
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &card, nil
}

// CardPoints lists the card's latest movements of points that the tills know, newest first, 200 at most.
func (c *Client) CardPoints(ctx context.Context, number string) ([]retail.PointEntry, error) {
	if !validCode(number) {
		return nil, notFound("card")
	}
	e := element{name: "CardPoints", attrs: []string{"card", number, "max", strconv.Itoa(maxCardPoints)}}
	reply, err := exchange(ctx, c, c.live, e, (*reader).points)
	if err != nil {
		return nil, err
	}
	if len(reply.entries) == 0 && reply.unreadable > 0 {
		return nil, retail.BadUpstream(retail.SourcePOS, errors.New("pos: no movement of points is readable"))
	}
	c.metrics.Quarantine(retail.SourcePOS, "points", reply.unreadable)
	return reply.entries[:min(len(reply.entries), maxCardPoints)], nil
}
