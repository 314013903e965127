package members

import (
	"context"
	"hash/maphash"
	"log/slog"
	"slices"

	"github.com/portico-retail/portico/retail"
)

// View is a member as the shop shows them now.
type View struct {
	*retail.Member
	// Stale says that the shop is silent and profile, preferred store and addresses are as they were last seen.
	Stale bool
}

// Profile loads a member with profile, preferred store and addresses from the shop, or from the ledger while it is silent.
func (s *Service) Profile(ctx context.Context, memberID string) (*View, error) {
	m, err := s.Member(ctx, memberID)
	if err != nil {
		return nil, err
	}
	account, err := s.account(ctx, m)
	if err != nil {
		return &View{Member: m, Stale: true}, nil
	}
	reflect(m, account)
	return &View{Member: m}, nil
}

// account loads the member's account, CodeNotFound when there is none.
func (s *Service) account(ctx context.Context, m *retail.Member) (*retail.Account, error) {
	id := leading(m, retail.SourceShop)
	if id == "" {
		return nil, retail.Errorf(retail.CodeNotFound, "the member has no account in the shop yet")
	}
	return s.deps.Accounts.Account(ctx, id)
}

// ProfileChange is what a member changes; nil leaves a part as it is. A phone is changed by ChangePhone.
type ProfileChange struct {
	Name     *string
	Email    *string // empty removes it
	Birthday *retail.Date
}

// UpdateProfile changes the profile in the shop; the job that completes the member carries it to the other systems. What is
// removed is removed there at once, because an empty part in the shop says nothing to them.
func (s *Service) UpdateProfile(ctx context.Context, memberID string, p ProfileChange) (*retail.Member, error) {
	if p.Name != nil {
		if err := checkName(*p.Name, "name"); err != nil {
			return nil, err
		}
	}
	if p.Email != nil {
		if err := checkEmail(*p.Email); err != nil {
			return nil, err
		}
	}
	if p.Birthday != nil {
		if err := s.checkBirthday(*p.Birthday); err != nil {
			return nil, err
		}
	}
	m, err := s.changeAccount(ctx, memberID, func(a *retail.Account) error {
		p.apply(&a.Profile)
		return nil
	})
	if err != nil || !(p.Email != nil && *p.Email == "") && !(p.Birthday != nil && *p.Birthday == "") {
		return m, err
	}
	return m, s.removeElsewhere(ctx, m, p)
}

func (p ProfileChange) apply(to *retail.Profile) {
	if p.Name != nil {
		to.Name = *p.Name
	}
	if p.Email != nil {
		to.Email = *p.Email
	}
	if p.Birthday != nil {
		to.Birthday = *p.Birthday
	}
}

func (s *Service) removeElsewhere(ctx context.Context, m *retail.Member, p ProfileChange) error {
	for _, number := range keys(m, retail.SourcePOS) {
		card, err := s.deps.Cards.Card(ctx, number)
		if isNotFound(err) {
			continue
		}
		if err != nil {
			return err
		}
		before := card.Profile
		if p.apply(&card.Profile); card.Profile != before {
			if err := s.deps.Cards.UpdateCard(ctx, *card); err != nil {
				return err
			}
		}
	}
	for _, number := range keys(m, retail.SourceERP) {
		customer, err := s.deps.Customers.Customer(ctx, number)
		if isNotFound(err) {
			continue
		}
		if err != nil {
			return err
		}
		before := customer.Profile
		if p.apply(&customer.Profile); customer.Profile != before {
			if err := s.deps.Customers.UpdateCustomer(ctx, *customer); err != nil {
				return err
			}
		}
	}
	return nil
}

// SetPreferredStore chooses the member's store; an empty code chooses none. It refuses with WhyInvalid a place that is not a
// store.
func (s *Service) SetPreferredStore(ctx context.Context, memberID, code string) (*retail.Member, error) {
	if code != "" {
		if place, ok := s.deps.Places.ByCode(code); !ok || place.Kind != retail.Store {
			return nil, retail.Refuse(retail.WhyInvalid, "locationId", "a preferred store is a store")
		}
	}
	return s.changeAccount(ctx, memberID, func(a *retail.Account) error {
		a.PreferredStore = code
		return nil
	})
}

// changeAccount runs f on the account in the shop and then on the ledger's copy. In one process the changes of an account
// happen one after the other; between processes the shop tells that the account was changed meanwhile, and f runs again.
func (s *Service) changeAccount(ctx context.Context, memberID string, f func(a *retail.Account) error) (*retail.Member, error) {
	m, err := s.Member(ctx, memberID)
	if err != nil {
		return nil, err
	}
	id := leading(m, retail.SourceShop)
	if id == "" {
		return nil, retail.Errorf(retail.CodeNotFound, "the member has no account in the shop yet")
	}
	account, err := s.writeAccount(ctx, id, f)
	if err != nil {
		return nil, err
	}
	changed := false
	m, err = s.change(ctx, memberID, func(m *retail.Member) (bool, error) {
		changed = reflect(m, account)
		return changed, nil
	}, job(memberID))
	if err == nil && !changed { // an earlier try may have ended between the shop and the ledger's job
		err = s.deps.Ledger.Enqueue(ctx, job(memberID))
	}
	return m, err
}

func (s *Service) writeAccount(ctx context.Context, id string, f func(a *retail.Account) error) (*retail.Account, error) {
	turn := s.writers[maphash.String(s.seed, id)%uint64(len(s.writers))]
	select {
	case turn <- struct{}{}:
		defer func() { <-turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	var last error
	for range rounds {
		account, err := s.deps.Accounts.Account(ctx, id)
		if err != nil {
			return nil, err
		}
		next := *account
		next.Addresses = slices.Clone(account.Addresses)
		if err := f(&next); err != nil {
			return nil, err
		}
		if next.Profile == account.Profile && next.PreferredStore == account.PreferredStore &&
			sameAddresses(next.Addresses, account.Addresses) {
			return account, nil
		}
		stored, err := s.deps.Accounts.UpdateAccount(ctx, next)
		if err == nil {
			return stored, nil
		}
		if retail.CodeOf(err) != retail.CodeConflict {
			return nil, err
		}
		s.deps.Log.LogAttrs(ctx, slog.LevelDebug, "account was changed meanwhile")
		last = err
	}
	return nil, busy(last)
}
