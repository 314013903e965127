package members

import (
	"context"
	"log/slog"

	"github.com/portico-retail/portico/retail"
)

// SignedIn is the member behind the subject of a member's token, which is the id of the shop's account. At the first sign-in
// the member is made, with the card and customer record that strong proof gives it (match). The ledger alone suffices for a
// member that it knows; for a new one the shop is needed as well. A subject that the shop does not know fails with
// CodeForbidden.
func (s *Service) SignedIn(ctx context.Context, subject string) (*retail.Member, error) {
	if !plain(subject, 100) {
		return nil, retail.Errorf(retail.CodeForbidden, "the token is for no account of the shop")
	}
	if m, ok := s.remembered(subject); ok {
		return m, nil
	}
	m, err := s.owner(ctx, retail.SourceShop, subject)
	if err != nil {
		return nil, err
	}
	if m == nil {
		account, err := s.deps.Accounts.Account(ctx, subject)
		switch {
		case isNotFound(err):
			return nil, retail.Errorf(retail.CodeForbidden, "the token is for no account of the shop")
		case err != nil:
			return nil, err
		}
		if m, err = s.adopt(ctx, account, retail.ProofSignIn); err != nil {
			return nil, err
		}
	}
	s.remember(subject, m)
	return clone(m), nil
}

// adopt finds or makes the member of an account that was proved to be the caller's. The id follows from the account, so
// that several gateways that do it at the same time make one member. Whatever is missing follows in a job.
func (s *Service) adopt(ctx context.Context, account *retail.Account, proof retail.LinkProof) (*retail.Member, error) {
	var last error
	for round := range rounds {
		if m, err := s.owner(ctx, retail.SourceShop, account.ID); m != nil || err != nil {
			return m, err
		}
		now := s.deps.Now()
		m := &retail.Member{
			ID: derive("m", account.ID), CreatedAt: now,
			Identities: []retail.Identity{{System: retail.SourceShop, Key: account.ID, LinkedBy: proof, LinkedAt: now}},
		}
		reflect(m, account)
		if round == 0 { // a record that somebody else took meanwhile is left to the job
			s.linkSoon(ctx, m, account)
		}
		stored, err := s.deps.Ledger.SaveMember(ctx, m, job(m.ID))
		if err == nil {
			s.count(stored.Identities)
			return stored, nil
		}
		if retail.CodeOf(err) != retail.CodeConflict {
			return nil, err
		}
		last = err
	}
	return nil, busy(last)
}

// linkSoon joins what ERP and tills show in the time that a sign-in may wait for them; a silent one is left to the job.
func (s *Service) linkSoon(ctx context.Context, m *retail.Member, account *retail.Account) {
	ctx, cancel := context.WithTimeout(ctx, s.config.LinkWithin)
	defer cancel()
	found, err := s.match(ctx, m, account)
	if err != nil {
		s.deps.Log.LogAttrs(ctx, slog.LevelWarn, "member not linked yet",
			slog.String("member", m.ID), slog.String("code", string(retail.CodeOf(err))))
		return
	}
	for _, id := range found.links {
		add(m, id)
	}
}

func (s *Service) count(ids []retail.Identity) {
	for _, id := range ids {
		s.metrics.linked.WithLabelValues(string(id.System), string(id.LinkedBy)).Inc()
	}
}

// reflect copies what the shop says about the person, for the time when the shop is silent. It reports whether that
// changed anything.
func reflect(m *retail.Member, account *retail.Account) bool {
	if m.Profile == account.Profile && m.PreferredStore == account.PreferredStore && sameAddresses(m.Addresses, account.Addresses) {
		return false
	}
	m.Profile, m.PreferredStore, m.Addresses = account.Profile, account.PreferredStore, account.Addresses
	return true
}
