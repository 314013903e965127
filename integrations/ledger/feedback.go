package ledger

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/care"
)

// feedbackRow is stored feedback. The owner's column wins over the document: a merge of members changes the column only.
type feedbackRow struct {
	ID    string `db:"id"`
	Owner string `db:"owner"`
	Body  string `db:"body"`
}

func (r *feedbackRow) feedback() (*care.Feedback, error) {
	f := &care.Feedback{}
	err := decode(r.Body, f)
	f.ID, f.Owner = r.ID, r.Owner
	return f, err
}

func feedbackMissing() error { return retail.Errorf(retail.CodeNotFound, "there is no such feedback") }

// subject is what an author can say one thing of a kind about: goods of a purchase, or the purchase. It is empty for
// complaints, of which there may be many.
func subject(f *care.Feedback) string {
	about := "receipt:" + f.ReceiptNo
	if f.OrderID != "" {
		about = "order:" + f.OrderID
	}
	switch f.Kind {
	case care.KindComplaint:
		return ""
	case care.KindReview:
		return about + " " + f.SKU // no SKU has a space
	}
	return about
}

// AddFeedback stores feedback unless its id is known, and returns what is stored, with CreatedAt to the microsecond. It refuses
// with WhyLimitReached when the author has one of the kind for the same subject: the order or receipt, and the SKU of a review.
// Complaints may be many.
func (l *Ledger) AddFeedback(ctx context.Context, f *care.Feedback) (*care.Feedback, error) {
	if err := checkKeys("id", f.ID, "owner", f.Owner, "kind", string(f.Kind)); err != nil {
		return nil, err
	}
	if err := checkTexts("order", f.OrderID, "receipt", f.ReceiptNo, "location", f.LocationCode, "SKU", f.SKU); err != nil {
		return nil, err
	}
	fresh := *f
	fresh.CreatedAt = exact(f.CreatedAt)
	body, err := encode(&fresh)
	if err != nil {
		return nil, err
	}
	var stored *care.Feedback
	err = l.change(ctx, func(t *tx) error {
		if err := t.lockOwner(f.Owner); err != nil {
			return err
		}
		var err error
		if stored, err = t.feedback(f.ID); retail.CodeOf(err) != retail.CodeNotFound {
			return err
		}
		if err := t.mustStay(f.Owner); err != nil {
			return err
		}
		if err := t.mustBeFirst(f); err != nil {
			return err
		}
		stored = &fresh
		_, err = t.exec(`INSERT INTO feedback (id, kind, owner, subject, location, sku, order_id, status, score, created_at, body)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			f.ID, string(f.Kind), f.Owner, subject(f), f.LocationCode, f.SKU, f.OrderID, string(f.Status), f.Score, micros(fresh.CreatedAt), body)
		return err
	})
	if err != nil {
		return nil, err
	}
	return stored, nil
}

// mustBeFirst refuses what the author has said already.
func (t *tx) mustBeFirst(f *care.Feedback) error {
	if subject(f) == "" {
		return nil
	}
	var one int
	found, err := t.one(&one, `SELECT 1 FROM feedback WHERE owner = ? AND kind = ? AND subject = ? LIMIT 1`,
		f.Owner, string(f.Kind), subject(f))
	if err != nil || !found {
		return err
	}
	r := retail.Refuse(retail.WhyLimitReached, "", "there is one already")
	once := 1
	r.Limit, r.SKU = &once, f.SKU
	return r
}

// feedback loads, kept from change by others.
func (t *tx) feedback(id string) (*care.Feedback, error) {
	var row feedbackRow
	switch found, err := t.one(&row, `SELECT id, owner, body FROM feedback WHERE id = ?`+t.forUpdate(), id); {
	case err != nil:
		return nil, err
	case !found:
		return nil, feedbackMissing()
	}
	return row.feedback()
}

// Feedback loads by id, CodeNotFound when there is none.
func (l *Ledger) Feedback(ctx context.Context, id string) (*care.Feedback, error) {
	if !storable(id) {
		return nil, feedbackMissing()
	}
	var row feedbackRow
	switch found, err := l.one(ctx, &row, `SELECT id, owner, body FROM feedback WHERE id = ?`, id); {
	case err != nil:
		return nil, err
	case !found:
		return nil, feedbackMissing()
	}
	return row.feedback()
}

// UpdateFeedback runs change on the stored feedback while nobody else can change it; change may run more than once. What the
// feedback is about, whose it is and when it came stay as they are. retail.ErrUnchanged stores nothing and is no error.
func (l *Ledger) UpdateFeedback(ctx context.Context, id string, change func(*care.Feedback) error) (*care.Feedback, error) {
	if !storable(id) {
		return nil, feedbackMissing()
	}
	var stored *care.Feedback
	err := l.change(ctx, func(t *tx) error {
		was, err := t.feedback(id)
		if err != nil {
			return err
		}
		next := *was
		next.Replies = slices.Clone(was.Replies)
		if err := change(&next); err != nil {
			return err
		}
		next.ID, next.Kind, next.Owner, next.CreatedAt = was.ID, was.Kind, was.Owner, was.CreatedAt
		next.OrderID, next.ReceiptNo, next.LocationCode, next.SKU = was.OrderID, was.ReceiptNo, was.LocationCode, was.SKU
		stored = &next
		body, err := encode(&next)
		if err != nil {
			return err
		}
		_, err = t.exec(`UPDATE feedback SET status = ?, score = ?, body = ? WHERE id = ?`, string(next.Status), next.Score, body, id)
		return err
	})
	switch {
	case errors.Is(err, retail.ErrUnchanged):
		return l.Feedback(ctx, id)
	case err != nil:
		return nil, err
	}
	return stored, nil
}

// ListFeedback lists what matches, newest first, behind q.Before; q.Limit at most, and 1,000.
func (l *Ledger) ListFeedback(ctx context.Context, q care.FeedbackQuery) ([]*care.Feedback, error) {
	where, args := []string{`1 = 1`}, []any{}
	add := func(condition string, values ...any) { where, args = append(where, condition), append(args, values...) }
	if len(q.Kinds) > 0 {
		add(`kind IN (?)`, texts(q.Kinds))
	}
	if len(q.Statuses) > 0 {
		add(`status IN (?)`, texts(q.Statuses))
	}
	if q.LocationCodes != nil {
		if len(q.LocationCodes) == 0 {
			return nil, nil
		}
		if err := checkPlaces(q.LocationCodes); err != nil {
			return nil, err
		}
		add(`location IN (?)`, q.LocationCodes)
	}
	for _, one := range []struct{ column, value string }{{`owner`, q.Owner}, {`sku`, q.SKU}, {`order_id`, q.OrderID}} {
		if one.value != "" {
			if err := checkTexts(one.column, one.value); err != nil {
				return nil, err
			}
			add(one.column+` = ?`, one.value)
		}
	}
	if q.Before != nil {
		if err := checkTexts("cursor", q.Before.ID); err != nil {
			return nil, err
		}
		at := micros(q.Before.At)
		add(`(created_at < ? OR (created_at = ? AND id < ?))`, at, at, q.Before.ID)
	}
	var rows []feedbackRow
	err := l.all(ctx, &rows, `SELECT id, owner, body FROM feedback WHERE `+strings.Join(where, ` AND `)+
		` ORDER BY created_at DESC, id DESC LIMIT ?`, append(args, limited(q.Limit))...)
	if err != nil {
		return nil, err
	}
	list := make([]*care.Feedback, len(rows))
	for i := range rows {
		if list[i], err = rows[i].feedback(); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func texts[T ~string](values []T) []string {
	list := make([]string, 0, len(values))
	for _, v := range values {
		list = append(list, string(v))
	}
	return list
}

// Ratings sums the published reviews of SKUs, 1,000 at most; a SKU without one is missing.
func (l *Ledger) Ratings(ctx context.Context, skus []string) (map[string]care.Rating, error) {
	if len(skus) > maxList {
		return nil, retail.BadInput("more than %d SKUs asked for at once", maxList)
	}
	known := slices.DeleteFunc(slices.Clone(skus), func(sku string) bool { return !storable(sku) })
	ratings := make(map[string]care.Rating, len(known))
	for part := range slices.Chunk(known, chunk) {
		var rows []struct {
			SKU   string `db:"sku"`
			Count int    `db:"number"`
			Sum   int    `db:"total"`
		}
		err := l.all(ctx, &rows, `SELECT sku, COUNT(*) AS number, CAST(SUM(score) AS BIGINT) AS total FROM feedback
			WHERE sku IN (?) AND sku <> '' AND kind = 'REVIEW' AND status = 'PUBLISHED' GROUP BY sku`, part)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			ratings[row.SKU] = care.Rating{Count: row.Count, Sum: row.Sum}
		}
	}
	return ratings, nil
}
