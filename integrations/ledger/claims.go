package ledger

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/stock"
)

// maxClaimLines bounds one claim.
const maxClaimLines = 200

type claimRow struct {
	ID        string `db:"id"`
	Owner     string `db:"owner"`
	OrderID   string `db:"order_id"`
	Location  string `db:"location"`
	State     string `db:"state"`
	CreatedAt int64  `db:"created_at"`
	ExpiresAt int64  `db:"expires_at"`
	Lines     string `db:"lines"`
	Requested string `db:"requested"` // JSON like Lines; empty when it was no more than them
}

const claimColumns = `id, owner, order_id, location, state, created_at, expires_at, lines, requested`

func (r *claimRow) claim() (retail.Claim, error) {
	c := retail.Claim{
		ID: r.ID, Owner: r.Owner, OrderID: r.OrderID, LocationCode: r.Location, State: retail.ClaimState(r.State),
		CreatedAt: fromMicros(r.CreatedAt), ExpiresAt: fromMicros(r.ExpiresAt),
	}
	if r.Requested != "" {
		if err := decode(r.Requested, &c.Requested); err != nil {
			return c, err
		}
	}
	return c, decode(r.Lines, &c.Lines)
}

func claimMissing() error { return retail.Errorf(retail.CodeNotFound, "there is no such hold") }

// AddClaim stores a HELD claim unless its id is known, and returns what is stored, with lines by SKU and times to the
// microsecond. When caps are exceeded by the owner's claims that are HELD and not expired at now, or by those made in the minute
// before, this one counted, or those of the owner's household by as many times the caps, it stores nothing and refuses with
// WhyLimitReached. Calls of one owner and of one household wait for each other, so that caps hold exactly.
func (l *Ledger) AddClaim(ctx context.Context, c retail.Claim, caps stock.HoldCaps, now time.Time) (retail.Claim, error) {
	c, err := normalClaim(c, now)
	if err != nil {
		return retail.Claim{}, err
	}
	lines, err := encode(c.Lines)
	if err != nil {
		return retail.Claim{}, err
	}
	requested := ""
	if c.Requested != nil {
		if requested, err = encode(c.Requested); err != nil {
			return retail.Claim{}, err
		}
	}
	var stored retail.Claim
	err = l.change(ctx, func(t *tx) error {
		if caps != (stock.HoldCaps{}) {
			if err := t.lockOwner(c.Owner); err != nil {
				return err
			}
			if known, found, err := t.claim(c.ID, false); found || err != nil {
				stored = known
				return err
			}
			if err := t.mustStay(c.Owner); err != nil {
				return err
			}
			if err := t.checkCaps(c, caps, now); err != nil {
				return err
			}
		}
		rows, err := t.exec(`INSERT INTO claims (`+claimColumns+`, household) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (id) DO NOTHING`, c.ID, c.Owner, c.OrderID, c.LocationCode, string(c.State), micros(c.CreatedAt),
			micros(c.ExpiresAt), lines, requested, l.householdKey(caps.Household))
		stored = c
		if err != nil || rows == 1 {
			return err
		}
		stored, _, err = t.claim(c.ID, false)
		return err
	})
	if err != nil {
		return retail.Claim{}, err
	}
	return stored, nil
}

func normalClaim(c retail.Claim, now time.Time) (_ retail.Claim, err error) {
	if err := checkKeys("id", c.ID, "owner", c.Owner, "location", c.LocationCode); err != nil {
		return c, err
	}
	if err := checkTexts("order", c.OrderID); err != nil {
		return c, err
	}
	switch {
	case c.State != "" && c.State != retail.ClaimHeld:
		return c, retail.Errorf(retail.CodeInternal, "a claim starts as HELD")
	case len(c.Lines) == 0:
		return c, retail.BadInput("a hold needs a line")
	}
	if c.CreatedAt.IsZero() {
		c.CreatedAt = now
	}
	c.State, c.CreatedAt, c.ExpiresAt = retail.ClaimHeld, exact(c.CreatedAt), exact(c.ExpiresAt)
	if c.Lines, err = normalLines(c.Lines); err == nil && c.Requested != nil {
		c.Requested, err = normalLines(c.Requested)
	}
	return c, err
}

// normalLines are the lines by SKU, or what is wrong with them.
func normalLines(lines []retail.ClaimLine) ([]retail.ClaimLine, error) {
	if len(lines) > maxClaimLines {
		return nil, retail.BadInput("a hold has more than %d lines", maxClaimLines)
	}
	sorted := slices.Clone(lines)
	slices.SortFunc(sorted, func(a, b retail.ClaimLine) int { return cmp.Compare(a.SKU, b.SKU) })
	for i, line := range sorted {
		if err := checkKeys("SKU", line.SKU); err != nil {
			return nil, err
		}
		if line.Quantity < 1 || line.Quantity > 1_000_000 {
			return nil, retail.BadInput("a quantity of %d cannot be held", line.Quantity)
		}
		if i > 0 && sorted[i-1].SKU == line.SKU {
			return nil, retail.BadInput("a SKU is there twice")
		}
	}
	return sorted, nil
}

// claim loads a claim, kept from change by others when lock is set.
func (t *tx) claim(id string, lock bool) (c retail.Claim, found bool, err error) {
	query := `SELECT ` + claimColumns + ` FROM claims WHERE id = ?`
	if lock {
		query += t.forUpdate()
	}
	var row claimRow
	if found, err = t.one(&row, query, id); !found || err != nil {
		return c, false, err
	}
	c, err = row.claim()
	return c, err == nil, err
}

// Claim loads by id, CodeNotFound when there is none.
func (l *Ledger) Claim(ctx context.Context, id string) (retail.Claim, error) {
	if !storable(id) {
		return retail.Claim{}, claimMissing()
	}
	var row claimRow
	switch found, err := l.one(ctx, &row, `SELECT `+claimColumns+` FROM claims WHERE id = ?`, id); {
	case err != nil:
		return retail.Claim{}, err
	case !found:
		return retail.Claim{}, claimMissing()
	}
	return row.claim()
}

// ExtendClaim sets the expiry, and the order that it serves when orderID is not empty, of a claim that is HELD, expired or not;
// one that is not HELD stays what it is. What serves an order counts for no household any more. It returns what is stored.
func (l *Ledger) ExtendClaim(ctx context.Context, id, orderID string, expiresAt time.Time) (retail.Claim, error) {
	if err := checkTexts("order", orderID); err != nil {
		return retail.Claim{}, err
	}
	return l.changeHeld(ctx, id, `expires_at = ?, order_id = COALESCE(NULLIF(?, ''), order_id),
		household = CASE WHEN ? = '' THEN household END`, micros(expiresAt), orderID, orderID)
}

// EndClaim moves a HELD claim to RELEASED or EXPIRED; one that is not HELD stays what it is. It returns what is stored.
func (l *Ledger) EndClaim(ctx context.Context, id string, to retail.ClaimState) (retail.Claim, error) {
	if to != retail.ClaimReleased && to != retail.ClaimExpired {
		return retail.Claim{}, retail.Errorf(retail.CodeInternal, "a hold cannot end as %s", to)
	}
	return l.changeHeld(ctx, id, `state = ?`, string(to))
}

func (l *Ledger) changeHeld(ctx context.Context, id, set string, args ...any) (c retail.Claim, err error) {
	if !storable(id) {
		return c, claimMissing()
	}
	err = l.change(ctx, func(t *tx) error {
		if _, err := t.exec(`UPDATE claims SET `+set+` WHERE id = ? AND state = 'HELD'`, append(slices.Clone(args), id)...); err != nil {
			return err
		}
		var found bool
		var err error
		if c, found, err = t.claim(id, false); err == nil && !found {
			return claimMissing()
		}
		return err
	})
	return c, err
}

// HeldBy lists the claims of an owner that are HELD, not expired at now and serve no order, by id; 1,000 at most.
func (l *Ledger) HeldBy(ctx context.Context, owner string, now time.Time) ([]retail.Claim, error) {
	if !storable(owner) {
		return nil, nil
	}
	return l.claims(ctx, `owner = ? AND state = 'HELD' AND expires_at > ? AND order_id = '' ORDER BY id LIMIT ?`,
		owner, micros(now), maxList)
}

// GiveHolds makes another owner's what an owner holds and no order serves.
func (l *Ledger) GiveHolds(ctx context.Context, from, to string) error {
	if err := checkKeys("owner", from, "new owner", to); err != nil {
		return err
	}
	return l.change(ctx, func(t *tx) error {
		_, err := t.exec(`UPDATE claims SET owner = ? WHERE owner = ? AND state = 'HELD' AND order_id = ''`, to, from)
		return err
	})
}

// LiveClaims lists the claims at the places that are ALLOCATED, or HELD and not expired at now, by id behind after; limit at
// most, and 1,000. It takes 1,000 places at most.
func (l *Ledger) LiveClaims(
	ctx context.Context, locationCodes []string, now time.Time, after string, limit int,
) ([]retail.Claim, error) {
	if len(locationCodes) == 0 {
		return nil, nil
	}
	if err := errors.Join(checkPlaces(locationCodes), checkTexts("after", after)); err != nil {
		return nil, err
	}
	return l.claims(ctx, `location IN (?) AND id > ? AND state IN ('HELD', 'ALLOCATED')
		AND (state = 'ALLOCATED' OR expires_at > ?) ORDER BY id LIMIT ?`, locationCodes, after, micros(now), limited(limit))
}

func (l *Ledger) claims(ctx context.Context, where string, args ...any) ([]retail.Claim, error) {
	var rows []claimRow
	if err := l.all(ctx, &rows, `SELECT `+claimColumns+` FROM claims WHERE `+where, args...); err != nil {
		return nil, err
	}
	list := make([]retail.Claim, len(rows))
	for i := range rows {
		var err error
		if list[i], err = rows[i].claim(); err != nil {
			return nil, err
		}
	}
	return list, nil
}
