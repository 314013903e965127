package members

import (
	"context"
	"errors"
	"log/slog"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/portico-retail/portico/retail"
)

// MaxReport bounds the members of one page of the report.
const MaxReport = 50

// Report says how members stand in the three systems.
type Report struct {
	Checked    int           // members looked at; those merged into others are none
	Consistent int           // of these, how many are whole and agree
	Entries    []Consistency // of those that are not, or resemble other records; by member id
	Next       string        // to go on after; empty at the end
}

// Consistency is how one member stands in the three systems.
type Consistency struct {
	MemberID    string
	Missing     []retail.Source // no record there, or the record is gone
	Unknown     []retail.Source // silent: nobody can tell
	Differences []Difference
	Weak        []WeakMatch
}

// Whole reports whether the member has a record in every system and all of them agree.
func (c *Consistency) Whole() bool {
	return len(c.Missing) == 0 && len(c.Unknown) == 0 && len(c.Differences) == 0
}

// Difference is a field that the systems state differently: name, email, birthday, phone, or the card or account that the
// ERP's record names.
type Difference struct {
	Field  string
	Values map[retail.Source]string
}

// LogValue keeps personal values out of logs.
func (d Difference) LogValue() slog.Value { return slog.StringValue(d.Field) }

// Report checks members by id, behind the one given. RequestCompletion lets a job settle what an entry shows; weak matches
// stay until the person proves them. It changes nothing.
func (s *Service) Report(ctx context.Context, after string, limit int) (*Report, error) {
	if err := retail.CheckFirst(limit, MaxReport); err != nil {
		return nil, err
	}
	members, err := s.deps.Ledger.Members(ctx, after, limit)
	if err != nil {
		return nil, err
	}
	r := &Report{}
	if len(members) == limit {
		r.Next = members[len(members)-1].ID
	}
	members = slices.DeleteFunc(slices.Clone(members), merged)
	entries := make([]Consistency, len(members))
	var group errgroup.Group
	group.SetLimit(8)
	for i, m := range members {
		group.Go(func() error {
			entries[i] = s.check(ctx, m)
			return nil
		})
	}
	_ = group.Wait()
	r.Checked = len(members)
	for _, e := range entries {
		if e.Whole() {
			r.Consistent++
		}
		if !e.Whole() || len(e.Weak) > 0 {
			r.Entries = append(r.Entries, e)
		}
	}
	return r, ctx.Err()
}

// check compares one member's own records.
func (s *Service) check(ctx context.Context, m *retail.Member) Consistency {
	c := &checking{Consistency: Consistency{MemberID: m.ID}}
	account, err := s.account(ctx, m)
	known := c.heard(retail.SourceShop, m.In(retail.SourceShop) != "", err)
	var want retail.Profile
	if known {
		want = account.Profile
	}
	if number := leading(m, retail.SourcePOS); number == "" {
		c.heard(retail.SourcePOS, false, nil)
	} else if card, err := s.deps.Cards.Card(ctx, number); c.heard(retail.SourcePOS, true, err) && number == ownKey(m, retail.SourcePOS) {
		c.compare(want, card.Profile, retail.SourcePOS)
	}
	if m.In(retail.SourceERP) == "" {
		c.heard(retail.SourceERP, false, nil)
	}
	for _, number := range keys(m, retail.SourceERP) {
		customer, err := s.deps.Customers.Customer(ctx, number)
		if !c.heard(retail.SourceERP, true, err) {
			continue
		}
		if number == ownKey(m, retail.SourceERP) {
			c.compare(want, customer.Profile, retail.SourceERP)
		}
		c.names(m, *customer)
	}
	if known {
		found, err := s.match(ctx, m, account)
		c.Weak = found.weak
		for _, id := range found.links { // strong, and not joined yet
			c.Differences = append(c.Differences, Difference{Field: "link", Values: map[retail.Source]string{id.System: id.Key}})
		}
		c.silent(err)
	}
	return c.Consistency
}

type checking struct{ Consistency }

// heard notes a missing record or a silent system and reports whether there is a record to compare.
func (c *checking) heard(source retail.Source, has bool, err error) bool {
	switch {
	case !has || isNotFound(err):
		if !slices.Contains(c.Missing, source) {
			c.Missing = append(c.Missing, source)
		}
		return false
	case err != nil:
		c.unknown(source)
		return false
	}
	return true
}

func (c *checking) unknown(source retail.Source) {
	if !slices.Contains(c.Unknown, source) {
		c.Unknown = append(c.Unknown, source)
	}
}

func (c *checking) silent(err error) {
	var e *retail.Error
	switch {
	case err == nil:
	case errors.As(err, &e) && e.Source != "":
		c.unknown(e.Source)
	default:
		c.unknown(retail.SourceShop)
	}
}

func (c *checking) compare(want, have retail.Profile, source retail.Source) {
	if want == (retail.Profile{}) {
		return
	}
	imposed := have
	if !impose(want, &imposed) {
		return
	}
	for _, f := range profileFields {
		if value := f.of(&want); value != "" && value != f.of(&have) {
			c.differ(f.name, retail.SourceShop, value, source, f.of(&have))
		}
	}
}

// names compares whom the ERP's record names with the member.
func (c *checking) names(m *retail.Member, customer retail.Customer) {
	before := customer
	if !rename(m, &customer) {
		return
	}
	if before.CardNumber != customer.CardNumber {
		c.differ("card", retail.SourcePOS, customer.CardNumber, retail.SourceERP, before.CardNumber)
	}
	if before.AccountID != customer.AccountID {
		c.differ("account", retail.SourceShop, customer.AccountID, retail.SourceERP, before.AccountID)
	}
}

func (c *checking) differ(field string, right retail.Source, want string, source retail.Source, have string) {
	for i := range c.Differences {
		if d := &c.Differences[i]; d.Field == field && d.Values[right] == want {
			if _, noted := d.Values[source]; !noted {
				d.Values[source] = have
				return
			}
		}
	}
	c.Differences = append(c.Differences, Difference{Field: field, Values: map[retail.Source]string{right: want, source: have}})
}
