package privacy

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/portico-retail/portico/retail"
)

// RunJob brings the request of a retail.JobData forward. An error asks for another try later: whoever has answered is not
// asked again.
func (s *Requests) RunJob(ctx context.Context, id string) error {
	r, err := s.deps.Ledger.DataRequest(ctx, id)
	switch {
	case retail.CodeOf(err) == retail.CodeNotFound && err != nil:
		return nil // nothing to do, and never will be
	case err != nil:
		return err
	}
	if r.Status != retail.DataWaiting && r.Status != retail.DataRunning {
		return nil
	}
	if r.Kind == retail.DataExport && s.deps.Seal == nil {
		return s.giveUp(ctx, r, "Copies are not given any more.")
	}
	p, err := s.person(ctx, r)
	if errors.Is(err, errMerged) {
		return s.giveUp(ctx, r, "You were joined with another member: ask again.")
	}
	if err == nil && r.Status == retail.DataWaiting {
		later := job(id)
		later.At = s.now().Add(s.config.LookAgain)
		r, err = s.begin(ctx, id, later)
		if err == nil && r.Status == retail.DataRunning {
			p, err = s.person(ctx, r) // with what came until it began
		}
	}
	if err != nil || r.Status != retail.DataRunning {
		return err
	}
	run := &run{Requests: s, r: r, p: p}
	if err := run.askAll(ctx); err != nil {
		return err
	}
	return run.finish(ctx)
}

// begin lets an erasure begin if nothing is open.
func (s *Requests) begin(ctx context.Context, id string, later retail.Job) (*retail.DataRequest, error) {
	return s.deps.Ledger.BeginErasure(ctx, id, OpenBecause, later)
}

// errMerged says that the member has become a part of another one since the request.
var errMerged = errors.New("privacy: the member was merged into another")

// giveUp cancels a request that cannot be carried out any more: of a member who is a part of another one by now, who can ask again, or
// for a copy that nothing can be sealed with. A running erasure is none: nobody is merged while it runs.
func (s *Requests) giveUp(ctx context.Context, r *retail.DataRequest, why string) error {
	now := s.now()
	next := *r
	next.Status, next.FinishedAt, next.Correction = retail.DataCancelled, &now, nil
	next.WaitsFor = why
	_, err := s.deps.Ledger.SaveDataRequest(ctx, &next, "", nil)
	return err
}

// person is whom a request is about, as the systems know them.
type person struct {
	member  *retail.Member // nil for a guest, and for a member whom nobody knows any more
	ids     []string       // of the member and of those who were merged into it
	owners  []string       // Actor.Keys: the subject, and the members who were merged into it
	orders  []string       // numbers
	session []string       // role:subject of tokens
}

func (s *Requests) person(ctx context.Context, r *retail.DataRequest) (*person, error) {
	p := &person{owners: []string{r.Subject}}
	id, isMember := strings.CutPrefix(r.Subject, "member:")
	if !isMember {
		p.session = []string{r.Subject}
	} else {
		m, err := s.deps.Members.Member(ctx, id)
		switch {
		case err == nil:
			p.member = m
			for _, key := range keysOf(m, retail.SourceShop) {
				p.session = append(p.session, "member:"+key)
			}
		case retail.CodeOf(err) == retail.CodeConflict:
			return nil, errMerged
		case retail.CodeOf(err) != retail.CodeNotFound:
			return nil, err
		}
		merged, err := s.deps.Ledger.MergedInto(ctx, id)
		if err != nil {
			return nil, err
		}
		p.ids = append([]string{id}, merged...)
		for _, id := range merged {
			p.owners = append(p.owners, "member:"+id)
		}
	}
	for _, owner := range p.owners {
		if r.Kind == retail.DataCorrection {
			break
		}
		numbers, err := s.deps.Ledger.OrderNumbers(ctx, owner)
		if err != nil {
			return nil, err
		}
		p.orders = append(p.orders, numbers...)
	}
	return p, nil
}

func keysOf(m *retail.Member, system retail.Source) []string {
	var list []string
	for _, id := range m.Identities {
		if id.System == system {
			list = append(list, id.Key)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// run is one try at a request.
type run struct {
	*Requests

	r *retail.DataRequest
	p *person
}

// askAll asks every holder that has not answered. One that fails does not keep the others from being asked.
func (u *run) askAll(ctx context.Context) error {
	var errs []error
	var silent []string
	for i := range u.r.Receipts {
		holder := u.r.Receipts[i].Holder
		if u.r.Receipts[i].Status != retail.ReceiptPending || holder == retail.HolderLedger && u.r.Kind == retail.DataErasure {
			continue
		}
		answer, err := u.ask(ctx, holder)
		if err != nil {
			errs, silent = append(errs, err), append(silent, string(holder))
			continue
		}
		if err := u.keep(ctx, i, answer); err != nil {
			return err // somebody else is at it, or the ledger is silent
		}
	}
	return errors.Join(append(errs, u.tellSilent(ctx, silent))...)
}

// tellSilent says for whom the request waits.
func (u *run) tellSilent(ctx context.Context, silent []string) error {
	waits := ""
	if len(silent) > 0 {
		waits = strings.Join(silent, " and ") + " did not answer yet and will be asked again."
	}
	if u.r.WaitsFor == waits {
		return nil
	}
	next := *u.r
	next.WaitsFor = waits
	return u.save(ctx, &next, "", nil)
}

// keep stores what a holder answered.
func (u *run) keep(ctx context.Context, i int, h *Holding) error {
	next := *u.r
	next.Receipts = slices.Clone(u.r.Receipts)
	receipt := &next.Receipts[i]
	receipt.Status, receipt.Reference, receipt.Records, receipt.At = retail.ReceiptDone, h.Reference, h.Records, u.now()
	if h.Records == 0 {
		receipt.Status = retail.ReceiptNothing
	}
	var section []byte
	if u.r.Kind == retail.DataExport && len(h.Data) > 0 {
		fitted, err := fit(h.Data, budgets[receipt.Holder])
		if err != nil {
			return err
		}
		if section, err = u.deps.Seal.Close(sectionOf(u.r.ID, receipt.Holder), fitted); err != nil {
			return err
		}
	}
	return u.save(ctx, &next, receipt.Holder, section)
}

func (u *run) save(ctx context.Context, next *retail.DataRequest, holder retail.DataHolder, section []byte, jobs ...retail.Job) error {
	stored, err := u.deps.Ledger.SaveDataRequest(ctx, next, holder, section, jobs...)
	if err == nil {
		u.r = stored
	}
	return err
}

// ask asks one holder.
func (u *run) ask(ctx context.Context, holder retail.DataHolder) (*Holding, error) {
	switch holder {
	case retail.HolderLedger:
		return u.askLedger(ctx)
	case retail.HolderProjection:
		return u.askProjection(ctx)
	}
	system, source := u.system(holder)
	total := &Holding{}
	for _, q := range u.inquiries(holder, source) {
		h, err := u.askSystem(ctx, system, q)
		if err != nil {
			return nil, err
		}
		total.Records += h.Records
		if h.Reference != "" {
			total.Reference = h.Reference
		}
		if total.Data, err = join(total.Data, h.Data); err != nil {
			return nil, err
		}
	}
	return total, nil
}

func (u *run) system(holder retail.DataHolder) (Holder, retail.Source) {
	switch holder {
	case retail.HolderERP:
		return u.deps.ERP, retail.SourceERP
	case retail.HolderPOS:
		return u.deps.POS, retail.SourcePOS
	}
	return u.deps.Shop, retail.SourceShop
}

// inquiries are what a system is asked: about its records, what the gateway may have asked it to record, and, because shop and
// tills know by an order whom they serve and the shop carts by their owners, about these; many are asked about in parts.
// References follow from what is asked.
func (u *run) inquiries(holder retail.DataHolder, source retail.Source) []Inquiry {
	var keys, created, owners, orders []string
	if u.p.member != nil {
		keys = keysOf(u.p.member, source)
	}
	if u.r.Kind == retail.DataErasure {
		for _, id := range u.p.ids {
			created = append(created, u.deps.Members.CreatedUnder(id, source)...)
		}
	}
	if holder != retail.HolderERP {
		orders = u.p.orders
	}
	if holder == retail.HolderShop && u.r.Kind != retail.DataCorrection {
		owners = u.p.owners
	}
	var list []Inquiry
	for len(keys)+len(created)+len(owners)+len(orders) > 0 {
		q := Inquiry{Language: u.r.Language}
		q.Keys, keys = cut(keys, NamesAtOnce)
		q.Created, created = cut(created, NamesAtOnce)
		q.Owners, owners = cut(owners, NamesAtOnce)
		q.Orders, orders = cut(orders, OrdersAtOnce)
		text, _ := json.Marshal([]any{q, u.r.Correction}) // texts always marshal
		q.Reference = derive("pd", u.r.ID, string(holder), string(text))
		list = append(list, q)
	}
	return list
}

func cut(list []string, most int) (first, rest []string) {
	n := min(most, len(list))
	return list[:n:n], list[n:]
}

func (u *run) askSystem(ctx context.Context, system Holder, q Inquiry) (*Holding, error) {
	var answer *Answer
	var err error
	switch u.r.Kind {
	case retail.DataExport:
		return system.ExportPerson(ctx, q)
	case retail.DataCorrection:
		answer, err = system.CorrectPerson(ctx, q, *u.r.Correction)
	default:
		answer, err = system.ErasePerson(ctx, q)
	}
	if err != nil {
		return nil, err
	}
	return &Holding{Answer: *answer}, nil
}

// askProjection is about the holds that the projection counts.
func (u *run) askProjection(ctx context.Context) (*Holding, error) {
	var held []retail.Claim
	for _, owner := range u.p.owners {
		own, err := u.deps.Ledger.HeldBy(ctx, owner, u.now())
		if err != nil {
			return nil, err
		}
		held = append(held, own...)
	}
	var err error
	h := &Holding{Answer: Answer{Records: len(held)}}
	if u.r.Kind == retail.DataExport {
		h.Data, err = holdsSection(held)
		return h, err
	}
	if h.Records, err = u.expect(ctx, retail.HolderProjection, len(held)); err != nil {
		return nil, err
	}
	for _, c := range held {
		if err := u.deps.Release(ctx, actorOf(c.Owner), c.ID); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// expect notes how many records a holder will have lost, because who looks again after a failure does not find them any more.
func (u *run) expect(ctx context.Context, holder retail.DataHolder, records int) (int, error) {
	i := slices.IndexFunc(u.r.Receipts, func(r retail.DataReceipt) bool { return r.Holder == holder })
	if known := u.r.Receipts[i].Records; records <= known {
		return known, nil
	}
	next := *u.r
	next.Receipts = slices.Clone(u.r.Receipts)
	next.Receipts[i].Records = records
	return records, u.save(ctx, &next, "", nil)
}

// actorOf is the actor whose key a subject is.
func actorOf(subject string) retail.Actor {
	role, name, _ := strings.Cut(subject, ":")
	if role == "member" {
		return retail.Actor{Role: role, Subject: name, MemberID: name}
	}
	return retail.Actor{Role: role, Subject: name}
}

func (u *run) askLedger(ctx context.Context) (*Holding, error) {
	if u.r.Kind == retail.DataExport {
		return u.ledgerSection(ctx)
	}
	if u.p.member == nil {
		return &Holding{}, nil
	}
	err := u.deps.Members.Correct(ctx, u.p.member.ID, *u.r.Correction)
	return &Holding{Answer: Answer{Records: 1}}, err
}

// finish ends a request that every holder has answered.
func (u *run) finish(ctx context.Context) error {
	now := u.now()
	if u.r.Kind == retail.DataErasure {
		return u.forget(ctx)
	}
	next := *u.r
	next.Status, next.FinishedAt, next.WaitsFor, next.Correction = retail.DataDone, &now, "", nil
	if u.r.Kind == retail.DataCorrection {
		var again []retail.Job
		if u.p.member != nil {
			// What a job carried from one system to another meanwhile may have been older than the correction.
			again = []retail.Job{{Kind: retail.JobMember, Key: u.p.member.ID}}
		}
		return u.save(ctx, &next, "", nil, again...)
	}
	document, err := u.document(ctx)
	if err != nil {
		return err
	}
	next.Document = document
	return u.save(ctx, &next, "", nil)
}

// forget ends the sessions and then takes the person out of the ledger, which knows until then who is meant.
func (u *run) forget(ctx context.Context) error {
	if u.deps.EndSessions != nil && len(u.p.session) > 0 {
		if err := u.deps.EndSessions(ctx, u.p.session, u.now()); err != nil {
			return err
		}
	}
	if _, err := u.deps.Ledger.EraseOwner(ctx, u.r.ID, u.p.ids, u.p.session, u.now()); err != nil {
		return err
	}
	for _, id := range u.p.ids {
		u.deps.Members.Forget(id)
	}
	return nil
}
