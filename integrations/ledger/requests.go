package ledger

import (
	"context"
	"crypto/rand"
	"slices"
	"strings"
	"time"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/privacy"
)

var _ privacy.RequestLedger = (*Ledger)(nil)

const (
	maxDocument = 2 << 20 // bytes of a document or section
	// keepDocuments is above how long anybody may read one.
	keepDocuments = 8 * 24 * time.Hour
)

type requestRow struct {
	ID       string `db:"id"`
	Subject  string `db:"subject"`
	Version  int    `db:"version"`
	Body     string `db:"body"`
	Document []byte `db:"document"`
}

const requestColumns = `id, subject, version, body, document`

func (r *requestRow) request() (*retail.DataRequest, error) {
	q := &retail.DataRequest{}
	err := decode(r.Body, q)
	q.ID, q.Subject, q.Version, q.Document = r.ID, r.Subject, r.Version, r.Document
	return q, err
}

func requestsOf(rows []requestRow) ([]*retail.DataRequest, error) {
	list := make([]*retail.DataRequest, len(rows))
	for i := range rows {
		var err error
		if list[i], err = rows[i].request(); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// DataRequest loads by id, CodeNotFound when there is none.
func (l *Ledger) DataRequest(ctx context.Context, id string) (*retail.DataRequest, error) {
	if !storable(id) {
		return nil, privacy.RequestMissing()
	}
	var row requestRow
	switch found, err := l.one(ctx, &row, `SELECT `+requestColumns+` FROM data_requests WHERE id = ?`, id); {
	case err != nil:
		return nil, err
	case !found:
		return nil, privacy.RequestMissing()
	}
	return row.request()
}

// DataRequests lists a subject's requests, newest first; limit at most, and 1,000.
func (l *Ledger) DataRequests(ctx context.Context, subject string, limit int) ([]*retail.DataRequest, error) {
	if !storable(subject) {
		return nil, nil
	}
	var rows []requestRow
	err := l.all(ctx, &rows, `SELECT `+requestColumns+` FROM data_requests WHERE subject = ? ORDER BY requested_at DESC, id LIMIT ?`,
		subject, limited(limit))
	if err != nil {
		return nil, err
	}
	return requestsOf(rows)
}

// dataRequest loads, kept from change by others.
func (t *tx) dataRequest(id string) (*retail.DataRequest, error) {
	var row requestRow
	switch found, err := t.one(&row, `SELECT `+requestColumns+` FROM data_requests WHERE id = ?`+t.forUpdate(), id); {
	case err != nil:
		return nil, err
	case !found:
		return nil, privacy.RequestMissing()
	}
	return row.request()
}

// openRequests are those of some subjects that are neither done nor cancelled.
func (t *tx) openRequests(subjects ...string) ([]*retail.DataRequest, error) {
	var rows []requestRow
	err := t.all(&rows, `SELECT `+requestColumns+` FROM data_requests WHERE subject IN (?) AND status IN ('WAITING', 'RUNNING')
		ORDER BY id`+t.forUpdate(), subjects)
	if err != nil {
		return nil, err
	}
	return requestsOf(rows)
}

// AddDataRequest is privacy.RequestLedger's. RequestedAt is kept to the microsecond.
func (l *Ledger) AddDataRequest(
	ctx context.Context, r *retail.DataRequest, most int, since time.Time, jobs ...retail.Job,
) (*retail.DataRequest, error) {
	if err := checkKeys("request", r.ID, "subject", r.Subject, "kind", string(r.Kind)); err != nil {
		return nil, err
	}
	var stored *retail.DataRequest
	err := l.change(ctx, func(t *tx) error {
		if err := t.lockOwner(r.Subject); err != nil {
			return err
		}
		var err error
		if stored, err = t.dataRequest(r.ID); retail.CodeOf(err) != retail.CodeNotFound || err == nil {
			return err
		}
		if stored, err = t.joinRequest(r, most, since, jobs); stored != nil || err != nil {
			return err
		}
		if err := t.mustStay(r.Subject); err != nil {
			return err
		}
		if err := t.mustNotAskMore(r, most, since); err != nil {
			return err
		}
		fresh := *r
		fresh.Version, fresh.RequestedAt = 1, exact(r.RequestedAt)
		stored = &fresh
		body, err := requestBody(&fresh)
		if err != nil {
			return err
		}
		if _, err := t.exec(`INSERT INTO data_requests (id, subject, kind, status, requested_at, version, body) VALUES (?, ?, ?, ?, ?, 1, ?)`,
			r.ID, r.Subject, string(r.Kind), string(r.Status), micros(fresh.RequestedAt), body); err != nil {
			return err
		}
		return t.Enqueue(jobs...)
	})
	if err != nil {
		return nil, err
	}
	return stored, nil
}

// joinRequest is the subject's open request of the kind; nil when there is none. A correction takes up what r says and starts
// again, with r's jobs for its own.
func (t *tx) joinRequest(r *retail.DataRequest, most int, since time.Time, jobs []retail.Job) (*retail.DataRequest, error) {
	open, err := t.openRequests(r.Subject)
	if err != nil {
		return nil, err
	}
	for _, known := range open {
		if known.Kind != r.Kind {
			continue
		}
		if r.Correction == nil || known.Correction == nil {
			return known, nil
		}
		if err := t.mustNotAskMore(r, most, since); err != nil {
			return nil, err
		}
		next := *known
		merged := *known.Correction
		if r.Correction.Name != nil {
			merged.Name = r.Correction.Name
		}
		if r.Correction.Email != nil {
			merged.Email = r.Correction.Email
		}
		if r.Correction.Birthday != nil {
			merged.Birthday = r.Correction.Birthday
		}
		next.Correction, next.Receipts, next.WaitsFor = &merged, r.Receipts, ""
		next.TakenUp++
		if err := t.saveDataRequest(&next); err != nil {
			return nil, err
		}
		for _, j := range jobs {
			j.Key = known.ID
			if err := t.Enqueue(j); err != nil {
				return nil, err
			}
		}
		return &next, nil
	}
	return nil, nil //nolint:nilnil // the documented answer
}

func (t *tx) mustNotAskMore(r *retail.DataRequest, most int, since time.Time) error {
	if most <= 0 {
		return nil
	}
	var rows []requestRow
	err := t.all(&rows, `SELECT `+requestColumns+` FROM data_requests WHERE subject = ? AND kind = ? AND requested_at > ? LIMIT ?`,
		r.Subject, string(r.Kind), micros(since), most)
	if err != nil {
		return err
	}
	list, err := requestsOf(rows)
	asked := len(list)
	for _, known := range list {
		asked += known.TakenUp
	}
	if err != nil || asked < most {
		return err
	}
	no := retail.Refuse(retail.WhyLimitReached, "", "that was asked often enough for a day")
	no.Limit = &most
	return no
}

func requestBody(r *retail.DataRequest) (string, error) {
	body := *r
	body.Document = nil
	return encode(&body)
}

// saveDataRequest stores r as the next version of the one that it holds.
func (t *tx) saveDataRequest(r *retail.DataRequest) error {
	if len(r.Document) > maxDocument {
		return retail.Errorf(retail.CodeLimitExceeded, "a document is longer than %d bytes", maxDocument)
	}
	r.Version++
	body, err := requestBody(r)
	if err != nil {
		return err
	}
	var finished *int64
	if r.FinishedAt != nil {
		finished = microsOrNil(*r.FinishedAt)
	}
	rows, err := t.exec(`UPDATE data_requests SET subject = ?, status = ?, finished_at = ?, version = ?, body = ?, document = ?
		WHERE id = ? AND version = ?`, r.Subject, string(r.Status), finished, r.Version, body, r.Document, r.ID, r.Version-1)
	if err == nil && rows == 0 {
		return &retail.Error{Code: retail.CodeConflict, Retryable: true, Message: "somebody else is at the request"}
	}
	if err == nil && r.Status != retail.DataRunning && r.Status != retail.DataWaiting {
		_, err = t.exec(`DELETE FROM data_sections WHERE request_id = ?`, r.ID)
	}
	return err
}

// SaveDataRequest stores a request if the stored version is r.Version, with a section of its document and jobs in the same
// transaction. A request that has ended stays as it is: CodeConflict, as with another version.
func (l *Ledger) SaveDataRequest(
	ctx context.Context, r *retail.DataRequest, holder retail.DataHolder, section []byte, jobs ...retail.Job,
) (*retail.DataRequest, error) {
	if len(section) > maxDocument {
		return nil, retail.Errorf(retail.CodeLimitExceeded, "a section is longer than %d bytes", maxDocument)
	}
	var stored *retail.DataRequest
	err := l.change(ctx, func(t *tx) error {
		next := *r
		stored = &next
		if err := t.saveDataRequest(stored); err != nil {
			return err
		}
		if section != nil {
			if _, err := t.exec(`INSERT INTO data_sections (request_id, holder, body) VALUES (?, ?, ?)
				ON CONFLICT (request_id, holder) DO UPDATE SET body = excluded.body`, r.ID, string(holder), section); err != nil {
				return err
			}
		}
		return t.Enqueue(jobs...)
	})
	if err != nil {
		return nil, err
	}
	return stored, nil
}

// Sections loads the sections of a document that is not finished.
func (l *Ledger) Sections(ctx context.Context, id string) (map[retail.DataHolder][]byte, error) {
	if !storable(id) {
		return nil, nil
	}
	var rows []struct {
		Holder string `db:"holder"`
		Body   []byte `db:"body"`
	}
	if err := l.all(ctx, &rows, `SELECT holder, body FROM data_sections WHERE request_id = ?`, id); err != nil {
		return nil, err
	}
	sections := make(map[retail.DataHolder][]byte, len(rows))
	for _, row := range rows {
		sections[retail.DataHolder(row.Holder)] = row.Body
	}
	return sections, nil
}

// BeginErasure is privacy.RequestLedger's.
func (l *Ledger) BeginErasure(
	ctx context.Context, id string, open func(*retail.Order) string, later retail.Job,
) (*retail.DataRequest, error) {
	known, err := l.DataRequest(ctx, id)
	if err != nil {
		return nil, err
	}
	var stored *retail.DataRequest
	err = l.change(ctx, func(t *tx) error {
		if err := t.lockOwner(known.Subject); err != nil {
			return err
		}
		var err error
		if stored, err = t.dataRequest(id); err != nil || stored.Status != retail.DataWaiting {
			return err
		}
		owners, err := t.ownersOf(stored.Subject)
		if err != nil {
			return err
		}
		why, err := t.openOrder(owners, open)
		if err != nil {
			return err
		}
		if why != "" {
			stored.WaitsFor = why
			if err := t.saveDataRequest(stored); err != nil {
				return err
			}
			if later.Key == "" {
				return nil
			}
			return t.Enqueue(later)
		}
		return t.beginErasure(stored, owners)
	})
	if err != nil {
		return nil, err
	}
	return stored, nil
}

// ownersOf are the subject and the members who were merged into it, who may have left something behind. All are locked.
func (t *tx) ownersOf(subject string) ([]string, error) {
	owners := []string{subject}
	if id, isMember := strings.CutPrefix(subject, "member:"); isMember {
		merged, err := mergedInto(id, t.all)
		if err != nil {
			return nil, err
		}
		for _, id := range merged {
			owners = append(owners, "member:"+id)
		}
	}
	return owners, t.lockOwners(owners)
}

func (t *tx) lockOwners(owners []string) error {
	for _, owner := range slices.Sorted(slices.Values(owners)) {
		if err := t.lockOwner(owner); err != nil {
			return err
		}
	}
	return nil
}

// openOrder says why one of the owners' orders is open; empty when none is.
func (t *tx) openOrder(owners []string, open func(*retail.Order) string) (string, error) {
	for after := ""; ; {
		var rows []orderRow
		err := t.all(&rows, `SELECT `+orderColumns+` FROM orders WHERE owner IN (?) AND id > ? ORDER BY id LIMIT ?`, owners, after, chunk)
		if err != nil {
			return "", err
		}
		for i := range rows {
			o, err := rows[i].order()
			if err != nil {
				return "", err
			}
			if why := open(o); why != "" {
				return why, nil
			}
			after = o.ID
		}
		if len(rows) < chunk {
			return "", nil
		}
	}
}

func (t *tx) beginErasure(r *retail.DataRequest, owners []string) error {
	others, err := t.openRequests(owners...)
	if err != nil {
		return err
	}
	now := exact(t.l.now())
	for _, other := range others {
		if other.ID == r.ID {
			continue
		}
		other.Status, other.FinishedAt, other.Correction = retail.DataCancelled, &now, nil
		if err := t.saveDataRequest(other); err != nil {
			return err
		}
	}
	r.Status, r.WaitsFor, r.Receipts = retail.DataRunning, "", privacy.Pending(now)
	if err := t.saveDataRequest(r); err != nil {
		return err
	}
	// Whose the records become is drawn by lot, so that nothing leads from there to the person.
	anonymous := "erased:" + rand.Text()
	for _, owner := range owners {
		if _, err := t.exec(`INSERT INTO erasures (owner, request_id, anonymous) VALUES (?, ?, ?)
			ON CONFLICT (owner) DO UPDATE SET request_id = excluded.request_id, anonymous = excluded.anonymous, until_at = NULL`,
			owner, r.ID, anonymous); err != nil {
			return err
		}
	}
	return t.Enqueue(retail.Job{Kind: retail.JobData, Key: r.ID})
}

// shareOwner makes the transaction and those that lock the owner wait for each other, but not those that share it.
func (t *tx) shareOwner(owner string) error {
	if !t.l.postgres {
		return nil
	}
	_, err := t.exec(`SELECT pg_advisory_xact_lock_shared(hashtextextended(?, 7))`, owner)
	return err
}

// mustStay refuses to record something new of an owner who is being erased, also under the name that the owner's records got. What
// refuses by it locks or shares the owner before.
func (t *tx) mustStay(owner string) error {
	var one int
	found, err := t.one(&one, `SELECT 1 FROM erasures WHERE (owner = ? OR anonymous = ?) AND (until_at IS NULL OR until_at > ?)`,
		owner, owner, micros(t.l.now()))
	if err == nil && found {
		return retail.Refuse(retail.WhyNotAllowed, "", "everything about you is being erased, as you asked")
	}
	return err
}
