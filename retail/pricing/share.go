package pricing

import (
	"cmp"
	"math/bits"
	"slices"
)

// share takes amount off the lines, in proportion to what they still cost: the whole parts first, then one minor unit each
// to those with the largest remainder. amount is at most what they cost together.
func (p *pricing) share(amount int64, lines []int) {
	weights := make([]int64, len(lines))
	for i, line := range lines {
		weights[i] = p.left[line]
	}
	shares, remainders := proportions(amount, weights)
	rest := amount
	for _, s := range shares {
		rest -= s
	}
	order := make([]int, len(lines))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		x, y := &p.in.Lines[lines[a]], &p.in.Lines[lines[b]]
		return cmp.Or(
			cmp.Compare(remainders[b], remainders[a]), cmp.Compare(x.ID, y.ID), cmp.Compare(x.SKU, y.SKU),
		)
	})
	for _, i := range order[:rest] {
		shares[i]++
	}
	for i, line := range lines {
		p.left[line] -= shares[i]
	}
}

// proportions divides amount by weights, rounded down, with the remainders. The weights add up to amount at least, and to
// more than zero. The products need more than 64 bits.
func proportions(amount int64, weights []int64) (shares []int64, remainders []uint64) {
	var sum uint64
	for _, w := range weights {
		sum += uint64(w)
	}
	shares, remainders = make([]int64, len(weights)), make([]uint64, len(weights))
	for i, w := range weights {
		hi, lo := bits.Mul64(uint64(amount), uint64(w))
		quotient, remainder := bits.Div64(hi, lo, sum)
		shares[i], remainders[i] = int64(quotient), remainder
	}
	return shares, remainders
}
