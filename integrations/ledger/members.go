package ledger

import (
	"context"
	"slices"
	"strings"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/members"
)

const maxIdentities = 50

type memberRow struct {
	ID      string `db:"id"`
	Version int    `db:"version"`
	Body    string `db:"body"`
}

func (r *memberRow) member() (*retail.Member, error) {
	m := &retail.Member{}
	err := decode(r.Body, m)
	m.ID, m.Version = r.ID, r.Version
	return m, err
}

func memberMissing() error { return retail.Errorf(retail.CodeNotFound, "there is no such member") }

// Member loads by id, CodeNotFound when there is none.
func (l *Ledger) Member(ctx context.Context, id string) (*retail.Member, error) {
	if !storable(id) {
		return nil, memberMissing()
	}
	return l.memberBy(ctx, `SELECT id, version, body FROM members WHERE id = ?`, id)
}

// MemberOf loads by one of its identities, CodeNotFound when nobody has it.
func (l *Ledger) MemberOf(ctx context.Context, system retail.Source, key string) (*retail.Member, error) {
	if !storable(string(system)) || !storable(key) {
		return nil, memberMissing()
	}
	return l.memberBy(ctx, `SELECT members.id, members.version, members.body FROM identities
		JOIN members ON members.id = identities.member_id WHERE identities.system = ? AND identities.key = ?`, string(system), key)
}

func (l *Ledger) memberBy(ctx context.Context, query string, args ...any) (*retail.Member, error) {
	var row memberRow
	switch found, err := l.one(ctx, &row, query, args...); {
	case err != nil:
		return nil, err
	case !found:
		return nil, memberMissing()
	}
	return row.member()
}

// Members lists members by id, after the one given; limit at most, and 1,000.
func (l *Ledger) Members(ctx context.Context, after string, limit int) ([]*retail.Member, error) {
	if err := checkTexts("after", after); err != nil {
		return nil, err
	}
	var rows []memberRow
	err := l.all(ctx, &rows, `SELECT id, version, body FROM members WHERE id > ? ORDER BY id LIMIT ?`, after, limited(limit))
	if err != nil {
		return nil, err
	}
	list := make([]*retail.Member, len(rows))
	for i := range rows {
		if list[i], err = rows[i].member(); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// SaveMember stores a member if the stored version is m.Version (0 for a new one), with jobs in the same transaction, and
// returns it with its new version. It fails with a retryable CodeConflict when the version is another or an identity belongs to
// somebody else.
func (l *Ledger) SaveMember(ctx context.Context, m *retail.Member, jobs ...retail.Job) (*retail.Member, error) {
	var stored *retail.Member
	err := l.change(ctx, func(t *tx) error {
		list, err := t.saveMembers(m)
		if err != nil {
			return err
		}
		stored = list[0]
		return t.Enqueue(jobs...)
	})
	if err != nil {
		return nil, err
	}
	return stored, nil
}

// saveMembers stores members, by their versions and in the order of their ids, and then their identities: what one gave away,
// another may take.
func (t *tx) saveMembers(list ...*retail.Member) ([]*retail.Member, error) {
	stored := make([]*retail.Member, len(list))
	for i, m := range list {
		if err := checkMember(m); err != nil {
			return nil, err
		}
		next := *m
		next.Version++
		stored[i] = &next
	}
	byID := slices.SortedFunc(slices.Values(stored), func(a, b *retail.Member) int { return strings.Compare(a.ID, b.ID) })
	for _, m := range byID {
		owner := retail.Actor{MemberID: m.ID}.Key()
		if err := t.lockOwner(owner); err != nil {
			return nil, err
		}
		if err := t.mustStay(owner); err != nil {
			return nil, err
		}
	}
	for _, m := range byID {
		if err := t.saveMember(m); err != nil {
			return nil, err
		}
	}
	for _, m := range byID {
		if _, err := t.exec(`DELETE FROM identities WHERE member_id = ?`, m.ID); err != nil {
			return nil, err
		}
	}
	for _, m := range byID {
		if err := t.saveIdentities(m); err != nil {
			return nil, err
		}
	}
	return stored, nil
}

func checkMember(m *retail.Member) error {
	if err := checkKeys("member", m.ID); err != nil {
		return err
	}
	if len(m.Identities) > maxIdentities {
		return retail.BadInput("a member has more than %d identities", maxIdentities)
	}
	for _, id := range m.Identities {
		if err := checkKeys("system", string(id.System), "identity", id.Key); err != nil {
			return err
		}
	}
	return nil
}

// saveMember stores m, whose version is the next one.
func (t *tx) saveMember(m *retail.Member) error {
	body, err := encode(m)
	if err != nil {
		return err
	}
	var rows int64
	if m.Version == 1 {
		rows, err = t.exec(`INSERT INTO members (id, version, body) VALUES (?, 1, ?) ON CONFLICT DO NOTHING`, m.ID, body)
	} else {
		rows, err = t.exec(`UPDATE members SET version = ?, body = ? WHERE id = ? AND version = ?`, m.Version, body, m.ID, m.Version-1)
	}
	if err == nil && rows == 0 {
		return &retail.Error{Code: retail.CodeConflict, Retryable: true, Message: "somebody else changed the member meanwhile"}
	}
	return err
}

func (t *tx) saveIdentities(m *retail.Member) error {
	list := slices.SortedFunc(slices.Values(m.Identities), func(a, b retail.Identity) int {
		if a.System != b.System {
			return strings.Compare(string(a.System), string(b.System))
		}
		return strings.Compare(a.Key, b.Key)
	})
	for i, id := range list {
		if i > 0 && list[i-1].System == id.System && list[i-1].Key == id.Key {
			continue
		}
		rows, err := t.exec(`INSERT INTO identities (system, key, member_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`,
			string(id.System), id.Key, m.ID)
		if err != nil {
			return err
		}
		if rows == 0 {
			return &retail.Error{Code: retail.CodeConflict, Retryable: true, Message: "an identity belongs to another member"}
		}
	}
	return nil
}

// Enqueue stores jobs.
func (l *Ledger) Enqueue(ctx context.Context, jobs ...retail.Job) error {
	return l.change(ctx, func(t *tx) error { return t.Enqueue(jobs...) })
}

// Merge loads a merge record, CodeNotFound when there is none.
func (l *Ledger) Merge(ctx context.Context, id string) (*members.MergeRecord, error) {
	missing := retail.Errorf(retail.CodeNotFound, "there is no such merge")
	if !storable(id) {
		return nil, missing
	}
	var body string
	switch found, err := l.one(ctx, &body, `SELECT body FROM merges WHERE id = ?`, id); {
	case err != nil:
		return nil, err
	case !found:
		return nil, missing
	}
	record := &members.MergeRecord{}
	return record, decode(body, record)
}

// SaveMerge stores both members, by their versions, with the record of a merge or, when record.UndoneAt is set, of its undoing.
// Orders, holds and feedback of the owner from go to the owner to; an undoing gives back what its merge moved and nothing else.
// Carts live in the shop.
func (l *Ledger) SaveMerge(
	ctx context.Context, record members.MergeRecord, kept, merged *retail.Member, from, to string,
) error {
	if err := checkKeys("merge", record.ID); err != nil {
		return err
	}
	if err := checkTexts("from", from, "to", to); err != nil {
		return err
	}
	body, err := encode(record)
	if err != nil {
		return err
	}
	return l.change(ctx, func(t *tx) error {
		if _, err := t.saveMembers(kept, merged); err != nil {
			return err
		}
		if _, err := t.exec(`INSERT INTO merges (id, body) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body`,
			record.ID, body); err != nil {
			return err
		}
		if from == "" || to == "" || from == to {
			return nil
		}
		for _, owner := range []string{min(from, to), max(from, to)} {
			if err := t.lockOwner(owner); err != nil {
				return err
			}
		}
		return t.move(record, from, to)
	})
}

// move gives what from owns to to.
func (t *tx) move(record members.MergeRecord, from, to string) error {
	memberID, isMember := strings.CutPrefix(to, "member:")
	if !isMember {
		memberID = ""
	}
	for _, table := range []string{"orders", "claims", "feedback"} {
		if record.UndoneAt == nil {
			if _, err := t.exec(`INSERT INTO merge_moves (merge_id, kind, id) SELECT ?, ?, id FROM `+table+` WHERE owner = ?
				ON CONFLICT DO NOTHING`, record.ID, table, from); err != nil {
				return err
			}
		}
		set, args := `owner = ?`, []any{to}
		if table == "orders" {
			set, args = `owner = ?, member_id = ?, version = version + 1`, []any{to, memberID}
		}
		_, err := t.exec(`UPDATE `+table+` SET `+set+` WHERE owner = ?
			AND id IN (SELECT id FROM merge_moves WHERE merge_id = ? AND kind = ?)`, append(args, from, record.ID, table)...)
		if err != nil {
			return err
		}
	}
	return nil
}
