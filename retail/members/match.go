package members

import (
	"context"
	"slices"

	"github.com/portico-retail/portico/retail"
)

// WeakMatch is a record that resembles a member but is not joined with it, and why. A person may still prove that it is
// theirs (BindCard, Merge).
type WeakMatch struct {
	Source retail.Source
	Key    string
	Reason WeakReason
}

// WeakReason is why a match is not good enough.
type WeakReason string

// Weak reasons.
const (
	WeakUnverified   WeakReason = "UNVERIFIED"   // the same phone, but not verified on both sides
	WeakContradicted WeakReason = "CONTRADICTED" // other evidence says that it is somebody else
	WeakSeveral      WeakReason = "SEVERAL"      // more than one record or account has the same evidence
	WeakOwned        WeakReason = "OWNED"        // it belongs to another member
	WeakNotNeeded    WeakReason = "HAS_ONE"      // the member has a record in this system already
)

// findings are what the systems show about a member.
type findings struct {
	links []retail.Identity
	weak  []WeakMatch
}

// candidate is a record that may be the member's.
type candidate struct {
	key    string
	proof  retail.LinkProof
	reason WeakReason // why it is weak; empty when it is strong
	card   string     // the card that an ERP record names
}

// evidence is what an account says about its person.
type evidence struct {
	phone, unionID  string
	verified        bool
	rivalPhone      bool // another person's account has the same verified phone
	rivalUnion      bool
	cards, accounts []string // the member's
}

// match looks for the member's records in the tills' and the ERP's system. A record is joined by strong proof only:
//
//   - the same phone, verified on both sides. Numbers are given to new people after a while, so it does not count against a
//     different WeChat union id;
//   - the same WeChat union id;
//   - the ERP's record names the member's account or card, and nobody else's. A card with another verified phone or union id
//     is somebody else's. The card that a joined record names is joined as well.
//
// Phone and union id only fill a gap: a member who has a record in a system gets no second one by them. More than one
// record, or more than one account, with the same evidence is no proof for any of them. What another member has is theirs.
func (s *Service) match(ctx context.Context, m *retail.Member, account *retail.Account) (findings, error) {
	var found findings
	e, err := s.evidence(ctx, m, account)
	if err != nil {
		return found, err
	}
	if err := s.matchCards(ctx, m, &e, &found); err != nil {
		return found, err
	}
	return found, s.matchCustomers(ctx, m, &e, &found)
}

func (s *Service) evidence(ctx context.Context, m *retail.Member, account *retail.Account) (evidence, error) {
	p := account.Profile
	e := evidence{
		phone: p.Phone, unionID: p.UnionID, verified: p.PhoneVerified && p.Phone != "",
		cards: keys(m, retail.SourcePOS), accounts: keys(m, retail.SourceShop),
	}
	if e.phone == "" && e.unionID == "" {
		return e, nil
	}
	others, err := s.deps.Accounts.FindAccounts(ctx, e.phone, e.unionID)
	for _, other := range others {
		if slices.Contains(e.accounts, other.ID) {
			continue
		}
		e.rivalPhone = e.rivalPhone || other.Profile.PhoneVerified && other.Profile.Phone == e.phone
		e.rivalUnion = e.rivalUnion || other.Profile.UnionID == e.unionID
	}
	return e, err
}

// judge weighs a record's profile against the evidence; ok is false when they have nothing in common.
func (e *evidence) judge(p retail.Profile) (proof retail.LinkProof, reason WeakReason, ok bool) {
	switch {
	case e.unionID != "" && p.UnionID == e.unionID:
		if e.rivalUnion {
			reason = WeakSeveral
		}
		return retail.ProofUnionID, reason, true
	case e.phone == "" || p.Phone != e.phone:
		return "", "", false
	case e.unionID != "" && p.UnionID != "":
		return retail.ProofPhone, WeakContradicted, true
	case !e.verified || !p.PhoneVerified:
		return retail.ProofPhone, WeakUnverified, true
	case e.rivalPhone:
		return retail.ProofPhone, WeakSeveral, true
	}
	return retail.ProofPhone, "", true
}

// contradicts reports whether a profile is somebody else's for all we know.
func (e *evidence) contradicts(p retail.Profile) bool {
	return (e.unionID != "" && p.UnionID != "" && e.unionID != p.UnionID) ||
		(e.verified && p.PhoneVerified && p.Phone != e.phone)
}

func (s *Service) matchCards(ctx context.Context, m *retail.Member, e *evidence, found *findings) error {
	if e.phone == "" && e.unionID == "" {
		return nil
	}
	cards, err := s.deps.Cards.FindCards(ctx, e.phone, e.unionID)
	if err != nil {
		return err
	}
	var list []candidate
	for _, card := range cards {
		proof, reason, ok := e.judge(card.Profile)
		if !ok || slices.Contains(e.cards, card.Number) {
			continue
		}
		if reason == "" {
			if reason, err = s.taken(ctx, m, retail.SourcePOS, card.Number); err != nil {
				return err
			}
		}
		list = append(list, candidate{key: card.Number, proof: proof, reason: reason})
	}
	s.settle(found, retail.SourcePOS, list, len(e.cards) > 0)
	for _, id := range found.links {
		e.cards = append(e.cards, id.Key)
	}
	return nil
}

func (s *Service) matchCustomers(ctx context.Context, m *retail.Member, e *evidence, found *findings) error {
	customers, err := s.customersOf(ctx, e)
	if err != nil {
		return err
	}
	var named, alike []candidate
	for i := range customers {
		c := &customers[i]
		if has(m, retail.SourceERP, c.Number) {
			continue
		}
		mine, other, err := s.names(ctx, m, e, c)
		if err != nil {
			return err
		}
		proof, reason, ok := e.judge(c.Profile)
		switch {
		case mine && other:
			reason = WeakContradicted
		case mine:
			proof, reason = retail.ProofRecord, ""
		case !ok:
			continue
		case other && reason == "":
			reason = WeakContradicted
		}
		if reason == "" {
			if reason, err = s.taken(ctx, m, retail.SourceERP, c.Number); err != nil {
				return err
			}
		}
		one := candidate{key: c.Number, proof: proof, reason: reason, card: c.CardNumber}
		if mine {
			named = append(named, one)
		} else {
			alike = append(alike, one)
		}
	}
	linked := s.settle(found, retail.SourceERP, named, false)
	if more := s.settle(found, retail.SourceERP, alike, len(named) > 0 || m.In(retail.SourceERP) != ""); more != nil {
		linked = more
	}
	if linked == nil || linked.card == "" || slices.Contains(e.cards, linked.card) {
		return nil
	}
	return s.matchNamedCard(ctx, linked.card, found)
}

// customersOf asks the ERP for everything that may be the member's, without repetition.
func (s *Service) customersOf(ctx context.Context, e *evidence) ([]retail.Customer, error) {
	at := func(list []string, i int) string {
		if i < len(list) {
			return list[i]
		}
		return ""
	}
	var all []retail.Customer
	for i := range max(1, len(e.cards), len(e.accounts)) {
		phone, unionID := e.phone, e.unionID
		if i > 0 {
			phone, unionID = "", ""
		}
		some, err := s.deps.Customers.FindCustomers(ctx, phone, unionID, at(e.cards, i), at(e.accounts, i))
		if err != nil {
			return nil, err
		}
		for _, c := range some {
			if !slices.ContainsFunc(all, func(have retail.Customer) bool { return have.Number == c.Number }) {
				all = append(all, c)
			}
		}
	}
	return all, nil
}

// names reports whether an ERP record names the member's card or account, and whether it names somebody else's.
func (s *Service) names(ctx context.Context, m *retail.Member, e *evidence, c *retail.Customer) (mine, other bool, err error) {
	mine = slices.Contains(e.accounts, c.AccountID) || slices.Contains(e.cards, c.CardNumber)
	other = c.AccountID != "" && !slices.Contains(e.accounts, c.AccountID)
	if other || c.CardNumber == "" || slices.Contains(e.cards, c.CardNumber) {
		return mine, other, nil
	}
	reason, err := s.taken(ctx, m, retail.SourcePOS, c.CardNumber)
	if err != nil || reason != "" {
		return mine, true, err
	}
	card, err := s.deps.Cards.Card(ctx, c.CardNumber)
	if isNotFound(err) {
		return mine, false, nil
	}
	return mine, err == nil && e.contradicts(card.Profile), err
}

// matchNamedCard joins the card that a joined ERP record names; nothing speaks against it, or the record would not be joined.
func (s *Service) matchNamedCard(ctx context.Context, number string, found *findings) error {
	if _, err := s.deps.Cards.Card(ctx, number); err != nil {
		if isNotFound(err) {
			return nil
		}
		return err
	}
	found.weak = slices.DeleteFunc(found.weak, func(w WeakMatch) bool { return w.Source == retail.SourcePOS && w.Key == number })
	s.settle(found, retail.SourcePOS, []candidate{{key: number, proof: retail.ProofRecord}}, false)
	return nil
}

func (s *Service) taken(ctx context.Context, m *retail.Member, system retail.Source, key string) (WeakReason, error) {
	owner, err := s.owner(ctx, system, key)
	if err == nil && owner != nil && owner.ID != m.ID {
		return WeakOwned, nil
	}
	return "", err
}

// settle joins the only candidate when it is strong, and notes all others as weak. It returns the one that it joined.
func (s *Service) settle(found *findings, system retail.Source, list []candidate, hasOne bool) *candidate {
	for i := range list {
		c := &list[i]
		switch {
		case c.reason == "" && len(list) > 1:
			c.reason = WeakSeveral
		case c.reason == "" && hasOne:
			c.reason = WeakNotNeeded
		}
		if c.reason == "" {
			found.links = append(found.links, retail.Identity{
				System: system, Key: c.key, LinkedBy: c.proof, LinkedAt: s.deps.Now(),
			})
			return c
		}
		found.weak = append(found.weak, WeakMatch{Source: system, Key: c.key, Reason: c.reason})
	}
	return nil
}
