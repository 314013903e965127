package redisstore

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Config says where Redis is.
type Config struct {
	// URLs are redis:// or rediss:// URLs or plain host:port addresses. Several are the seeds of a cluster; user, password,
	// database and TLS come from the first.
	URLs []string
	// Cluster says that a single address is a cluster's seed.
	Cluster bool
	// Prefix starts every key, for several gateways on one Redis. It must not contain braces: the hash tag after it decides.
	Prefix string
	// PoolSize bounds the connections to each node.
	PoolSize int
	// Timeout bounds dialling and every read and write on a connection; an earlier deadline of the context wins.
	Timeout time.Duration
}

// DefaultConfig is a local Redis.
func DefaultConfig() Config {
	return Config{URLs: []string{"redis://127.0.0.1:6379/0"}, PoolSize: 32, Timeout: 2 * time.Second}
}

// Validate refuses a configuration that cannot work.
func (c Config) Validate() error {
	_, err := c.options()
	return err
}

func (c Config) options() (*redis.UniversalOptions, error) {
	switch {
	case len(c.URLs) == 0:
		return nil, errors.New("redisstore: no address")
	case strings.ContainsAny(c.Prefix, "{}"):
		return nil, errors.New("redisstore: prefix must not contain braces")
	case c.PoolSize < 1:
		return nil, errors.New("redisstore: pool_size must be at least 1")
	case c.Timeout <= 0:
		return nil, errors.New("redisstore: timeout must be positive")
	}
	o := &redis.UniversalOptions{
		PoolSize: c.PoolSize, DialTimeout: c.Timeout, ReadTimeout: c.Timeout, WriteTimeout: c.Timeout, PoolTimeout: c.Timeout,
		PipelinePoolSize:      -1, // pipelines share the pool, so that PoolSize bounds all connections
		ContextTimeoutEnabled: true,
		// The feed repeats what failed and a question falls back to the systems of record: a retry in between would only
		// make both wait longer.
		MaxRetries:    -1,
		DialerRetries: 1,
		IsClusterMode: c.Cluster || len(c.URLs) > 1,
		ClientName:    "portico",
		// Announcements of maintenance are a feature of Redis Enterprise.
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	for i, text := range c.URLs {
		one, err := parseAddress(text)
		if err != nil {
			return nil, fmt.Errorf("redisstore: address %d: %w", i+1, err)
		}
		o.Addrs = append(o.Addrs, one.Addr)
		if i == 0 {
			o.Username, o.Password, o.DB, o.TLSConfig = one.Username, one.Password, one.DB, one.TLSConfig
		}
	}
	if o.IsClusterMode && o.DB != 0 {
		return nil, errors.New("redisstore: a cluster has database 0 only")
	}
	return o, nil
}

// parseAddress never shows the text in an error, because it may carry a password.
func parseAddress(text string) (*redis.Options, error) {
	if !strings.Contains(text, "://") {
		text = "redis://" + text
	}
	o, err := redis.ParseURL(text)
	var bad *url.Error
	if errors.As(err, &bad) {
		err = bad.Err
	}
	if err != nil {
		return nil, err
	}
	return o, nil
}

// Open returns a client for the configuration. It connects when it is first used, so that the gateway starts without Redis.
func Open(c Config) (redis.UniversalClient, error) {
	o, err := c.options()
	if err != nil {
		return nil, err
	}
	return redis.NewUniversalClient(o), nil
}
