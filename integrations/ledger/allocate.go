package ledger

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/portico-retail/portico/retail"
)

// pair is what the ledger has promised of one SKU at one place.
type pair struct {
	SKU      string `db:"sku"`
	Open     int    `db:"open"`     // units of ALLOCATED claims
	Closings int64  `db:"closings"` // how often an allocation ended or shrank
}

// Allocate turns a HELD claim, expired or not, into an ALLOCATED one if every line fits into the supply beside the open
// allocations of its pair. See retail.Tx. A refusal or conflict has changed nothing.
func (t *tx) Allocate(claimID string, supply map[string]retail.Supply) error {
	c, err := t.lockClaim(claimID)
	if err != nil {
		return err
	}
	switch c.State {
	case retail.ClaimHeld:
	case retail.ClaimAllocated:
		return nil
	case retail.ClaimExpired:
		return refuseAt(retail.WhyHoldExpired, "", c.LocationCode, "the time of the hold has run out")
	default:
		return refuseAt(retail.WhyHoldClosed, "", c.LocationCode, "the hold is closed")
	}
	pairs, err := t.lockPairs(c.LocationCode, c.Lines)
	if err != nil {
		return err
	}
	if err := fits(c, pairs, supply); err != nil {
		return err
	}
	if err := t.addOpen(c.LocationCode, c.Lines, 1, 0); err != nil {
		return err
	}
	return t.setClaimState(claimID, retail.ClaimAllocated)
}

func fits(c retail.Claim, pairs map[string]pair, supply map[string]retail.Supply) error {
	var short []error
	for _, line := range c.Lines {
		have, ok := supply[line.SKU]
		if !ok {
			return retail.Errorf(retail.CodeInternal, "the supply of a line is missing")
		}
		now := pairs[line.SKU]
		if now.Closings != have.Closings {
			return &retail.Error{Code: retail.CodeConflict, Retryable: true, Message: "the stock has moved meanwhile"}
		}
		if now.Open+line.Quantity > have.Units {
			short = append(short, refuseAt(retail.WhyInsufficientStock, line.SKU, c.LocationCode, "the place has not enough"))
		}
	}
	if len(short) == 1 {
		return short[0]
	}
	return errors.Join(short...)
}

func refuseAt(why retail.Why, sku, locationCode, message string) error {
	r := retail.Refuse(why, "", message)
	r.SKU, r.LocationCode = sku, locationCode
	return r
}

// CloseClaim ends a HELD or ALLOCATED claim as RELEASED, EXPIRED or DONE. A claim that is final stays what it is.
func (t *tx) CloseClaim(claimID string, to retail.ClaimState) error {
	if !to.Final() {
		return retail.Errorf(retail.CodeInternal, "a claim cannot be closed as %s", to)
	}
	c, err := t.lockClaim(claimID)
	if err != nil || c.State.Final() {
		return err
	}
	switch {
	case c.State == retail.ClaimAllocated:
		err = t.closePairs(c.LocationCode, c.Lines, -1)
	case to == retail.ClaimDone:
		// Units have left the place that were never allocated: who read the supply before must read it again as well.
		err = t.closePairs(c.LocationCode, c.Lines, 0)
	}
	if err != nil {
		return err
	}
	return t.setClaimState(claimID, to)
}

// ShrinkClaim takes units off an open claim; more than a line has takes all of it, and a claim that is final stays what it is.
func (t *tx) ShrinkClaim(claimID string, lines []retail.ClaimLine) error {
	c, err := t.lockClaim(claimID)
	if err != nil || c.State.Final() {
		return err
	}
	off := map[string]int{}
	for _, line := range lines {
		if line.Quantity < 0 {
			return retail.Errorf(retail.CodeInternal, "a claim cannot shrink by %d", line.Quantity)
		}
		off[line.SKU] += line.Quantity
	}
	var taken, left []retail.ClaimLine
	for _, line := range c.Lines {
		n := min(off[line.SKU], line.Quantity)
		if n > 0 {
			taken = append(taken, retail.ClaimLine{SKU: line.SKU, Quantity: n})
		}
		if n < line.Quantity {
			left = append(left, retail.ClaimLine{SKU: line.SKU, Quantity: line.Quantity - n})
		}
	}
	if len(taken) == 0 {
		return nil
	}
	if c.State == retail.ClaimAllocated {
		if err := t.closePairs(c.LocationCode, taken, -1); err != nil {
			return err
		}
	}
	text, err := encode(left)
	if err != nil {
		return err
	}
	_, err = t.exec(`UPDATE claims SET lines = ? WHERE id = ?`, text, claimID)
	return err
}

func (t *tx) lockClaim(id string) (retail.Claim, error) {
	if !storable(id) {
		return retail.Claim{}, claimMissing()
	}
	c, found, err := t.claim(id, true)
	if err == nil && !found {
		err = claimMissing()
	}
	return c, err
}

func (t *tx) setClaimState(id string, to retail.ClaimState) error {
	_, err := t.exec(`UPDATE claims SET state = ? WHERE id = ?`, string(to), id)
	return err
}

// closePairs adds to the pairs' open units and counts a closing of each.
func (t *tx) closePairs(locationCode string, lines []retail.ClaimLine, sign int) error {
	if _, err := t.lockPairs(locationCode, lines); err != nil {
		return err
	}
	return t.addOpen(locationCode, lines, sign, 1)
}

// lockPairs loads the pairs of lines and keeps them until the end. New pairs come first and then the known ones, each in the
// order of SKUs, so that no two transactions wait for each other.
func (t *tx) lockPairs(locationCode string, lines []retail.ClaimLine) (map[string]pair, error) {
	pairs := make(map[string]pair, len(lines))
	if len(lines) == 0 {
		return pairs, nil
	}
	skus := make([]string, len(lines))
	for i, line := range lines {
		skus[i] = line.SKU
	}
	slices.Sort(skus)
	const query = `SELECT sku, open, closings FROM allocations WHERE location = ? AND sku IN (?) ORDER BY sku`
	var rows []pair
	if err := t.all(&rows, query, locationCode, skus); err != nil {
		return nil, err
	}
	fresh := len(rows) < len(skus)
	if fresh {
		if err := t.addPairs(locationCode, skus); err != nil {
			return nil, err
		}
	}
	if fresh || t.forUpdate() != "" {
		rows = nil
		if err := t.all(&rows, query+t.forUpdate(), locationCode, skus); err != nil {
			return nil, err
		}
	}
	for _, row := range rows {
		pairs[row.SKU] = row
	}
	return pairs, nil
}

func (t *tx) addPairs(locationCode string, skus []string) error {
	args := make([]any, 0, 2*len(skus))
	for _, sku := range skus {
		args = append(args, locationCode, sku)
	}
	values := strings.Repeat(`, (?, ?, 0, 0)`, len(skus))[2:]
	_, err := t.exec(`INSERT INTO allocations (location, sku, open, closings) VALUES `+values+` ON CONFLICT DO NOTHING`, args...)
	return err
}

// addOpen adds sign times the lines to the open units of their pairs, and closings to their closings.
func (t *tx) addOpen(locationCode string, lines []retail.ClaimLine, sign, closings int) error {
	if len(lines) == 0 {
		return nil
	}
	args := make([]any, 0, 2*len(lines)+2)
	args = append(args, closings)
	for _, line := range lines {
		args = append(args, line.SKU, sign*line.Quantity)
	}
	values := strings.Repeat(`, (CAST(? AS TEXT), CAST(? AS BIGINT))`, len(lines))[2:]
	_, err := t.exec(`UPDATE allocations SET open = open + more.column2, closings = closings + ? FROM (VALUES `+values+`) AS more
		WHERE location = ? AND sku = more.column1`, append(args, locationCode)...)
	return err
}

// Closings reads the closings of pairs at a place, 0 for one that the ledger never met. It takes 1,000 SKUs at most.
func (l *Ledger) Closings(ctx context.Context, locationCode string, skus []string) (map[string]int64, error) {
	if len(skus) > maxList {
		return nil, retail.BadInput("more than %d SKUs asked for at once", maxList)
	}
	closings := make(map[string]int64, len(skus))
	for _, sku := range skus {
		closings[sku] = 0
	}
	if !storable(locationCode) {
		return closings, nil
	}
	known := slices.DeleteFunc(slices.Clone(skus), func(sku string) bool { return !storable(sku) })
	for part := range slices.Chunk(known, chunk) {
		var rows []pair
		err := l.all(ctx, &rows, `SELECT sku, open, closings FROM allocations WHERE location = ? AND sku IN (?)`, locationCode, part)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			closings[row.SKU] = row.Closings
		}
	}
	return closings, nil
}
