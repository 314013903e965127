package ledger

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/care"
	"github.com/portico-retail/portico/retail/privacy"
)

const (
	// eraseBatch is how many documents one transaction rewrites.
	eraseBatch = 100
	// outlast is above how long a session that is refused by now may still be under way, with whom it remembers.
	outlast = 10 * time.Minute
)

// MergedInto lists the members who were merged into one, directly or not, and were not taken apart again.
func (l *Ledger) MergedInto(ctx context.Context, memberID string) ([]string, error) {
	return mergedInto(memberID, func(dest any, query string, args ...any) error { return l.all(ctx, dest, query, args...) })
}

// reading is how a list is read, in a transaction or not.
type reading func(dest any, query string, args ...any) error

func mergedInto(memberID string, read reading) ([]string, error) {
	if !storable(memberID) {
		return nil, nil
	}
	known := map[string]bool{memberID: true}
	var list []string
	for next := []string{memberID}; len(next) > 0; next = next[1:] {
		records, err := mergesOf(next[0], read)
		if err != nil {
			return nil, err
		}
		for _, record := range records {
			if record.KeptID == next[0] && record.UndoneAt == nil && !known[record.MergedID] && len(list) < maxList {
				known[record.MergedID] = true
				list, next = append(list, record.MergedID), append(next, record.MergedID)
			}
		}
	}
	return list, nil
}

type mergeEnds struct {
	KeptID, MergedID string
	UndoneAt         *time.Time
}

// mergesOf lists the merges that name a member. Merges are few, and who is erased fewer, so that no index is kept for it.
func mergesOf(memberID string, read reading) ([]mergeEnds, error) {
	var bodies []string
	err := read(&bodies, `SELECT body FROM merges WHERE body LIKE ? ESCAPE '\' ORDER BY id LIMIT ?`, naming(memberID), maxList)
	if err != nil {
		return nil, err
	}
	list := make([]mergeEnds, len(bodies))
	for i, body := range bodies {
		if err := decode(body, &list[i]); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// naming is the pattern of documents that have the text as a value.
func naming(text string) string {
	return `%"` + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(text) + `"%`
}

// OrderNumbers lists the numbers of all orders of an owner.
func (l *Ledger) OrderNumbers(ctx context.Context, owner string) ([]string, error) {
	if !storable(owner) {
		return nil, nil
	}
	var all []string
	for after := ""; ; after = all[len(all)-1] {
		var part []string
		err := l.all(ctx, &part, `SELECT number FROM orders WHERE owner = ? AND number > ? ORDER BY number LIMIT ?`, owner, after, maxList)
		if err != nil {
			return nil, err
		}
		all = append(all, part...)
		if len(part) < maxList {
			return all, nil
		}
	}
}

// OwnerRecords is what the ledger has of some owners, who are one person, limit of each kind at most, newest first.
func (l *Ledger) OwnerRecords(ctx context.Context, owners []string, limit int) (*privacy.Records, error) {
	r := &privacy.Records{}
	for _, owner := range owners {
		if !storable(owner) {
			continue
		}
		if err := l.addRecords(ctx, r, owner, limit); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(r.Orders, func(a, b *retail.Order) int { return b.PlacedAt.Compare(a.PlacedAt) })
	slices.SortStableFunc(r.Said, func(a, b privacy.Utterance) int { return b.At.Compare(a.At) })
	slices.SortStableFunc(r.Consents, func(a, b retail.Consent) int { return b.GivenAt.Compare(a.GivenAt) })
	slices.SortStableFunc(r.Disclosures, func(a, b retail.Disclosure) int { return b.At.Compare(a.At) })
	r.Orders, r.Said = r.Orders[:min(len(r.Orders), limit)], r.Said[:min(len(r.Said), limit)]
	r.Disclosures = r.Disclosures[:min(len(r.Disclosures), limit)]
	return r, nil
}

func (l *Ledger) addRecords(ctx context.Context, r *privacy.Records, owner string, limit int) error {
	orders, err := l.OrdersOf(ctx, owner, nil, limit)
	if err != nil {
		return err
	}
	said, err := l.ListFeedback(ctx, care.FeedbackQuery{Owner: owner, Limit: limit})
	if err != nil {
		return err
	}
	for _, f := range said {
		u := privacy.Utterance{
			ID: f.ID, Kind: string(f.Kind), Status: string(f.Status), Order: f.OrderID, Receipt: f.ReceiptNo, SKU: f.SKU, Score: f.Score,
			Title: f.Title, Text: f.Text, At: f.CreatedAt,
		}
		for _, reply := range f.Replies {
			u.Replies = append(u.Replies, reply.Text)
		}
		r.Said = append(r.Said, u)
	}
	var orderCount, saidCount int
	if _, err := l.one(ctx, &orderCount, `SELECT COUNT(*) FROM orders WHERE owner = ?`, owner); err != nil {
		return err
	}
	if _, err = l.one(ctx, &saidCount, `SELECT COUNT(*) FROM feedback WHERE owner = ?`, owner); err != nil {
		return err
	}
	consents, err := l.Consents(ctx, owner, privacy.MaxConsents)
	if err != nil {
		return err
	}
	disclosures, err := l.disclosures(ctx, owner, limit)
	r.Orders, r.OrderCount, r.SaidCount = append(r.Orders, orders...), r.OrderCount+orderCount, r.SaidCount+saidCount
	r.Consents, r.Disclosures = append(r.Consents, consents...), append(r.Disclosures, disclosures...)
	return err
}

// disclosures are the latest readings of the owner's data by others.
func (l *Ledger) disclosures(ctx context.Context, owner string, limit int) ([]retail.Disclosure, error) {
	var rows []auditRow
	err := l.all(ctx, &rows, `SELECT `+auditColumns+` FROM audit WHERE subject = ? ORDER BY seq DESC LIMIT ?`, owner, limited(limit))
	if err != nil {
		return nil, err
	}
	list := make([]retail.Disclosure, 0, len(rows))
	for i := range rows {
		entry := rows[i].entry()
		d, err := entry.Disclosure()
		if err != nil {
			return nil, &retail.Error{Code: retail.CodeInternal, Message: "the audit log is unreadable", Err: err}
		}
		list = append(list, d)
	}
	return list, nil
}

// erasure is one that is under way.
type erasure struct {
	Owners    []string // of one person
	Anonymous string   // whose everything becomes
}

// erasureOf loads the erasure that a request began.
func (l *Ledger) erasureOf(ctx context.Context, r *retail.DataRequest) (erasure, error) {
	var rows []struct {
		Owner     string `db:"owner"`
		Anonymous string `db:"anonymous"`
	}
	err := l.all(ctx, &rows, `SELECT owner, anonymous FROM erasures WHERE request_id = ? ORDER BY owner`, r.ID)
	e := erasure{}
	for _, row := range rows {
		e.Owners, e.Anonymous = append(e.Owners, row.Owner), row.Anonymous
	}
	if err == nil && !slices.Contains(e.Owners, r.Subject) {
		err = retail.Errorf(retail.CodeInternal, "an erasure runs that never began")
	}
	return e, err
}

// EraseOwner is privacy.RequestLedger's. Orders and feedback go in small transactions and the person in the last one, so that
// one that breaks off is gone on with. A request that is not running stays as it is.
func (l *Ledger) EraseOwner(
	ctx context.Context, id string, members, sessions []string, at time.Time,
) (*retail.DataRequest, error) {
	r, err := l.DataRequest(ctx, id)
	if err != nil || r.Kind != retail.DataErasure || r.Status != retail.DataRunning {
		return r, err
	}
	e, err := l.erasureOf(ctx, r)
	if err != nil {
		return nil, err
	}
	for _, batch := range []func(t *tx, e erasure) (int, error){(*tx).eraseOrders, (*tx).eraseFeedback} {
		for n := eraseBatch; n == eraseBatch; {
			err := l.change(ctx, func(t *tx) (err error) {
				n, err = batch(t, e)
				return err
			})
			if err != nil {
				return nil, err
			}
		}
	}
	err = l.change(ctx, func(t *tx) error { return t.erasePerson(id, e, members, sessions, exact(at)) })
	if err != nil {
		return nil, err
	}
	return l.DataRequest(ctx, id)
}

// eraseOrders takes the person out of some orders.
func (t *tx) eraseOrders(e erasure) (int, error) {
	var rows []orderRow
	err := t.all(&rows, `SELECT `+orderColumns+` FROM orders WHERE owner IN (?) ORDER BY id LIMIT ?`+t.forUpdate(), e.Owners, eraseBatch)
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	ids := make([]string, len(rows))
	for i := range rows {
		o, err := rows[i].order()
		if err != nil {
			return 0, err
		}
		ids[i] = o.ID
		before := placesOf(o)
		privacy.Anonymise(o, e.Anonymous)
		o.Version++
		if err := t.saveOrder(o, before); err != nil {
			return 0, err
		}
	}
	if _, err := t.exec(`DELETE FROM recent_contacts WHERE order_id IN (?)`, ids); err != nil {
		return 0, err
	}
	return len(rows), t.forgetJobs(ids)
}

// forgetJobs removes jobs that are done with: their errors may quote what a system said.
func (t *tx) forgetJobs(keys []string) error {
	if len(keys) == 0 {
		return nil
	}
	_, err := t.exec(`DELETE FROM river_job WHERE state IN ('completed', 'cancelled', 'discarded') AND `+t.l.jobKey()+` IN (?)`, keys)
	return err
}

// eraseFeedback leaves of some feedback the score and what it was about. What shoppers and staff wrote goes, and a complaint
// that nobody can be answered is over.
func (t *tx) eraseFeedback(e erasure) (int, error) {
	var rows []feedbackRow
	err := t.all(&rows, `SELECT id, owner, body FROM feedback WHERE owner IN (?) ORDER BY id LIMIT ?`+t.forUpdate(), e.Owners, eraseBatch)
	if err != nil {
		return 0, err
	}
	for i := range rows {
		f, err := rows[i].feedback()
		if err != nil {
			return 0, err
		}
		f.Owner, f.Title, f.Text, f.Replies = e.Anonymous, "", "", nil
		if f.Kind == care.KindComplaint && f.Status != care.StatusResolved {
			now := exact(t.l.now())
			f.Status, f.ResolvedAt = care.StatusResolved, &now
		}
		body, err := encode(f)
		if err != nil {
			return 0, err
		}
		_, err = t.exec(`UPDATE feedback SET owner = ?, status = ?, body = ? WHERE id = ?`, f.Owner, string(f.Status), body, f.ID)
		if err != nil {
			return 0, err
		}
	}
	return len(rows), nil
}

// erasePerson removes what is about the person alone, and finishes the request, which is nobody's from then on.
func (t *tx) erasePerson(id string, e erasure, members, sessions []string, at time.Time) error {
	if err := t.lockOwners(e.Owners); err != nil {
		return err
	}
	r, err := t.dataRequest(id)
	if err != nil || r.Status != retail.DataRunning {
		return err
	}
	var left int
	if _, err := t.one(&left, `SELECT (SELECT COUNT(*) FROM orders WHERE owner IN (?)) + (SELECT COUNT(*) FROM feedback WHERE owner IN (?))`,
		e.Owners, e.Owners); err != nil {
		return err
	}
	if left > 0 {
		return &retail.Error{Code: retail.CodeConflict, Retryable: true, Message: "something of the owner came meanwhile"}
	}
	count, err := t.eraseRows(e, members, sessions)
	if err != nil {
		return err
	}
	if err := t.eraseRequests(r, e, at, count); err != nil {
		return err
	}
	_, err = t.exec(`UPDATE erasures SET until_at = ? WHERE request_id = ?`, micros(at.Add(outlast)), id)
	return err
}

// eraseRows returns how many records became nobody's or went.
func (t *tx) eraseRows(e erasure, members, sessions []string) (count int64, err error) {
	var kept int64
	if _, err := t.one(&kept, `SELECT (SELECT COUNT(*) FROM orders WHERE owner = ?) + (SELECT COUNT(*) FROM feedback WHERE owner = ?)`,
		e.Anonymous, e.Anonymous); err != nil {
		return 0, err
	}
	count = kept
	type step struct {
		query string
		args  []any
	}
	steps := []step{
		{`UPDATE claims SET owner = ?, household = NULL WHERE owner IN (?)`, []any{e.Anonymous, e.Owners}},
		// That somebody once consented is a proof; whose it was nobody can tell any more.
		{`UPDATE consents SET subject = ?, withdrawn_at = COALESCE(withdrawn_at, CASE WHEN given_at > ? THEN given_at ELSE ? END)
			WHERE subject IN (?)`, []any{e.Anonymous, micros(t.l.now()), micros(t.l.now()), e.Owners}},
	}
	// A call that is under way keeps its row, in which it leaves its sealed answer; that goes with what is old.
	for _, session := range slices.Concat(e.Owners, sessions) {
		steps = append(steps, step{
			`DELETE FROM answers WHERE owner = ? AND (answer IS NOT NULL OR leased_to < ?)`, []any{session, micros(t.l.now())},
		})
	}
	for _, member := range members {
		for _, query := range []string{
			`DELETE FROM members WHERE id = ?`, `DELETE FROM identities WHERE member_id = ?`,
			`DELETE FROM merge_moves WHERE merge_id IN (SELECT id FROM merges WHERE body LIKE ? ESCAPE '\')`,
			`DELETE FROM merges WHERE body LIKE ? ESCAPE '\'`,
		} {
			arg := member
			if strings.Contains(query, "LIKE") {
				arg = naming(member)
			}
			steps = append(steps, step{query, []any{arg}})
		}
	}
	for _, step := range steps {
		rows, err := t.exec(step.query, step.args...)
		if err != nil {
			return 0, err
		}
		count += rows
	}
	return count, t.forgetJobs(members)
}

// eraseRequests leaves of the person's requests that they were asked and what became of them.
func (t *tx) eraseRequests(r *retail.DataRequest, e erasure, at time.Time, count int64) error {
	for i := range r.Receipts {
		if receipt := &r.Receipts[i]; receipt.Holder == retail.HolderLedger {
			receipt.Status, receipt.Records, receipt.At = retail.ReceiptDone, int(count), at
			if count == 0 {
				receipt.Status = retail.ReceiptNothing
			}
		}
	}
	r.Status, r.FinishedAt, r.WaitsFor = retail.DataDone, &at, ""
	for {
		var rows []requestRow
		err := t.all(&rows, `SELECT `+requestColumns+` FROM data_requests WHERE subject IN (?) AND id <> ? ORDER BY id LIMIT ?`,
			e.Owners, r.ID, eraseBatch)
		if err != nil {
			return err
		}
		list, err := requestsOf(rows)
		if err != nil {
			return err
		}
		var ids []string
		for _, other := range list {
			other.Subject, other.Document, other.Correction = e.Anonymous, nil, nil
			if err := t.saveDataRequest(other); err != nil {
				return err
			}
			ids = append(ids, other.ID)
		}
		if err := t.forgetJobs(ids); err != nil {
			return err
		}
		if len(rows) < eraseBatch {
			break
		}
	}
	r.Subject = e.Anonymous
	return t.saveDataRequest(r)
}
