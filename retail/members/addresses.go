package members

import (
	"context"
	"slices"
	"strings"

	"github.com/portico-retail/portico/retail"
)

// MaxAddresses bounds an address book.
const MaxAddresses = 20

// Address loads an address of the member's address book, CodeNotFound when there is none. While the shop is silent the
// book is as it was last seen.
func (s *Service) Address(ctx context.Context, memberID, addressID string) (*retail.DeliveryAddress, error) {
	v, err := s.Profile(ctx, memberID)
	if err != nil {
		return nil, err
	}
	if i := indexOf(v.Addresses, addressID); i >= 0 && addressID != "" {
		found := v.Addresses[i]
		return &found, nil
	}
	return nil, retail.Errorf(retail.CodeNotFound, "no such address")
}

func indexOf(list []retail.DeliveryAddress, id string) int {
	return slices.IndexFunc(list, func(a retail.DeliveryAddress) bool { return a.ID == id })
}

// AddAddress adds to the member's address book in the shop, 20 at most, and returns the id, which follows from the key: adding
// again under the same key changes nothing.
func (s *Service) AddAddress(ctx context.Context, memberID, key string, a retail.DeliveryAddress) (id string, err error) {
	if err := checkKey(key); err != nil {
		return "", err
	}
	if a, err = s.checkAddress(a); err != nil {
		return "", err
	}
	a.ID = derive("address", memberID, key)
	_, err = s.changeAccount(ctx, memberID, func(account *retail.Account) error {
		if indexOf(account.Addresses, a.ID) >= 0 {
			return nil
		}
		if len(account.Addresses) >= MaxAddresses {
			return limitReached(MaxAddresses, "", "addresses")
		}
		account.Addresses = append(account.Addresses, a)
		return nil
	})
	if err != nil {
		return "", err
	}
	return a.ID, nil
}

// UpdateAddress replaces the address with a's id; WhyNotFound when there is none.
func (s *Service) UpdateAddress(ctx context.Context, memberID string, a retail.DeliveryAddress) error {
	a, err := s.checkAddress(a)
	if err != nil {
		return err
	}
	_, err = s.changeAccount(ctx, memberID, func(account *retail.Account) error {
		i := indexOf(account.Addresses, a.ID)
		if i < 0 || a.ID == "" {
			return retail.Refuse(retail.WhyNotFound, "id", "the member has no such address")
		}
		account.Addresses[i] = a
		return nil
	})
	return err
}

// RemoveAddress takes an address out of the book; one that is not there is removed already.
func (s *Service) RemoveAddress(ctx context.Context, memberID, addressID string) error {
	_, err := s.changeAccount(ctx, memberID, func(account *retail.Account) error {
		account.Addresses = slices.DeleteFunc(account.Addresses, func(a retail.DeliveryAddress) bool { return a.ID == addressID })
		return nil
	})
	return err
}

// checkAddress refuses what nobody can deliver to and writes the phone as E.164.
func (s *Service) checkAddress(a retail.DeliveryAddress) (retail.DeliveryAddress, error) {
	phone, err := s.phone(a.Phone)
	if err != nil {
		return a, err
	}
	a.Phone = phone
	if err := checkName(a.Recipient, "recipient"); err != nil {
		return a, err
	}
	p := a.Address
	switch {
	case len(p.CountryCode) != 2 || strings.Trim(p.CountryCode, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "":
		return a, retail.Refuse(retail.WhyInvalid, "address.countryCode", "a country is two capital letters (ISO 3166-1)")
	case strings.TrimSpace(p.Line) == "" || !text(p.Line, 200):
		return a, retail.Refuse(retail.WhyInvalid, "address.line", "an address line has 1 to 200 characters")
	case !text(p.City, 100):
		return a, retail.Refuse(retail.WhyInvalid, "address.city", "a city has at most 100 characters")
	case !text(p.Province, 100) || !text(p.District, 100) || !text(p.PostalCode, 20):
		return a, retail.Refuse(retail.WhyInvalid, "address", "province, district or postal code is too long")
	case a.Position != nil && !a.Position.Valid():
		return a, retail.Refuse(retail.WhyInvalid, "position", "the position is not on the earth")
	}
	return a, nil
}
