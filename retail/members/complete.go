package members

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"

	"github.com/portico-retail/portico/retail"
)

// RunJob does what a retail.JobMember asks for: it completes a member or, under a merge's own key, sweeps up after the
// merge. An error asks for another try later.
func (s *Service) RunJob(ctx context.Context, key string) error {
	if id, ok := strings.CutPrefix(key, mergeJobPrefix); ok {
		return s.sweep(ctx, id)
	}
	return s.Complete(ctx, key)
}

// RequestCompletion lets a job complete the member.
func (s *Service) RequestCompletion(ctx context.Context, memberID string) error {
	if _, err := s.Member(ctx, memberID); err != nil {
		return err
	}
	return s.deps.Ledger.Enqueue(ctx, job(memberID))
}

// Complete makes the member whole in every system: it joins the records that strong proof shows, creates those that are
// missing, lets the ERP's record name the member's card and account, and carries the profile from the shop to the others.
//
// The shop decides name, e-mail, birthday and phone, a phone only as far as the shop has verified it; what the shop leaves
// empty the others keep. The ERP decides the tier. Records that came with a merge keep their own profile, so that undoing
// the merge restores them. What is created has a reference that follows from the member, so that a lost reply makes no second
// one. Doing it again changes nothing.
func (s *Service) Complete(ctx context.Context, memberID string) error {
	err := s.completeUntilSettled(ctx, memberID)
	outcome := "done"
	if err != nil {
		outcome = "failed"
	}
	s.metrics.completed.WithLabelValues(outcome).Inc()
	return err
}

func (s *Service) completeUntilSettled(ctx context.Context, memberID string) error {
	last := errors.New("members: the member changed in every round")
	for range rounds {
		m, err := s.deps.Ledger.Member(ctx, memberID)
		switch {
		case isNotFound(err):
			return nil // nothing to complete, and never will be
		case err != nil:
			return err
		case merged(m):
			return nil
		}
		c := &completion{Service: s, m: clone(m)}
		switch err := c.run(ctx); {
		case err == nil && c.settled:
			return nil
		case err != nil && retail.CodeOf(err) != retail.CodeConflict:
			return err
		case err != nil:
			last = err
		}
	}
	return busy(last)
}

// completion is one round of completing a member.
type completion struct {
	*Service
	m       *retail.Member
	account *retail.Account
	settled bool // nobody changed the member meanwhile, so what was written to the systems still holds
}

func (c *completion) run(ctx context.Context) error {
	for _, step := range []func(context.Context) error{c.open, c.link, c.issueCard, c.createCustomer, c.nameInERP, c.carryProfile} {
		err := step(ctx)
		if errors.Is(err, errClosed) {
			c.settled = true
			return nil
		}
		if err != nil {
			return err
		}
	}
	now, err := c.deps.Ledger.Member(ctx, c.m.ID)
	if err != nil {
		return err
	}
	c.settled = now.Version == c.m.Version
	return nil
}

// errClosed says that the account is no more: there is nothing to go by, and the report shows it.
var errClosed = errors.New("members: the account is closed")

func (c *completion) save(ctx context.Context) error {
	stored, err := c.deps.Ledger.SaveMember(ctx, c.m)
	if err != nil {
		return err
	}
	c.m = clone(stored)
	c.forget(c.m)
	return nil
}

// open loads the account, or creates one for a member who has none.
func (c *completion) open(ctx context.Context) error {
	if id := leading(c.m, retail.SourceShop); id != "" {
		account, err := c.deps.Accounts.Account(ctx, id)
		if isNotFound(err) {
			c.deps.Log.LogAttrs(ctx, slog.LevelWarn, "account of a member is closed", slog.String("member", c.m.ID))
			return errClosed
		}
		c.account = account
		return err
	}
	return c.create(ctx, retail.SourceShop, func(reference string) (string, error) {
		account, err := c.deps.Accounts.CreateAccount(ctx, reference, c.m.Profile)
		if err != nil {
			return "", err
		}
		c.account = account
		return account.ID, nil
	})
}

func (c *completion) link(ctx context.Context) error {
	found, err := c.match(ctx, c.m, c.account)
	if err != nil || len(found.links) == 0 || len(c.m.Identities)+len(found.links) > MaxIdentities {
		return err
	}
	for _, id := range found.links {
		add(c.m, id)
	}
	if err := c.save(ctx); err != nil {
		return err
	}
	c.count(found.links)
	return nil
}

func (c *completion) issueCard(ctx context.Context) error {
	if c.m.In(retail.SourcePOS) != "" {
		return nil
	}
	return c.create(ctx, retail.SourcePOS, func(reference string) (string, error) {
		card, err := c.deps.Cards.IssueCard(ctx, reference, c.account.Profile)
		if err != nil {
			return "", err
		}
		return card.Number, nil
	})
}

func (c *completion) createCustomer(ctx context.Context) error {
	if c.m.In(retail.SourceERP) != "" {
		return nil
	}
	card, account := leading(c.m, retail.SourcePOS), leading(c.m, retail.SourceShop)
	return c.create(ctx, retail.SourceERP, func(reference string) (string, error) {
		customer, err := c.deps.Customers.CreateCustomer(ctx, reference, c.account.Profile, card, account)
		if err != nil {
			return "", err
		}
		return customer.Number, nil
	})
}

// create makes the member's record in a system. One that was made before under the reference and belongs to another member by
// now, who proved that it is theirs, is left to them.
func (c *completion) create(ctx context.Context, system retail.Source, record func(reference string) (key string, err error)) error {
	for n := range createdTries {
		key, err := record(createdUnder(c.m.ID, system, n))
		if err != nil {
			return err
		}
		owner, err := c.owner(ctx, system, key)
		if err != nil {
			return err
		}
		if owner == nil {
			id := retail.Identity{System: system, Key: key, LinkedBy: retail.ProofCreated, LinkedAt: c.deps.Now()}
			c.m.Identities = append(c.m.Identities, id)
			if err := c.save(ctx); err != nil {
				return err
			}
			c.count([]retail.Identity{id})
			return nil
		}
		if owner.ID == c.m.ID {
			return busy(nil) // another gateway was faster: look again
		}
	}
	return retail.Errorf(retail.CodeInternal, "every record created for the member belongs to somebody else")
}

// nameInERP lets every ERP record of the member name a card and an account of the member. A name that is one of them stays.
func (c *completion) nameInERP(ctx context.Context) error {
	for _, number := range keys(c.m, retail.SourceERP) {
		customer, err := c.deps.Customers.Customer(ctx, number)
		if isNotFound(err) {
			continue
		}
		if err != nil {
			return err
		}
		if !rename(c.m, customer) {
			continue
		}
		if err := c.deps.Customers.UpdateCustomer(ctx, *customer); err != nil {
			return err
		}
	}
	return nil
}

// rename corrects whom an ERP record names and reports whether that changed anything.
func rename(m *retail.Member, c *retail.Customer) bool {
	changed := false
	for _, name := range []struct {
		system retail.Source
		key    *string
	}{{retail.SourcePOS, &c.CardNumber}, {retail.SourceShop, &c.AccountID}} {
		if lead := leading(m, name.system); lead != "" && !has(m, name.system, *name.key) {
			*name.key, changed = lead, true
		}
	}
	return changed
}

func (c *completion) carryProfile(ctx context.Context) error {
	want := c.account.Profile
	if number := ownKey(c.m, retail.SourcePOS); number != "" {
		card, err := c.deps.Cards.Card(ctx, number)
		if err != nil && !isNotFound(err) {
			return err
		}
		if err == nil && impose(want, &card.Profile) {
			if err := c.deps.Cards.UpdateCard(ctx, *card); err != nil {
				return err
			}
		}
	}
	if number := ownKey(c.m, retail.SourceERP); number != "" {
		customer, err := c.deps.Customers.Customer(ctx, number)
		if err != nil && !isNotFound(err) {
			return err
		}
		if err == nil && impose(want, &customer.Profile) {
			if err := c.deps.Customers.UpdateCustomer(ctx, *customer); err != nil {
				return err
			}
		}
	}
	if !reflect(c.m, c.account) {
		return nil
	}
	return c.save(ctx)
}

// impose writes what the shop decides into another system's profile and reports whether that changed anything.
func impose(want retail.Profile, p *retail.Profile) bool {
	before := *p
	for _, f := range profileFields {
		if value := f.of(&want); value != "" {
			f.set(p, value)
		}
	}
	return *p != before
}

// profileField is a part of a profile that the shop decides.
type profileField struct {
	name string
	of   func(*retail.Profile) string // empty when the shop does not decide it
	set  func(*retail.Profile, string)
}

var profileFields = []profileField{
	{"name", func(p *retail.Profile) string { return p.Name }, func(p *retail.Profile, v string) { p.Name = v }},
	{"email", func(p *retail.Profile) string { return p.Email }, func(p *retail.Profile, v string) { p.Email = v }},
	{
		"birthday", func(p *retail.Profile) string { return string(p.Birthday) },
		func(p *retail.Profile, v string) { p.Birthday = retail.Date(v) },
	},
	{"phone", verifiedPhone, func(p *retail.Profile, v string) { p.Phone, p.PhoneVerified = v, true }},
}

func verifiedPhone(p *retail.Profile) string {
	if !p.PhoneVerified {
		return ""
	}
	return p.Phone
}

// leading is the member's key in a system for others to name: their own before what came with a merge.
func leading(m *retail.Member, system retail.Source) string {
	if own := ownKey(m, system); own != "" {
		return own
	}
	return m.In(system)
}

func sameAddresses(a, b []retail.DeliveryAddress) bool {
	return slices.EqualFunc(a, b, func(x, y retail.DeliveryAddress) bool {
		px, py := x.Position, y.Position
		x.Position, y.Position = nil, nil
		return x == y && (px == nil) == (py == nil) && (px == nil || *px == *py)
	})
}
