package loaders

import (
	"sync/atomic"

	"github.com/portico-retail/portico/retail"
)

// allowance bounds what one response may ask of a service: a list of variants in a list of products in a list of aliases
// multiplies a short document into more questions than the systems behind the gateway can bear.
type allowance struct {
	what string
	left atomic.Int64
}

func newAllowance(what string, most int64) *allowance {
	a := &allowance{what: what}
	a.left.Store(most)
	return a
}

// take uses up n of it; CodeLimitExceeded when there is less.
func (a *allowance) take(n int) error {
	if a.left.Add(-int64(n)) < 0 {
		return retail.Errorf(retail.CodeLimitExceeded, "the response asks for too many %s", a.what)
	}
	return nil
}
