// Accounts are the shop's customers. A stored account is never changed, only replaced.

package shop

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Limits of accounts.
const (
	maxAddresses = 20
	maxFound     = 10
)

// Account is a customer.
type Account struct {
	ID             string    `json:"id"`
	Profile        Profile   `json:"profile"`
	PreferredStore string    `json:"preferredStore"` // location code, empty when none
	Addresses      []Address `json:"addresses"`
	UpdatedAt      time.Time `json:"updatedAt"`
}

// Profile is what a customer says about themselves; an empty text is unknown.
type Profile struct {
	Name          string `json:"name"`
	Phone         string `json:"phone"` // E.164
	PhoneVerified bool   `json:"phoneVerified"`
	Email         string `json:"email"`
	UnionID       string `json:"unionId"`
	Birthday      string `json:"birthday"` // YYYY-MM-DD
}

// Address is where and to whom something goes.
type Address struct {
	ID          string    `json:"id"`
	Recipient   string    `json:"recipient"`
	Phone       string    `json:"phone"`
	CountryCode string    `json:"countryCode"`
	Province    string    `json:"province"`
	City        string    `json:"city"`
	District    string    `json:"district"`
	Line        string    `json:"line"`
	PostalCode  string    `json:"postalCode"`
	Position    *Position `json:"position"` // nil when unknown
}

// Position is a point on the earth, WGS-84 degrees.
type Position struct {
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
}

func (p Profile) check() error {
	switch {
	case !isText(p.Name, maxName), !isText(p.Email, maxName), !isText(p.UnionID, maxReference):
		return badRequest("a text of the profile is too long or has control characters")
	case p.Phone != "" && !isPhone(p.Phone):
		return badRequest("the phone number is not in E.164")
	case p.Phone == "" && p.PhoneVerified:
		return badRequest("no phone number was verified")
	case p.Birthday != "" && !isDay(p.Birthday):
		return badRequest("the birthday is no day")
	}
	return nil
}

func (a Address) check() error {
	for _, text := range []string{a.ID, a.Recipient, a.CountryCode, a.Province, a.City, a.District, a.Line, a.PostalCode} {
		if !isText(text, maxName) {
			return badRequest("a text of the address is too long or has control characters")
		}
	}
	switch p := a.Position; {
	case a.Phone != "" && !isPhone(a.Phone):
		return badRequest("the phone number of the address is not in E.164")
	case p != nil && !(p.Latitude >= -90 && p.Latitude <= 90 && p.Longitude >= -180 && p.Longitude <= 180):
		return badRequest("the position is not on the earth")
	}
	return nil
}

// same reports whether two addresses differ in their ids at most.
func (a Address) same(b Address) bool {
	b.ID = a.ID
	return reflect.DeepEqual(a, b)
}

type accounts struct {
	known map[string]*Account
	made  *memory[string] // ids, by the reference that made them
	seq   int
}

func newAccounts(list []Account) accounts {
	a := accounts{known: map[string]*Account{}, made: newMemory[string](remembered)}
	for _, each := range list {
		each.Addresses = slices.Clone(each.Addresses)
		if each.Addresses == nil {
			each.Addresses = []Address{}
		}
		for i := range each.Addresses {
			if each.Addresses[i].ID == "" {
				each.Addresses[i].ID = a.next("d-")
			}
		}
		a.known[each.ID] = &each
	}
	return a
}

func (a *accounts) next(prefix string) string {
	a.seq++
	return fmt.Sprintf("%s%d", prefix, a.seq)
}

func (s *Server) getAccount(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	s.mu.Lock()
	found := s.accounts.known[id]
	s.mu.Unlock()
	if found == nil {
		return missing("account", id)
	}
	return writeRead(w, r, found)
}

func (s *Server) findAccounts(w http.ResponseWriter, r *http.Request) error {
	query, err := parseQuery(r, "phone", "unionId")
	if err != nil {
		return err
	}
	phone, unionID := query.Get("phone"), query.Get("unionId")
	found := []*Account{}
	s.mu.Lock()
	for _, a := range s.accounts.known {
		p := a.Profile
		if (phone != "" && p.Phone == phone && p.PhoneVerified) || (unionID != "" && p.UnionID == unionID) {
			found = append(found, a)
		}
	}
	s.mu.Unlock()
	slices.SortFunc(found, func(a, b *Account) int { return strings.Compare(a.ID, b.ID) })
	return writeRead(w, r, map[string]any{"accounts": found[:min(len(found), maxFound)]})
}

func (s *Server) postAccount(w http.ResponseWriter, r *http.Request) error {
	var req struct {
		Reference string  `json:"reference"`
		Profile   Profile `json:"profile"`
	}
	if err := readJSON(w, r, &req); err != nil {
		return err
	}
	if !isReference(req.Reference) {
		return badRequest("an account needs a reference")
	}
	if err := req.Profile.check(); err != nil {
		return err
	}
	opened, err := s.openAccount(req.Reference, req.Profile)
	if err != nil {
		return err
	}
	return writeJSON(w, opened)
}

func (s *Server) openAccount(reference string, p Profile) (*Account, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := &s.accounts
	if s.privacy.isErased("reference", reference) {
		return nil, conflict("whoever had this reference is forgotten")
	}
	if id, known := a.made.known[reference]; known {
		return a.known[id], nil
	}
	id := a.next("u-")
	for a.known[id] != nil {
		id = a.next("u-")
	}
	made := &Account{ID: id, Profile: p, Addresses: []Address{}, UpdatedAt: s.now().UTC()}
	a.known[id] = made
	a.made.keep(reference, id)
	return made, nil
}

func (s *Server) putAccount(w http.ResponseWriter, r *http.Request) error {
	var req struct {
		Profile        Profile   `json:"profile"`
		PreferredStore string    `json:"preferredStore"`
		Addresses      []Address `json:"addresses"`
	}
	if err := readJSON(w, r, &req); err != nil {
		return err
	}
	if err := req.Profile.check(); err != nil {
		return err
	}
	if len(req.Addresses) > maxAddresses || len(req.PreferredStore) > maxText {
		return badRequest("at most %d addresses, and a store of at most %d bytes", maxAddresses, maxText)
	}
	for _, a := range req.Addresses {
		if err := a.check(); err != nil {
			return err
		}
	}
	id := r.PathValue("id")
	return s.answer(w, func() (any, error) {
		old := s.accounts.known[id]
		if old == nil {
			return nil, missing("account", id)
		}
		next := &Account{
			ID: id, Profile: req.Profile, PreferredStore: req.PreferredStore, UpdatedAt: old.UpdatedAt,
			Addresses: s.accounts.named(req.Addresses, old.Addresses),
		}
		if !reflect.DeepEqual(next, old) {
			next.UpdatedAt = s.now().UTC()
			s.accounts.known[id] = next
		}
		return s.accounts.known[id], nil
	})
}

// named gives ids to addresses that have none: that of an equal one that is there already and not taken, else a new one.
func (a *accounts) named(list, old []Address) []Address {
	taken := map[string]bool{}
	for _, each := range list {
		taken[each.ID] = true
	}
	out := make([]Address, len(list))
	for i, each := range list {
		if each.ID == "" {
			at := slices.IndexFunc(old, func(o Address) bool { return o.same(each) && !taken[o.ID] })
			if at >= 0 {
				each.ID = old[at].ID
			} else {
				each.ID = a.next("d-")
			}
			taken[each.ID] = true
		}
		out[i] = each
	}
	return out
}
