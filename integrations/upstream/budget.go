package upstream

import "sync"

// budget bounds retries to a share of calls: a call earns the share, a retry spends a whole. The library's budget counts
// what is under way at one moment, which lets every call of a quiet stream retry.
type budget struct {
	mu     sync.Mutex
	share  float64
	credit float64
}

// maxCredit bounds the retries that a quiet time can save up.
const maxCredit = 10

func newBudget(share float64) *budget { return &budget{share: share, credit: 1} }

func (b *budget) earn() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.credit = min(maxCredit, b.credit+b.share)
}

func (b *budget) spend() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.credit < 1 {
		return false
	}
	b.credit--
	return true
}
