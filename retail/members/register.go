package members

import (
	"context"
	"strconv"

	"github.com/portico-retail/portico/retail"
)

// RegisterRequest asks for a membership.
type RegisterRequest struct {
	Key      string // idempotency key of the caller
	Caller   string // who asks: a session or a network address; tries are counted by it
	Name     string
	Phone    string
	Code     string // sent to the phone by StartVerification
	Email    string // optional
	Birthday retail.Date
}

// Registration is what became of it.
type Registration struct {
	Member *retail.Member
	// Existing says that the phone's account was there before; it is left as it is.
	Existing bool
}

// StartVerification lets the shop send a code to a phone, whether or not anybody has it. It refuses with WhyInvalid a number
// that is none, and with WhyLimitReached too many codes for one phone or one caller. The same key sends no second code.
func (s *Service) StartVerification(ctx context.Context, caller, key, phone string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	e164, err := s.phone(phone)
	if err != nil {
		return err
	}
	for _, count := range []struct {
		kind  string
		limit Limit
	}{{"asks", s.config.Asks}, {"asks of a day", s.config.AsksDay}} {
		if err := s.allowedCaller(ctx, count.kind, caller, count.limit, ""); err != nil {
			return err
		}
	}
	for _, count := range []struct {
		kind  string
		limit Limit
	}{{"codes", s.config.Codes}, {"codes of a day", s.config.CodesDay}} {
		if err := s.allowed(ctx, derive(count.kind, e164), count.limit, "phone"); err != nil {
			return err
		}
	}
	return s.deps.Accounts.SendCode(ctx, derive("code", caller, key, e164), e164)
}

// checkCode refuses with WhyCodeRejected a code that is not the phone's. The same use of it gets the same answer, and no
// other: phone and code are part of the reference, so that an answer for one phone never counts for another.
func (s *Service) checkCode(ctx context.Context, use, who, key, e164, code string) error {
	if !plain(code, 12) {
		return retail.Refuse(retail.WhyCodeRejected, "code", "the code is wrong or used up")
	}
	if err := s.allowedCaller(ctx, "guesses", who, s.config.Guesses, "code"); err != nil {
		return err
	}
	if err := s.allowed(ctx, derive("checks", e164), s.config.Checks, "code"); err != nil {
		return err
	}
	ok, err := s.deps.Accounts.CheckCode(ctx, derive(use, who, key, e164, code), e164, code)
	switch {
	case err != nil:
		return err
	case !ok:
		return retail.Refuse(retail.WhyCodeRejected, "code", "the code is wrong or used up")
	}
	return nil
}

// Register makes a member of whoever holds the phone. The phone's account, when there is one, is found instead of made
// again, and only after the code was right; two accounts with the phone are no proof for either (WhyProofRejected). Doing it
// again under the same key gives the same member. What ERP and tills have to know follows in a job.
func (s *Service) Register(ctx context.Context, r RegisterRequest) (*Registration, error) {
	e164, err := s.checkRegistration(r)
	if err != nil {
		return nil, err
	}
	if err := s.checkCode(ctx, "register", r.Caller, r.Key, e164, r.Code); err != nil {
		return nil, err
	}
	account, err := s.accountOf(ctx, e164)
	if err != nil {
		return nil, err
	}
	existing, proof := account != nil, retail.ProofPhone
	if !existing {
		proof = retail.ProofCreated
		account, err = s.createAccount(ctx, retail.Profile{
			Name: r.Name, Phone: e164, PhoneVerified: true, Email: r.Email, Birthday: r.Birthday,
		})
		if err != nil {
			return nil, err
		}
	}
	m, err := s.adopt(ctx, account, proof)
	if err != nil {
		return nil, err
	}
	return &Registration{Member: clone(m), Existing: existing}, nil
}

func (s *Service) checkRegistration(r RegisterRequest) (e164 string, err error) {
	for _, err := range []error{checkKey(r.Key), checkName(r.Name, "name"), checkEmail(r.Email), s.checkBirthday(r.Birthday)} {
		if err != nil {
			return "", err
		}
	}
	return s.phone(r.Phone)
}

// accountOf is the account that has the phone, verified; nil when there is none. It refuses when there are several.
func (s *Service) accountOf(ctx context.Context, e164 string) (*retail.Account, error) {
	accounts, err := s.deps.Accounts.FindAccounts(ctx, e164, "")
	if err != nil {
		return nil, err
	}
	var found *retail.Account
	for i := range accounts {
		if verifiedPhone(&accounts[i].Profile) != e164 {
			continue
		}
		if found != nil {
			return nil, retail.Refuse(retail.WhyProofRejected, "phone", "several accounts have this phone: sign in to the one that is meant")
		}
		found = &accounts[i]
	}
	return found, nil
}

// createAccount opens the account of a phone. The reference follows from the phone, so that two registrations at the same time
// open one. An account that was opened under it long ago and has another phone by now is its owner's: the next is taken.
func (s *Service) createAccount(ctx context.Context, p retail.Profile) (*retail.Account, error) {
	for n := range 10 {
		account, err := s.deps.Accounts.CreateAccount(ctx, derive("portico", "phone", p.Phone, strconv.Itoa(n)), p)
		if err != nil {
			return nil, err
		}
		if verifiedPhone(&account.Profile) == p.Phone {
			return account, nil
		}
	}
	return nil, retail.Errorf(retail.CodeInternal, "no account could be opened for the phone")
}

// ChangePhone gives the member's account another phone, proved by a code that StartVerification sent to it. It refuses with
// WhyAlreadyLinked a phone that another account has: its owner may merge the two instead.
func (s *Service) ChangePhone(ctx context.Context, memberID, key, phone, code string) (*retail.Member, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	e164, err := s.phone(phone)
	if err != nil {
		return nil, err
	}
	m, err := s.Member(ctx, memberID)
	if err != nil {
		return nil, err
	}
	if err := s.checkCode(ctx, "phone", memberID, key, e164, code); err != nil {
		return nil, err
	}
	others, err := s.deps.Accounts.FindAccounts(ctx, e164, "")
	if err != nil {
		return nil, err
	}
	for i := range others {
		if verifiedPhone(&others[i].Profile) == e164 && !has(m, retail.SourceShop, others[i].ID) {
			return nil, retail.Refuse(retail.WhyAlreadyLinked, "phone", "another account has this phone")
		}
	}
	return s.changeAccount(ctx, memberID, func(a *retail.Account) error {
		a.Profile.Phone, a.Profile.PhoneVerified = e164, true
		return nil
	})
}
