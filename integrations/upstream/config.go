package upstream

import (
	"fmt"
	"time"
)

// Config bounds the calls of one guard. A zero field means its default.
type Config struct {
	// Timeout bounds a call with all its attempts; a nearer deadline of the caller wins. Default 2 s.
	Timeout time.Duration
	// Reserve is the least that a call leaves of its caller's time, so that there is some left to answer in; a quarter of
	// the time when that is more. Default 10 ms.
	Reserve time.Duration
	// MaxConcurrent bounds the calls under way; one more is refused at once. Default 64.
	MaxConcurrent int
	// MaxAttempts bounds the attempts of a call that is safe to repeat; 1 means no retry. Default 2.
	MaxAttempts int
	// RetryPause bounds the random pause before the first retry and doubles with each further one. Default 50 ms.
	RetryPause time.Duration
	// RetryShare bounds retries to this share of calls, above 0 to 1. Default 0.1.
	RetryShare float64
	// OpenAfter is how many failures in a row open the breaker. Default 5.
	OpenAfter int
	// OpenFor is how long an open breaker refuses before it lets one probe pass. Default 500 ms.
	OpenFor time.Duration
}

// withDefaults fills the zero fields.
func (c Config) withDefaults() Config {
	or(&c.Timeout, 2*time.Second)
	or(&c.Reserve, 10*time.Millisecond)
	or(&c.MaxConcurrent, 64)
	or(&c.MaxAttempts, 2)
	or(&c.RetryPause, 50*time.Millisecond)
	or(&c.RetryShare, 0.1)
	or(&c.OpenAfter, 5)
	or(&c.OpenFor, 500*time.Millisecond)
	return c
}

func or[T comparable](field *T, fallback T) {
	var zero T
	if *field == zero {
		*field = fallback
	}
}

// Validate says which field is out of bounds.
func (c Config) Validate() error {
	c = c.withDefaults()
	switch {
	case c.Timeout < 0 || c.Timeout > 10*time.Minute:
		return fmt.Errorf("upstream: Timeout %v is not within 0 to 10m", c.Timeout)
	case c.Reserve < 0 || c.Reserve >= c.Timeout:
		return fmt.Errorf("upstream: Reserve %v is not within 0 to Timeout %v", c.Reserve, c.Timeout)
	case c.MaxConcurrent < 0 || c.MaxConcurrent > 10_000:
		return fmt.Errorf("upstream: MaxConcurrent %d is not within 1 to 10000", c.MaxConcurrent)
	case c.MaxAttempts < 0 || c.MaxAttempts > 5:
		return fmt.Errorf("upstream: MaxAttempts %d is not within 1 to 5", c.MaxAttempts)
	case c.RetryPause < 0 || c.RetryPause > c.Timeout:
		return fmt.Errorf("upstream: RetryPause %v is not within 0 to Timeout %v", c.RetryPause, c.Timeout)
	case !(c.RetryShare > 0 && c.RetryShare <= 1):
		return fmt.Errorf("upstream: RetryShare %v is not above 0 to 1", c.RetryShare)
	case c.OpenAfter < 0 || c.OpenAfter > 1000:
		return fmt.Errorf("upstream: OpenAfter %d is not within 1 to 1000", c.OpenAfter)
	case c.OpenFor < 0 || c.OpenFor > 5*time.Second:
		return fmt.Errorf("upstream: OpenFor %v is not within 0 to 5s", c.OpenFor)
	}
	return nil
}
