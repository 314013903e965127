package members

import (
	"context"

	"github.com/portico-retail/portico/retail"
)

// BindCard joins a loyalty card by proof: its PIN or, without one, the same phone, verified on the card and in the account. A
// wrong PIN and an unknown card look the same (WhyProofRejected); a card of another member is refused with WhyAlreadyLinked
// once the proof holds. Binding a card again changes nothing. The ERP's record of the card, with its points, follows in
// the job that completes the member.
func (s *Service) BindCard(ctx context.Context, memberID, number, pin string) (*retail.Member, error) {
	m, err := s.Member(ctx, memberID)
	if err != nil || has(m, retail.SourcePOS, number) {
		return m, err
	}
	if err := s.allowed(ctx, derive("cards", memberID), s.config.PINs, "number"); err != nil {
		return nil, err
	}
	proof, err := s.proveCard(ctx, m, number, pin)
	if err != nil {
		return nil, err
	}
	id := retail.Identity{System: retail.SourcePOS, Key: number, LinkedBy: proof, LinkedAt: s.deps.Now()}
	bound, err := s.change(ctx, memberID, func(m *retail.Member) (bool, error) {
		if has(m, retail.SourcePOS, number) {
			return false, nil
		}
		if len(m.Identities) >= MaxIdentities {
			return false, limitReached(MaxIdentities, "number", "records of one member")
		}
		owner, err := s.owner(ctx, retail.SourcePOS, number)
		if err != nil {
			return false, err
		}
		if owner != nil && owner.ID != memberID {
			return false, retail.Refuse(retail.WhyAlreadyLinked, "number", "the card belongs to another member")
		}
		add(m, id)
		return true, nil
	}, job(memberID))
	if err != nil {
		return nil, err
	}
	s.count([]retail.Identity{id})
	return bound, nil
}

func rejected(field string) error {
	return retail.Refuse(retail.WhyProofRejected, field, "card and PIN do not belong together, or the card's phone is another")
}

func (s *Service) proveCard(ctx context.Context, m *retail.Member, number, pin string) (retail.LinkProof, error) {
	if !plain(number, 40) {
		return "", rejected("number")
	}
	if pin != "" {
		return retail.ProofCard, s.checkPIN(ctx, number, pin)
	}
	if err := s.allowed(ctx, derive("pins", number), s.config.PINs, "number"); err != nil {
		return "", err
	}
	account, err := s.account(ctx, m) // first, so that an unknown card takes no less work than another's
	if err != nil {
		return "", err
	}
	card, err := s.deps.Cards.Card(ctx, number)
	if isNotFound(err) {
		return "", rejected("number")
	}
	if err != nil {
		return "", err
	}
	if phone := verifiedPhone(&account.Profile); phone == "" || phone != verifiedPhone(&card.Profile) {
		return "", rejected("number")
	}
	return retail.ProofPhone, nil
}

// checkPIN refuses a PIN that is not the card's. Tries are counted by card, whoever tries and with whatever proof.
func (s *Service) checkPIN(ctx context.Context, number, pin string) error {
	if !plain(number, 40) || !plain(pin, 12) {
		return rejected("pin")
	}
	if err := s.allowed(ctx, derive("pins", number), s.config.PINs, "pin"); err != nil {
		return err
	}
	ok, err := s.deps.Cards.CheckPIN(ctx, number, pin)
	switch {
	case isNotFound(err), err == nil && !ok:
		return rejected("pin")
	}
	return err
}
