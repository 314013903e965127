package members_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/members"
)

// world is the three systems and the ledger in memory. They keep the promises of deps.go: versions, references, codes
// that are good once. Every call may fail before it acts, or act and lose the reply.
type world struct {
	mu  sync.Mutex
	now time.Time
	// fault decides about the call in hand.
	fault func(system retail.Source, method string) fault

	accounts  map[string]*retail.Account
	cards     map[string]*retail.Card
	pins      map[string]string
	customers map[string]*retail.Customer
	refs      map[string]string // what was made under a reference
	codes     map[string]string // sent to a phone and still good
	checked   map[string]bool   // by reference
	sent      map[string]bool   // by reference
	erpPoints map[string][]retail.PointEntry
	posPoints map[string][]retail.PointEntry
	coupons   map[string][]retail.Coupon
	rules     []retail.TierRule
	made      int
	calls     map[string]int

	members  map[string]*retail.Member
	merges   map[string]members.MergeRecord
	jobs     []retail.Job
	attempts map[string]int
	things   map[string]string   // orders and the like, by id: their owner
	moved    map[string][]string // by merge
}

type fault int

const (
	fine fault = iota
	down
	replyLost
)

var errFault = errors.New("connection reset by peer")

func newWorld() *world {
	return &world{
		now:      time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC),
		accounts: map[string]*retail.Account{}, cards: map[string]*retail.Card{}, pins: map[string]string{},
		customers: map[string]*retail.Customer{}, refs: map[string]string{}, codes: map[string]string{},
		checked: map[string]bool{}, sent: map[string]bool{}, erpPoints: map[string][]retail.PointEntry{},
		posPoints: map[string][]retail.PointEntry{}, coupons: map[string][]retail.Coupon{}, calls: map[string]int{},
		members: map[string]*retail.Member{}, merges: map[string]members.MergeRecord{}, attempts: map[string]int{},
		things: map[string]string{}, moved: map[string][]string{},
	}
}

func (w *world) service(t fataler) *members.Service { return w.serviceWith(t, members.DefaultConfig()) }

func (w *world) serviceWith(t fataler, c members.Config) *members.Service {
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	return members.New(c, members.Deps{
		Accounts: shop{w}, Cards: tills{w}, Customers: erp{w}, Ledger: ledger{w}, Places: places{}, Phones: phones,
		Now: w.clock, Log: slog.New(slog.DiscardHandler),
	})
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// call runs act as one call to a system.
func (w *world) call(ctx context.Context, system retail.Source, method string, act func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls[method]++
	f := fine
	if w.fault != nil {
		f = w.fault(system, method)
	}
	if f == down {
		return retail.Unavailable(system, errFault)
	}
	if err := act(); err != nil {
		return err
	}
	if f == replyLost {
		return retail.Unavailable(system, errFault)
	}
	return nil
}

func silence(systems ...retail.Source) func(retail.Source, string) fault {
	return func(s retail.Source, _ string) fault {
		if slices.Contains(systems, s) {
			return down
		}
		return fine
	}
}

func notFound(what string) error { return retail.Errorf(retail.CodeNotFound, "no such %s", what) }

func (w *world) number(prefix string) string {
	w.made++
	return fmt.Sprintf("%s%03d", prefix, w.made)
}

func phones(raw string) (string, bool) {
	digits := strings.NewReplacer(" ", "", "-", "").Replace(raw)
	if !strings.HasPrefix(digits, "+86") || len(digits) != 14 {
		return "", false
	}
	return digits, true
}

type places struct{}

func (places) ByCode(code string) (*retail.Location, bool) {
	kinds := map[string]retail.LocationKind{"S-1": retail.Store, "W-1": retail.Warehouse}
	kind, ok := kinds[code]
	return &retail.Location{Code: code, Kind: kind}, ok
}

// The shop.

type shop struct{ w *world }

func copyAccount(a *retail.Account) *retail.Account {
	c := *a
	c.Addresses = slices.Clone(a.Addresses)
	return &c
}

func (s shop) Account(ctx context.Context, id string) (a *retail.Account, err error) {
	err = s.w.call(ctx, retail.SourceShop, "Account", func() error {
		stored, ok := s.w.accounts[id]
		if !ok {
			return notFound("account")
		}
		a = copyAccount(stored)
		return nil
	})
	return a, err
}

func alike(p retail.Profile, phone, unionID string) bool {
	return (phone != "" && p.PhoneVerified && p.Phone == phone) || (unionID != "" && p.UnionID == unionID)
}

func sorted[V any](m map[string]V, match func(V) bool) (list []V) {
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if match(m[k]) && len(list) < 10 {
			list = append(list, m[k])
		}
	}
	return list
}

func (s shop) FindAccounts(ctx context.Context, phone, unionID string) (list []retail.Account, err error) {
	err = s.w.call(ctx, retail.SourceShop, "FindAccounts", func() error {
		for _, a := range sorted(s.w.accounts, func(a *retail.Account) bool { return alike(a.Profile, phone, unionID) }) {
			list = append(list, *copyAccount(a))
		}
		return nil
	})
	return list, err
}

func (s shop) CreateAccount(ctx context.Context, reference string, p retail.Profile) (a *retail.Account, err error) {
	err = s.w.call(ctx, retail.SourceShop, "CreateAccount", func() error {
		id, known := s.w.refs["shop "+reference]
		if !known {
			id = s.w.number("a-")
			s.w.refs["shop "+reference] = id
			s.w.accounts[id] = &retail.Account{ID: id, Profile: p, UpdatedAt: s.w.now}
		}
		a = copyAccount(s.w.accounts[id])
		return nil
	})
	return a, err
}

func (s shop) UpdateAccount(ctx context.Context, a retail.Account) (stored *retail.Account, err error) {
	err = s.w.call(ctx, retail.SourceShop, "UpdateAccount", func() error {
		old, ok := s.w.accounts[a.ID]
		if !ok {
			return notFound("account")
		}
		if old.UpdatedAt.After(a.UpdatedAt) {
			return retail.Errorf(retail.CodeConflict, "changed meanwhile")
		}
		next := copyAccount(&a)
		s.w.now = s.w.now.Add(time.Millisecond)
		next.UpdatedAt = s.w.now
		s.w.accounts[a.ID] = next
		stored = copyAccount(next)
		return nil
	})
	return stored, err
}

func (s shop) SendCode(ctx context.Context, reference, phone string) error {
	return s.w.call(ctx, retail.SourceShop, "SendCode", func() error {
		if !s.w.sent[reference] {
			s.w.sent[reference] = true
			s.w.codes[phone] = s.w.number("77")
		}
		return nil
	})
}

func (s shop) CheckCode(ctx context.Context, reference, phone, code string) (ok bool, err error) {
	err = s.w.call(ctx, retail.SourceShop, "CheckCode", func() error {
		if s.w.checked[reference] {
			ok = true
			return nil
		}
		if code != "" && s.w.codes[phone] == code {
			delete(s.w.codes, phone)
			s.w.checked[reference] = true
			ok = true
		}
		return nil
	})
	return ok, err
}

// The tills.

type tills struct{ w *world }

func (s tills) Card(ctx context.Context, number string) (c *retail.Card, err error) {
	err = s.w.call(ctx, retail.SourcePOS, "Card", func() error {
		stored, ok := s.w.cards[number]
		if !ok {
			return notFound("card")
		}
		card := *stored
		c = &card
		return nil
	})
	return c, err
}

func (s tills) FindCards(ctx context.Context, phone, unionID string) (list []retail.Card, err error) {
	err = s.w.call(ctx, retail.SourcePOS, "FindCards", func() error {
		for _, c := range sorted(s.w.cards, func(c *retail.Card) bool { return alike(c.Profile, phone, unionID) }) {
			list = append(list, *c)
		}
		return nil
	})
	return list, err
}

func (s tills) CheckPIN(ctx context.Context, number, pin string) (ok bool, err error) {
	err = s.w.call(ctx, retail.SourcePOS, "CheckPIN", func() error {
		have, known := s.w.pins[number]
		if !known {
			return notFound("card")
		}
		ok = have == pin
		return nil
	})
	return ok, err
}

func (s tills) IssueCard(ctx context.Context, reference string, p retail.Profile) (c *retail.Card, err error) {
	err = s.w.call(ctx, retail.SourcePOS, "IssueCard", func() error {
		number, known := s.w.refs["pos "+reference]
		if !known {
			number = s.w.number("k-")
			s.w.refs["pos "+reference] = number
			s.w.cards[number] = &retail.Card{Number: number, Profile: p, IssuedAt: s.w.now}
			s.w.pins[number] = "0000"
		}
		card := *s.w.cards[number]
		c = &card
		return nil
	})
	return c, err
}

func (s tills) UpdateCard(ctx context.Context, c retail.Card) error {
	return s.w.call(ctx, retail.SourcePOS, "UpdateCard", func() error {
		if _, ok := s.w.cards[c.Number]; !ok {
			return notFound("card")
		}
		s.w.cards[c.Number] = &c
		return nil
	})
}

func (s tills) CardPoints(ctx context.Context, number string) (list []retail.PointEntry, err error) {
	err = s.w.call(ctx, retail.SourcePOS, "CardPoints", func() error {
		list = slices.Clone(s.w.posPoints[number])
		return nil
	})
	return list, err
}

// The ERP.

type erp struct{ w *world }

func (s erp) Customer(ctx context.Context, number string) (c *retail.Customer, err error) {
	err = s.w.call(ctx, retail.SourceERP, "Customer", func() error {
		stored, ok := s.w.customers[number]
		if !ok {
			return notFound("customer")
		}
		customer := *stored
		c = &customer
		return nil
	})
	return c, err
}

func (s erp) FindCustomers(ctx context.Context, phone, unionID, card, account string) (list []retail.Customer, err error) {
	err = s.w.call(ctx, retail.SourceERP, "FindCustomers", func() error {
		for _, c := range sorted(s.w.customers, func(c *retail.Customer) bool {
			return alike(c.Profile, phone, unionID) || (card != "" && c.CardNumber == card) || (account != "" && c.AccountID == account)
		}) {
			list = append(list, *c)
		}
		return nil
	})
	return list, err
}

func (s erp) CreateCustomer(
	ctx context.Context, reference string, p retail.Profile, card, account string,
) (c *retail.Customer, err error) {
	err = s.w.call(ctx, retail.SourceERP, "CreateCustomer", func() error {
		number, known := s.w.refs["erp "+reference]
		if !known {
			number = s.w.number("c-")
			s.w.refs["erp "+reference] = number
			s.w.customers[number] = &retail.Customer{Number: number, Profile: p, CardNumber: card, AccountID: account, AsOf: s.w.now}
		}
		customer := *s.w.customers[number]
		c = &customer
		return nil
	})
	return c, err
}

func (s erp) UpdateCustomer(ctx context.Context, c retail.Customer) error {
	return s.w.call(ctx, retail.SourceERP, "UpdateCustomer", func() error {
		stored, ok := s.w.customers[c.Number]
		if !ok {
			return notFound("customer")
		}
		next := *stored
		next.Profile, next.CardNumber, next.AccountID = c.Profile, c.CardNumber, c.AccountID
		s.w.customers[c.Number] = &next
		return nil
	})
}

func (s erp) Points(ctx context.Context, number string) (list []retail.PointEntry, err error) {
	err = s.w.call(ctx, retail.SourceERP, "Points", func() error {
		list = slices.Clone(s.w.erpPoints[number])
		return nil
	})
	return list, err
}

func (s erp) Coupons(ctx context.Context, number string) (list []retail.Coupon, err error) {
	err = s.w.call(ctx, retail.SourceERP, "Coupons", func() error {
		list = slices.Clone(s.w.coupons[number])
		return nil
	})
	return list, err
}

func (s erp) TierRules(ctx context.Context) (list []retail.TierRule, err error) {
	err = s.w.call(ctx, retail.SourceERP, "TierRules", func() error {
		list = slices.Clone(s.w.rules)
		return nil
	})
	return list, err
}

// The ledger.

type ledger struct{ w *world }

// ledgerSource names the ledger where faults are decided; it is no system of record.
const ledgerSource retail.Source = "LEDGER"

func copyMember(m *retail.Member) *retail.Member {
	c := *m
	c.Identities, c.Addresses = slices.Clone(m.Identities), slices.Clone(m.Addresses)
	return &c
}

func (l ledger) Member(ctx context.Context, id string) (m *retail.Member, err error) {
	err = l.w.call(ctx, ledgerSource, "Member", func() error {
		stored, ok := l.w.members[id]
		if !ok {
			return notFound("member")
		}
		m = copyMember(stored)
		return nil
	})
	return m, err
}

func (w *world) memberOf(system retail.Source, key string) *retail.Member {
	for _, m := range w.members {
		for _, id := range m.Identities {
			if id.System == system && id.Key == key {
				return m
			}
		}
	}
	return nil
}

func (l ledger) MemberOf(ctx context.Context, system retail.Source, key string) (m *retail.Member, err error) {
	err = l.w.call(ctx, ledgerSource, "MemberOf", func() error {
		stored := l.w.memberOf(system, key)
		if stored == nil {
			return notFound("member")
		}
		m = copyMember(stored)
		return nil
	})
	return m, err
}

func (w *world) put(m *retail.Member, others ...string) error {
	version := 0
	if stored, ok := w.members[m.ID]; ok {
		version = stored.Version
	}
	if version != m.Version {
		return retail.Errorf(retail.CodeConflict, "another version")
	}
	for _, id := range m.Identities {
		if owner := w.memberOf(id.System, id.Key); owner != nil && owner.ID != m.ID && !slices.Contains(others, owner.ID) {
			return retail.Errorf(retail.CodeConflict, "the identity belongs to somebody else")
		}
	}
	return nil
}

func (w *world) store(m *retail.Member) *retail.Member {
	c := copyMember(m)
	c.Version++
	w.members[m.ID] = c
	return copyMember(c)
}

func (l ledger) SaveMember(ctx context.Context, m *retail.Member, jobs ...retail.Job) (stored *retail.Member, err error) {
	err = l.w.call(ctx, ledgerSource, "SaveMember", func() error {
		if err := l.w.put(m); err != nil {
			return err
		}
		stored = l.w.store(m)
		l.w.jobs = append(l.w.jobs, jobs...)
		return nil
	})
	return stored, err
}

func (l ledger) SaveMerge(ctx context.Context, r members.MergeRecord, kept, merged *retail.Member, from, to string) error {
	return l.w.call(ctx, ledgerSource, "SaveMerge", func() error {
		if err := cmp.Or(l.w.put(kept, merged.ID), l.w.put(merged, kept.ID)); err != nil {
			return err
		}
		l.w.store(kept)
		l.w.store(merged)
		l.w.merges[r.ID] = r
		for id, owner := range l.w.things {
			if owner != from || (r.UndoneAt != nil && !slices.Contains(l.w.moved[r.ID], id)) {
				continue
			}
			l.w.things[id] = to
			l.w.moved[r.ID] = append(l.w.moved[r.ID], id)
		}
		return nil
	})
}

func (l ledger) Merge(ctx context.Context, id string) (r *members.MergeRecord, err error) {
	err = l.w.call(ctx, ledgerSource, "Merge", func() error {
		stored, ok := l.w.merges[id]
		if !ok {
			return notFound("merge")
		}
		r = &stored
		return nil
	})
	return r, err
}

func (l ledger) Members(ctx context.Context, after string, limit int) (list []*retail.Member, err error) {
	err = l.w.call(ctx, ledgerSource, "Members", func() error {
		for _, id := range slices.Sorted(maps.Keys(l.w.members)) {
			if id > after && len(list) < limit {
				list = append(list, copyMember(l.w.members[id]))
			}
		}
		return nil
	})
	return list, err
}

func (l ledger) Try(ctx context.Context, key string, limit retail.Limit) (ok bool, wait time.Duration, err error) {
	err = l.w.call(ctx, ledgerSource, "Try", func() error {
		begin := l.w.now.Truncate(limit.Per)
		key, wait = fmt.Sprint(key, " ", begin.Unix()), begin.Add(limit.Per).Sub(l.w.now)
		l.w.attempts[key]++
		ok = l.w.attempts[key] <= limit.Most
		return nil
	})
	return ok, wait, err
}

func (l ledger) Forgive(ctx context.Context, key string) error {
	return l.w.call(ctx, ledgerSource, "Forgive", func() error {
		for window := range l.w.attempts {
			if strings.HasPrefix(window, key+" ") {
				l.w.attempts[window]--
			}
		}
		return nil
	})
}

func (l ledger) Enqueue(ctx context.Context, jobs ...retail.Job) error {
	return l.w.call(ctx, ledgerSource, "Enqueue", func() error {
		l.w.jobs = append(l.w.jobs, jobs...)
		return nil
	})
}

// runJobs runs the jobs that are due, each until it succeeds or nothing more helps.
func (w *world) runJobs(t fataler, s *members.Service) {
	for range 200 {
		w.mu.Lock()
		i := slices.IndexFunc(w.jobs, func(j retail.Job) bool { return !j.At.After(w.now) })
		if i < 0 {
			w.mu.Unlock()
			return
		}
		j := w.jobs[i]
		w.jobs = slices.Delete(w.jobs, i, i+1)
		w.mu.Unlock()
		if err := s.RunJob(context.Background(), j.Key); err != nil {
			w.mu.Lock()
			w.jobs = append(w.jobs, j)
			w.mu.Unlock()
		}
	}
	t.Fatal("the jobs do not come to an end")
}

// fataler is a test or a property's run of one.
type fataler interface{ Fatal(args ...any) }
