package members

import (
	"context"
	"strconv"

	"github.com/portico-retail/portico/retail"
)

// CheckCorrection refuses, with WhyInvalid, what UpdateProfile refuses.
func (s *Service) CheckCorrection(c retail.ProfileCorrection) error {
	if c.Name != nil {
		if err := checkName(*c.Name, "name"); err != nil {
			return err
		}
	}
	if c.Email != nil {
		if err := checkEmail(*c.Email); err != nil {
			return err
		}
	}
	if c.Birthday != nil {
		return s.checkBirthday(*c.Birthday)
	}
	return nil
}

// Correct sets what c says in the ledger's record of the member, which shows while the shop is silent. The systems are corrected
// by whoever asks.
func (s *Service) Correct(ctx context.Context, memberID string, c retail.ProfileCorrection) error {
	p := ProfileChange(c)
	_, err := s.change(ctx, memberID, func(m *retail.Member) (bool, error) {
		before := m.Profile
		p.apply(&m.Profile)
		return m.Profile != before, nil
	})
	return err
}

// createdTries is how many references create tries.
const createdTries = 5

// CreatedUnder lists the references under which the gateway may have asked a system for a record of the member.
func (*Service) CreatedUnder(memberID string, system retail.Source) []string {
	list := make([]string, createdTries)
	for n := range list {
		list[n] = createdUnder(memberID, system, n)
	}
	return list
}

func createdUnder(memberID string, system retail.Source, n int) string {
	return derive("portico", memberID, string(system), strconv.Itoa(n))
}

// Forget forgets a member whom this process remembers as signed in.
func (s *Service) Forget(memberID string) { s.forgetID(memberID) }
