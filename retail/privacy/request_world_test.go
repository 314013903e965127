package privacy_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/privacy"
)

// trouble is what happens to one call.
type trouble int

const (
	none trouble = iota
	failBefore
	failAfter
)

const (
	anne     = "m-anne"
	subject  = "member:" + anne
	nobody   = "erased:1"
	annePlus = "+8613800000001"
)

var errTrouble = errors.New("trouble")

// world is everything around the service, with the promises that the interfaces make: changes of the ledger are one transaction,
// acts of holders are done once under a reference. Any call can be made to fail, before or after it took effect.
type world struct {
	t   testing.TB
	now time.Time
	svc *privacy.Requests

	calls   int
	strikes map[int]trouble
	silent  map[retail.DataHolder]bool

	requests map[string]*retail.DataRequest
	sections map[string]map[retail.DataHolder][]byte
	jobs     []retail.Job
	orders   []*retail.Order
	barred   bool
	member   *retail.Member
	merged   map[string]string // into whom
	held     map[string]retail.Claim
	systems  map[retail.DataHolder]*system
	ended    []string
	forgot   []string
}

func newWorld(t testing.TB) *world {
	w := &world{
		t: t, now: time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC), strikes: map[int]trouble{}, silent: map[retail.DataHolder]bool{},
		requests: map[string]*retail.DataRequest{}, sections: map[string]map[retail.DataHolder][]byte{}, merged: map[string]string{},
		held: map[string]retail.Claim{"h-1": {ID: "h-1", Owner: subject, LocationCode: "S-1"}}, systems: map[retail.DataHolder]*system{},
		member: &retail.Member{ID: anne, Profile: retail.Profile{Name: "Anne", Phone: annePlus, Email: "anne@example.com"}, Identities: []retail.Identity{
			{System: retail.SourceShop, Key: "a-1"}, {System: retail.SourcePOS, Key: "k-1"}, {System: retail.SourceERP, Key: "c-1"},
		}},
	}
	for holder, key := range map[retail.DataHolder]string{
		retail.HolderShop: "a-1", retail.HolderPOS: "k-1", retail.HolderERP: "c-1",
	} {
		w.systems[holder] = &system{w: w, holder: holder, records: map[string]retail.Profile{key: w.member.Profile}, done: map[string]done{}}
	}
	w.serve(make([]byte, privacy.SealKeySize))
	return w
}

// serve makes the service, with a key or, when it is nil, without.
func (w *world) serve(key []byte) {
	t := w.t
	var seal *privacy.Seal
	if key != nil {
		var err error
		if seal, err = privacy.NewSeal(key); err != nil {
			t.Fatal(err)
		}
	}
	w.svc = privacy.NewRequests(privacy.DefaultRequestConfig(), privacy.RequestDeps{
		Ledger: ledger{w}, Members: members{w}, Seal: seal, Now: func() time.Time { return w.now },
		Shop: w.systems[retail.HolderShop], POS: w.systems[retail.HolderPOS], ERP: w.systems[retail.HolderERP],
		Release: func(_ context.Context, actor retail.Actor, id string) error {
			return w.call(func() error {
				if c, held := w.held[id]; held && actor.Key() != c.Owner {
					t.Errorf("a hold is released by %s", actor.Key())
				}
				delete(w.held, id)
				return nil
			})
		},
		EndSessions: func(_ context.Context, sessions []string, _ time.Time) error {
			return w.call(func() error { w.ended = sessions; return nil })
		},
	})
}

var me = retail.Actor{Role: "member", Subject: "a-1", MemberID: anne}

// call counts a call and lets trouble strike.
func (w *world) call(do func() error) error {
	w.calls++
	what := w.strikes[w.calls]
	if what == failBefore {
		return errTrouble
	}
	if err := do(); err != nil {
		return err
	}
	if what == failAfter {
		return errTrouble
	}
	return nil
}

// rest runs jobs until nothing is left to do; the clock moves on when only later ones are left. Those that fail come back.
func (w *world) rest(rounds int) {
	w.t.Helper()
	for range rounds {
		if len(w.jobs) == 0 {
			return
		}
		slices.SortStableFunc(w.jobs, func(a, b retail.Job) int { return a.At.Compare(b.At) })
		j := w.jobs[0]
		w.jobs = w.jobs[1:]
		if j.At.After(w.now) {
			w.now = j.At
		}
		if j.Kind != retail.JobData {
			continue
		}
		if err := w.svc.RunJob(w.t.Context(), j.Key); err != nil {
			w.now = w.now.Add(time.Second)
			w.jobs = append(w.jobs, retail.Job{Kind: j.Kind, Key: j.Key, At: w.now})
		}
	}
}

func (w *world) request(id string) *retail.DataRequest {
	w.t.Helper()
	r := w.requests[id]
	if r == nil {
		w.t.Fatalf("there is no request %q", id)
	}
	return r
}

// ledger keeps requests.
type ledger struct{ *world }

func conflict() error { return &retail.Error{Code: retail.CodeConflict, Retryable: true} }

func missing() error { return retail.Errorf(retail.CodeNotFound, "nothing") }

func clone(r *retail.DataRequest) *retail.DataRequest {
	c := *r
	c.Receipts, c.Document = slices.Clone(r.Receipts), bytes.Clone(r.Document)
	return &c
}

func (l ledger) AddDataRequest(_ context.Context, r *retail.DataRequest, most int, since time.Time, jobs ...retail.Job) (out *retail.DataRequest, err error) {
	err = l.call(func() error {
		asked := 0
		for _, known := range l.requests {
			open := known.Status == retail.DataWaiting || known.Status == retail.DataRunning
			if known.ID == r.ID || known.Subject == r.Subject && known.Kind == r.Kind && open {
				out = clone(known)
				return nil
			}
			if known.Subject == r.Subject && known.Kind == r.Kind && known.RequestedAt.After(since) {
				asked++
			}
		}
		if l.barred {
			return retail.Refuse(retail.WhyNotAllowed, "", "erased")
		}
		if most > 0 && asked >= most {
			return retail.Refuse(retail.WhyLimitReached, "", "often")
		}
		out = clone(r)
		out.Version = 1
		l.requests[r.ID], l.world.jobs = clone(out), append(l.world.jobs, jobs...)
		return nil
	})
	return out, err
}

func (l ledger) DataRequest(_ context.Context, id string) (out *retail.DataRequest, err error) {
	err = l.call(func() error {
		if l.requests[id] == nil {
			return missing()
		}
		out = clone(l.requests[id])
		return nil
	})
	return out, err
}

func (l ledger) DataRequests(_ context.Context, subject string, limit int) (out []*retail.DataRequest, err error) {
	err = l.call(func() error {
		for _, r := range l.requests {
			if r.Subject == subject && len(out) < limit {
				out = append(out, clone(r))
			}
		}
		slices.SortFunc(out, func(a, b *retail.DataRequest) int { return b.RequestedAt.Compare(a.RequestedAt) })
		return nil
	})
	return out, err
}

func (l ledger) SaveDataRequest(_ context.Context, r *retail.DataRequest, holder retail.DataHolder, section []byte, jobs ...retail.Job) (out *retail.DataRequest, err error) {
	err = l.call(func() error {
		if l.requests[r.ID].Version != r.Version {
			return conflict()
		}
		out = clone(r)
		out.Version++
		l.requests[r.ID], l.world.jobs = clone(out), append(l.world.jobs, jobs...)
		if section != nil {
			if l.sections[r.ID] == nil {
				l.sections[r.ID] = map[retail.DataHolder][]byte{}
			}
			l.sections[r.ID][holder] = section
		}
		return nil
	})
	return out, err
}

func (l ledger) Sections(_ context.Context, id string) (out map[retail.DataHolder][]byte, err error) {
	err = l.call(func() error { out = maps.Clone(l.sections[id]); return nil })
	return out, err
}

func (l ledger) BeginErasure(_ context.Context, id string, open func(*retail.Order) string, later retail.Job) (out *retail.DataRequest, err error) {
	err = l.call(func() error {
		r := l.requests[id]
		out = clone(r)
		if r.Status != retail.DataWaiting {
			return nil
		}
		r.Version++
		for _, o := range l.orders {
			if why := open(o); o.Owner == r.Subject && why != "" {
				r.WaitsFor, out = why, clone(r)
				out.WaitsFor = why
				if later.Key != "" {
					l.world.jobs = append(l.world.jobs, later)
				}
				return nil
			}
		}
		r.Status, r.WaitsFor, l.world.barred = retail.DataRunning, "", true
		r.Receipts = privacy.Pending(l.now)
		for _, other := range l.requests {
			if other.ID != id && (other.Status == retail.DataRunning || other.Status == retail.DataWaiting) {
				other.Status = retail.DataCancelled
				other.Version++
			}
		}
		l.world.jobs = append(l.world.jobs, retail.Job{Kind: retail.JobData, Key: id})
		out = clone(r)
		return nil
	})
	return out, err
}

func (l ledger) EraseOwner(_ context.Context, id string, ids, sessions []string, at time.Time) (out *retail.DataRequest, err error) {
	err = l.call(func() error {
		r := l.requests[id]
		if r.Status != retail.DataRunning {
			out = clone(r)
			return nil
		}
		if !slices.Contains(ids, anne) || !slices.Contains(sessions, "member:a-1") {
			l.t.Errorf("erased are %v with the sessions %v", ids, sessions)
		}
		for _, o := range l.orders {
			privacy.Anonymise(o, nobody)
		}
		l.world.member = nil
		for _, each := range l.requests {
			each.Subject, each.Document = nobody, nil
		}
		r.Status, r.FinishedAt, r.WaitsFor = retail.DataDone, &at, ""
		r.Receipts[len(r.Receipts)-1].Status = retail.ReceiptDone
		out = clone(r)
		return nil
	})
	return out, err
}

func (l ledger) MergedInto(_ context.Context, id string) (out []string, err error) {
	err = l.call(func() error {
		for from, into := range l.merged {
			if into == id {
				out = append(out, from)
			}
		}
		slices.Sort(out)
		return nil
	})
	return out, err
}

func (l ledger) OrderNumbers(_ context.Context, owner string) (out []string, err error) {
	err = l.call(func() error {
		for _, o := range l.orders {
			if o.Owner == owner {
				out = append(out, o.Number)
			}
		}
		return nil
	})
	return out, err
}

func (l ledger) OwnerRecords(_ context.Context, owners []string, limit int) (out *privacy.Records, err error) {
	err = l.call(func() error {
		out = &privacy.Records{}
		for _, o := range l.orders {
			if !slices.Contains(owners, o.Owner) {
				continue
			}
			if out.OrderCount++; len(out.Orders) < limit {
				out.Orders = append(out.Orders, o)
			}
		}
		return nil
	})
	return out, err
}

func (l ledger) HeldBy(_ context.Context, owner string, _ time.Time) (out []retail.Claim, err error) {
	err = l.call(func() error {
		out = slices.DeleteFunc(slices.Collect(maps.Values(l.held)), func(c retail.Claim) bool { return c.Owner != owner })
		return nil
	})
	return out, err
}

// members knows Anne.
type members struct{ *world }

func (m members) Member(_ context.Context, id string) (out *retail.Member, err error) {
	err = m.call(func() error {
		switch {
		case m.world.merged[id] != "":
			return conflict()
		case m.world.member == nil || m.world.member.ID != id:
			return missing()
		}
		c := *m.world.member
		out = &c
		return nil
	})
	return out, err
}

func (members) CheckCorrection(c retail.ProfileCorrection) error {
	if c.Email != nil && *c.Email == "no address" {
		return retail.Refuse(retail.WhyInvalid, "email", "this is no e-mail address")
	}
	return nil
}

func (m members) Correct(_ context.Context, _ string, c retail.ProfileCorrection) error {
	return m.call(func() error { correct(&m.world.member.Profile, c); return nil })
}

func (members) CreatedUnder(id string, system retail.Source) []string {
	return []string{fmt.Sprintf("made-%s-%s", id, system)}
}

func (m members) Forget(id string) { m.forgot = append(m.world.forgot, id) }

func correct(p *retail.Profile, c retail.ProfileCorrection) {
	if c.Name != nil {
		p.Name = *c.Name
	}
	if c.Email != nil {
		p.Email = *c.Email
	}
	if c.Birthday != nil {
		p.Birthday = *c.Birthday
	}
}

// system is one holder.
type system struct {
	w       *world
	holder  retail.DataHolder
	records map[string]retail.Profile
	done    map[string]done
	acts    int // that took effect
	asked   []privacy.Inquiry
}

type done struct {
	asked  string
	answer privacy.Answer
}

func (s *system) act(q privacy.Inquiry, what any, do func() int) (*privacy.Answer, error) {
	if s.w.silent[s.holder] {
		return nil, retail.Unavailable(retail.Source(s.holder), errTrouble)
	}
	var answer privacy.Answer
	err := s.w.call(func() error {
		s.asked = append(s.asked, q)
		text, err := json.Marshal([]any{q, what})
		if err != nil {
			return err
		}
		known, ok := s.done[q.Reference]
		switch {
		case ok && known.asked != string(text):
			s.w.t.Errorf("%s: a reference asks for something else", s.holder)
		case !ok:
			s.acts++
			known = done{string(text), privacy.Answer{Reference: fmt.Sprintf("%s-%d", s.holder, s.acts), Records: do()}}
			s.done[q.Reference] = known
		}
		answer = known.answer
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &answer, nil
}

func (s *system) ExportPerson(_ context.Context, q privacy.Inquiry) (*privacy.Holding, error) {
	list := []retail.Profile{}
	answer, err := s.act(q, "export", func() int { return len(q.Keys) })
	if err != nil {
		return nil, err
	}
	for _, key := range q.Keys {
		if p, ok := s.records[key]; ok {
			list = append(list, p)
		}
	}
	data, _ := json.Marshal(map[string]any{"people": list})
	return &privacy.Holding{Answer: *answer, Data: data}, nil
}

func (s *system) CorrectPerson(_ context.Context, q privacy.Inquiry, c retail.ProfileCorrection) (*privacy.Answer, error) {
	return s.act(q, c, func() (n int) {
		for _, key := range q.Keys {
			if p, ok := s.records[key]; ok {
				correct(&p, c)
				s.records[key] = p
				n++
			}
		}
		return n
	})
}

func (s *system) ErasePerson(_ context.Context, q privacy.Inquiry) (*privacy.Answer, error) {
	return s.act(q, "erase", func() (n int) {
		for _, key := range append(slices.Clone(q.Keys), q.Created...) {
			if _, ok := s.records[key]; ok {
				delete(s.records, key)
				n++
			}
		}
		return n
	})
}
