package auth

import (
	"crypto/sha256"
	"time"

	"github.com/maypok86/otter/v2"
)

// cacheFor is how long a verified token is not verified again; a key that is withdrawn works for as long.
const cacheFor = time.Minute

// claimCache remembers verified tokens by their digests, so that it holds none that could be stolen.
type claimCache struct {
	entries *otter.Cache[[sha256.Size]byte, cachedClaims]
}

type cachedClaims struct {
	claims claims
	until  time.Time
}

func newClaimCache(entries int) (*claimCache, error) {
	c, err := otter.New(&otter.Options[[sha256.Size]byte, cachedClaims]{MaximumSize: entries, Logger: &otter.NoopLogger{}})
	return &claimCache{entries: c}, err
}

func cacheKey(token string) [sha256.Size]byte { return sha256.Sum256([]byte(token)) }

func (c *claimCache) get(key [sha256.Size]byte, now time.Time) (claims, bool) {
	found, ok := c.entries.GetIfPresent(key)
	if !ok || !now.Before(found.until) || now.Add(cacheFor).Before(found.until) { // the latter when the clock was set back
		return claims{}, false
	}
	return found.claims, true
}

// put remembers claims for a minute, and never past their expiry.
func (c *claimCache) put(key [sha256.Size]byte, verified claims, now time.Time) {
	until := now.Add(cacheFor)
	if verified.principal.Expires.Before(until) {
		until = verified.principal.Expires
	}
	if now.Before(until) {
		c.entries.Set(key, cachedClaims{claims: verified, until: until})
	}
}
