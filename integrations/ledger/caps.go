package ledger

import (
	"math"
	"time"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/stock"
)

// householdKey is what is stored of a household: a digest; nil of one that is not bounded.
func (l *Ledger) householdKey(h retail.Household) *string {
	if !h.Bounds() {
		return nil
	}
	key := l.digest("household\x00" + h.Name)
	return &key
}

// lockHousehold makes transactions about the same household wait for each other. Who locks an owner too does that before.
func (t *tx) lockHousehold(key string) error { return t.lockOwner("\x01household:" + key) }

// holder is whose claims caps count.
type holder struct {
	held, made string // which claims are held at the same time, which were made at some time
	key        string
}

// checkCaps counts what the owner holds and, for a guest, what all guests of the household hold.
func (t *tx) checkCaps(c retail.Claim, caps stock.HoldCaps, now time.Time) error {
	if err := t.checkHolder(holder{`owner = ?`, `owner = ? AND order_id = ''`, c.Owner}, c, caps, now); err != nil {
		return err
	}
	home := t.l.householdKey(caps.Household)
	if home == nil {
		return nil
	}
	if err := t.lockHousehold(*home); err != nil {
		return err
	}
	n := caps.Household.Guests
	caps.Holds, caps.UnitsPerSKU, caps.PerMinute = times(n, caps.Holds), times(n, caps.UnitsPerSKU), times(n, caps.PerMinute)
	return t.checkHolder(holder{`household = ?`, `household = ?`, *home}, c, caps, now)
}

// times does not overflow.
func times(n, limit int) int { return int(min(int64(n)*int64(limit), math.MaxInt32)) }

func (t *tx) checkHolder(who holder, c retail.Claim, caps stock.HoldCaps, now time.Time) error {
	var held []string
	err := t.all(&held, `SELECT lines FROM claims WHERE `+who.held+` AND state = 'HELD' AND expires_at > ?`, who.key, micros(now))
	if err != nil {
		return err
	}
	if caps.Holds > 0 && len(held)+1 > caps.Holds {
		r := retail.Refuse(retail.WhyLimitReached, "", "too many holds at the same time")
		r.Limit, r.LocationCode = &caps.Holds, c.LocationCode
		return r
	}
	if err := t.checkPace(who, c, caps, now); err != nil {
		return err
	}
	return checkUnits(c, caps, held)
}

// checkUnits bounds the units of each SKU, with those of the lines that are held already.
func checkUnits(c retail.Claim, caps stock.HoldCaps, held []string) error {
	if caps.UnitsPerSKU <= 0 {
		return nil
	}
	units := map[string]int{}
	for _, text := range held {
		var lines []retail.ClaimLine
		if err := decode(text, &lines); err != nil {
			return err
		}
		for _, line := range lines {
			units[line.SKU] += line.Quantity
		}
	}
	for _, line := range c.Lines {
		if units[line.SKU]+line.Quantity > caps.UnitsPerSKU {
			r := retail.Refuse(retail.WhyLimitReached, "", "too many units of one product in holds")
			r.Limit, r.SKU, r.LocationCode = &caps.UnitsPerSKU, line.SKU, c.LocationCode
			return r
		}
	}
	return nil
}

// checkPace counts the holds that were made within the last minute, also those that were given back since.
func (t *tx) checkPace(who holder, c retail.Claim, caps stock.HoldCaps, now time.Time) error {
	if caps.PerMinute <= 0 {
		return nil
	}
	var made struct {
		Count int    `db:"made"`
		First *int64 `db:"first"`
	}
	_, err := t.one(&made, `SELECT COUNT(*) AS made, MIN(created_at) AS first FROM claims
		WHERE `+who.made+` AND created_at > ?`, who.key, micros(now.Add(-time.Minute)))
	if err != nil || made.Count < caps.PerMinute {
		return err
	}
	limit := retail.Limit{Most: caps.PerMinute, Per: time.Minute}
	r := limit.Refuse("", fromMicros(*made.First).Add(limit.Per).Sub(now))
	r.LocationCode = c.LocationCode
	return r
}

// LimitUnpaid is retail.Tx's. The transaction has locked the owner (CreateOrder).
func (t *tx) LimitUnpaid(o *retail.Order, limit retail.UnpaidLimit) error {
	if limit.Orders <= 0 {
		return nil
	}
	if err := t.countUnpaid(`owner = ? AND status IN ('PLACING', 'PENDING_PAYMENT')`, o.Owner, limit.Orders); err != nil {
		return err
	}
	home := t.l.householdKey(limit.Household)
	if home == nil {
		return nil
	}
	if err := t.lockHousehold(*home); err != nil {
		return err
	}
	if _, err := t.exec(`UPDATE orders SET unpaid_household = ? WHERE id = ?`, *home, o.ID); err != nil {
		return err
	}
	return t.countUnpaid(`unpaid_household = ?`, *home, times(limit.Household.Guests, limit.Orders))
}

func (t *tx) countUnpaid(where, key string, most int) error {
	var count int
	if _, err := t.one(&count, `SELECT COUNT(*) FROM orders WHERE `+where, key); err != nil || count <= most {
		return err
	}
	r := retail.Refuse(retail.WhyLimitReached, "", "Too many orders wait for their payment: pay or cancel one before.")
	r.Limit = &most
	return r
}
