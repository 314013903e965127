package returns

import (
	"errors"
	"time"
)

// Config is what a retailer decides about returns.
type Config struct {
	// Within is how long after it was collected or delivered a unit may be brought back or asked to be.
	Within time.Duration
	// LapseAfter is how long after the request goods that never came back are no longer waited for.
	LapseAfter time.Duration
	// ExchangeHold is the longest that replacements are held; they are held until the store closes on the next day that it opens.
	ExchangeHold time.Duration
	// LookFirst and LookMost bound the time between two looks at what somebody else must do: a parcel, a slow refund.
	LookFirst time.Duration
	LookMost  time.Duration
	// Behind is how long a job leaves a request alone that works on the same return.
	Behind time.Duration
}

// DefaultConfig is a usual retailer's.
func DefaultConfig() Config {
	const day = 24 * time.Hour
	return Config{
		Within: 14 * day, LapseAfter: 30 * day, ExchangeHold: 48 * time.Hour,
		LookFirst: time.Minute, LookMost: 6 * time.Hour, Behind: 5 * time.Second,
	}
}

// Validate refuses a configuration that makes no sense.
func (c Config) Validate() error {
	switch {
	case c.Within <= 0:
		return errors.New("returns: within must be positive")
	case c.LapseAfter <= 0:
		return errors.New("returns: lapse_after must be positive")
	case c.ExchangeHold <= 0 || c.ExchangeHold > c.LapseAfter:
		return errors.New("returns: exchange_hold must be positive and not longer than lapse_after")
	case c.LookFirst <= 0 || c.LookMost < c.LookFirst:
		return errors.New("returns: look_first must be positive and not longer than look_most")
	case c.Behind < 0:
		return errors.New("returns: behind must not be negative")
	}
	return nil
}
