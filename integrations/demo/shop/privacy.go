// What people ask about their own data: a copy, a correction, to be forgotten.

package shop

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Limits of an inquiry and of the answer to it.
const (
	maxInquiryNames  = 50
	maxInquiryOrders = 500
	maxCopied        = 3 << 19 // bytes of a copy
)

// inquiry is whom a request is about.
type inquiry struct {
	Reference  string      `json:"reference"`
	Accounts   []string    `json:"accounts"`
	References []string    `json:"references"` // under which an account may have been asked for
	Owners     []string    `json:"owners"`     // of carts
	Orders     []string    `json:"orders"`
	Profile    *correction `json:"profile,omitempty"`
}

// correction is what to correct; nil stays, an empty text is removed.
type correction struct {
	Name     *string `json:"name"`
	Email    *string `json:"email"`
	Birthday *string `json:"birthday"`
}

// receipt is the answer to an act.
type receipt struct {
	Receipt string `json:"receipt"`
	Records int    `json:"records"`
	Data    any    `json:"data,omitempty"`

	act [sha256.Size]byte // what was asked, and to do what
}

// privacy is what the shop remembers of these acts, and whom it has forgotten: names without a person.
type privacy struct {
	done   *memory[receipt]
	erased *memory[struct{}] // "reference", "owner" or "order", and the name
	seq    int
}

func newPrivacy() privacy {
	return privacy{done: newMemory[receipt](remembered), erased: newMemory[struct{}](remembered)}
}

func (p *privacy) isErased(kind, name string) bool {
	_, erased := p.erased.known[kind+" "+name]
	return erased
}

func (q *inquiry) check(kind string) error {
	switch {
	case !isReference(q.Reference):
		return badRequest("a request needs a reference")
	case max(len(q.Accounts), len(q.References), len(q.Owners)) > maxInquiryNames, len(q.Orders) > maxInquiryOrders:
		return badRequest("at most %d accounts, references and owners, and %d orders", maxInquiryNames, maxInquiryOrders)
	case (kind == "correct") != (q.Profile != nil):
		return badRequest("a correction, and nothing else, has a profile")
	}
	for _, names := range [][]string{q.Accounts, q.References, q.Owners, q.Orders} {
		for _, name := range names {
			if name == "" || !isText(name, maxName) {
				return badRequest("a name is empty, too long or has control characters")
			}
		}
	}
	if q.Profile == nil {
		return nil
	}
	var p Profile
	q.Profile.apply(&p)
	return p.check()
}

func (c *correction) apply(p *Profile) {
	for _, part := range []struct {
		from *string
		to   *string
	}{{c.Name, &p.Name}, {c.Email, &p.Email}, {c.Birthday, &p.Birthday}} {
		if part.from != nil {
			*part.to = *part.from
		}
	}
}

func (s *Server) exportPerson(w http.ResponseWriter, r *http.Request) error {
	return s.actOn(w, r, "export", func(*inquiry) int { return 0 })
}

func (s *Server) correctPerson(w http.ResponseWriter, r *http.Request) error {
	return s.actOn(w, r, "correct", s.correct)
}

func (s *Server) erasePerson(w http.ResponseWriter, r *http.Request) error {
	return s.actOn(w, r, "erase", s.erase)
}

// actOn does what is asked once and gives a receipt. A copy is made anew each time.
func (s *Server) actOn(w http.ResponseWriter, r *http.Request, kind string, do func(*inquiry) int) error {
	var req inquiry
	if err := readJSON(w, r, &req); err != nil {
		return err
	}
	if err := req.check(kind); err != nil {
		return err
	}
	text, err := json.Marshal(req)
	if err != nil {
		return err
	}
	act := sha256.Sum256(append([]byte(kind+" "), text...))
	return s.answer(w, func() (any, error) {
		done, known := s.privacy.done.known[req.Reference]
		switch {
		case known && done.act != act:
			return nil, conflict("the reference asks for something else")
		case !known:
			s.privacy.seq++
			done = receipt{Receipt: fmt.Sprintf("DP-%06d", s.privacy.seq), Records: do(&req), act: act}
			s.privacy.done.keep(req.Reference, done)
		}
		if kind == "export" {
			held, records := s.holdings(&req)
			if done.Data, err = shorten(held); err != nil {
				return nil, err
			}
			done.Records = records
		}
		return done, nil
	})
}

// holdings is everything about the person, the newest first, and how many records that is.
func (s *Server) holdings(q *inquiry) (data map[string][]any, records int) {
	people, bought, baskets, rides, sent := []any{}, []any{}, []any{}, []any{}, []any{}
	phones := map[string]bool{}
	for _, id := range q.Accounts {
		if a := s.accounts.known[id]; a != nil {
			people = append(people, a)
			phones[a.provedPhone()] = true
		}
	}
	delete(phones, "")
	for _, o := range s.salesOf(q.Accounts, q.Orders) {
		bought = append(bought, map[string]any{"order": o.order, "buyer": o.buyer})
	}
	for _, id := range slices.Backward(s.carts.known.order) {
		if c := s.carts.known.known[id]; slices.Contains(q.Owners, c.Owner) {
			baskets = append(baskets, c)
		}
	}
	for _, reference := range slices.Backward(s.deliveries.known.order) {
		if d := s.deliveries.known.known[reference]; d.request != nil && slices.Contains(q.Orders, d.Order) {
			rides = append(rides, map[string]any{"delivery": d, "address": d.request.Address})
		}
	}
	for _, m := range slices.Backward(s.messages.sent) {
		if phones[m.Phone] {
			sent = append(sent, m)
		}
	}
	records = len(people) + len(bought) + len(baskets) + len(rides) + len(sent)
	return map[string][]any{"accounts": people, "orders": bought, "carts": baskets, "deliveries": rides, "messages": sent}, records
}

// shorten lets the oldest half of the longest list go until a copy is not too long.
func shorten(data map[string][]any) (json.RawMessage, error) {
	for {
		text, err := json.Marshal(data)
		if err != nil || len(text) <= maxCopied {
			return text, err
		}
		longest := ""
		for name, list := range data {
			if longest == "" || len(list) > len(data[longest]) {
				longest = name
			}
		}
		data[longest] = data[longest][:len(data[longest])/2]
	}
}

// salesOf are the orders of some accounts and numbers, newest first.
func (s *Server) salesOf(accounts, numbers []string) []*sale {
	var list []*sale
	for _, id := range accounts {
		list = append(list, s.sales.ofAccount[id]...)
	}
	for _, number := range numbers {
		if o := s.sales.known.known[number]; o != nil && !slices.Contains(list, o) {
			list = append(list, o)
		}
	}
	slices.SortStableFunc(list, newestFirst)
	return list
}

func (s *Server) correct(q *inquiry) (records int) {
	for _, id := range q.Accounts {
		old := s.accounts.known[id]
		if old == nil {
			continue
		}
		next := *old
		q.Profile.apply(&next.Profile)
		if next.Profile != old.Profile {
			next.UpdatedAt = s.now().UTC()
			s.accounts.known[id] = &next
		}
		records++
	}
	return records
}

func (s *Server) erase(q *inquiry) (records int) {
	ids := slices.Clone(q.Accounts)
	for _, reference := range q.References {
		if id, made := s.accounts.made.known[reference]; made {
			ids = append(ids, id)
		}
		s.privacy.erased.keep("reference "+reference, struct{}{})
	}
	for _, o := range s.salesOf(ids, q.Orders) {
		o.buyer = nil
		records++
	}
	for _, number := range q.Orders {
		s.privacy.erased.keep("order "+number, struct{}{})
	}
	for _, id := range ids {
		records += s.eraseAccount(id)
	}
	for _, owner := range q.Owners {
		records += s.eraseCarts(owner)
		s.privacy.erased.keep("owner "+owner, struct{}{})
	}
	for _, reference := range slices.Clone(s.deliveries.known.order) {
		d := s.deliveries.known.known[reference]
		if d.request == nil || !slices.Contains(q.Orders, d.Order) {
			continue
		}
		d.request.Address, d.Courier, d.TrackingNo = Address{}, contact{}, ""
		records++
	}
	return records
}

// eraseAccount closes an account. Its orders stay without it, and a reference that made it may make a new one.
func (s *Server) eraseAccount(id string) (records int) {
	a := s.accounts.known[id]
	if a == nil {
		return 0
	}
	delete(s.accounts.known, id)
	for reference, made := range s.accounts.made.known {
		if made == id {
			s.accounts.made.forget(reference)
		}
	}
	for _, o := range s.sales.ofAccount[id] {
		o.account = ""
	}
	delete(s.sales.ofAccount, id)
	return records + 1 + s.messages.forget(a.provedPhone())
}

// provedPhone is the phone that is known to be the customer's; empty when it is only said to be.
func (a *Account) provedPhone() string {
	if !a.Profile.PhoneVerified {
		return ""
	}
	return a.Profile.Phone
}

// forget removes what was sent to a phone and what is known of it.
func (m *messages) forget(phone string) (records int) {
	if phone == "" {
		return 0
	}
	m.secrets.forget(phone)
	for reference, each := range m.asked.known {
		if each.phone == phone {
			m.asked.forget(reference)
		}
	}
	for reference, each := range m.checked.known {
		if each.phone == phone {
			m.checked.forget(reference)
		}
	}
	before := len(m.sent)
	m.sent = slices.DeleteFunc(slices.Clone(m.sent), func(each message) bool { return each.Phone == phone })
	return before - len(m.sent)
}

func (s *Server) eraseCarts(owner string) (records int) {
	c := &s.carts
	for _, id := range slices.Clone(c.known.order) {
		if c.known.known[id].Owner != owner {
			continue
		}
		c.known.forget(id)
		delete(c.changes, id)
		records++
	}
	delete(c.open, owner)
	for reference, made := range c.made.known {
		if made.owner == owner {
			c.made.forget(reference)
		}
	}
	return records
}

// forget removes one.
func (m *memory[V]) forget(reference string) {
	if _, known := m.known[reference]; !known {
		return
	}
	delete(m.known, reference)
	m.order = slices.DeleteFunc(slices.Clone(m.order), func(each string) bool { return each == reference })
}

// Mentions lists where the shop still has one of these texts, for tests: what is forgotten is nowhere.
func (s *Server) Mentions(texts ...string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []string
	look := func(where string, what any) {
		text, err := json.Marshal(what)
		for _, each := range texts {
			if err != nil || strings.Contains(string(text), each) {
				found = append(found, where)
				return
			}
		}
	}
	for id, a := range s.accounts.known {
		look("account "+id, a)
	}
	for id, c := range s.carts.known.known {
		look("cart "+id, c)
	}
	for id, changes := range s.carts.changes {
		look("changes of cart "+id, changes.known)
	}
	for number, o := range s.sales.known.known {
		look("order "+number, []any{o.order, o.account, o.buyer})
	}
	for reference, d := range s.deliveries.known.known {
		look("delivery "+reference, []any{d, d.request})
	}
	for _, m := range s.messages.sent {
		look("message", m)
	}
	for reference, each := range s.messages.asked.known {
		look("code "+reference, each.phone)
	}
	for reference, each := range s.messages.checked.known {
		look("check "+reference, each.phone)
	}
	for phone := range s.messages.secrets.known {
		look("secret", phone)
	}
	slices.Sort(found)
	return found
}
