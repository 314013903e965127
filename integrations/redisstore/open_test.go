package redisstore_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/portico-retail/portico/integrations/redisstore"
)

func TestConfig(t *testing.T) {
	cases := map[string]struct {
		change func(*redisstore.Config)
		want   string // part of the error, empty when there is none
	}{
		"the default":                 {func(*redisstore.Config) {}, ""},
		"a plain address":             {func(c *redisstore.Config) { c.URLs = []string{"10.0.0.1:7000"} }, ""},
		"a cluster by several seeds":  {func(c *redisstore.Config) { c.URLs = []string{"a:1", "rediss://u:p@b:2"} }, ""},
		"no address":                  {func(c *redisstore.Config) { c.URLs = nil }, "no address"},
		"another protocol":            {func(c *redisstore.Config) { c.URLs = []string{"http://a:1"} }, "address 1: redis: invalid URL scheme"},
		"a cluster with a database":   {func(c *redisstore.Config) { c.URLs, c.Cluster = []string{"redis://a:1/3"}, true }, "database 0 only"},
		"a prefix with a brace":       {func(c *redisstore.Config) { c.Prefix = "{x}" }, "braces"},
		"no connections":              {func(c *redisstore.Config) { c.PoolSize = 0 }, "pool_size"},
		"no time":                     {func(c *redisstore.Config) { c.Timeout = 0 }, "timeout"},
		"a broken URL with a secret":  {func(c *redisstore.Config) { c.URLs = []string{"redis://u:s3cret@a:b"} }, "address 1"},
		"an escape that is no escape": {func(c *redisstore.Config) { c.URLs = []string{"redis://u:s3cret%zz@a:1"} }, "address 1"},
	}
	for name, c := range cases {
		cfg := redisstore.DefaultConfig()
		c.change(&cfg)
		err := cfg.Validate()
		switch {
		case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		case err != nil && strings.Contains(err.Error(), "s3cret"):
			t.Errorf("%s: the error shows the password: %v", name, err)
		}
	}
}

func TestOpenMakesAClusterClientForACluster(t *testing.T) {
	for name, c := range map[string]struct {
		urls    []string
		cluster bool
		want    bool
	}{
		"one address":             {[]string{"a:1"}, false, false},
		"one address, flagged":    {[]string{"a:1"}, true, true},
		"several addresses":       {[]string{"a:1", "a:2"}, false, true},
		"one URL with a database": {[]string{"redis://a:1/2"}, false, false},
	} {
		cfg := redisstore.DefaultConfig()
		cfg.URLs, cfg.Cluster = c.urls, c.cluster
		client, err := redisstore.Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if _, got := client.(*redis.ClusterClient); got != c.want {
			t.Errorf("%s: cluster client %v, want %v", name, got, c.want)
		}
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestEmbeddedForgetsExpiredKeysByTheClock(t *testing.T) {
	embedded, err := redisstore.StartEmbedded()
	if err != nil {
		t.Fatal(err)
	}
	defer embedded.Close()
	cfg := redisstore.DefaultConfig()
	cfg.URLs = []string{embedded.URL()}
	client, err := redisstore.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx := context.Background()
	if err := client.Set(ctx, "brief", 1, 5*time.Millisecond).Err(); err != nil {
		t.Fatal(err)
	}
	if err := client.Set(ctx, "long", 1, time.Hour).Err(); err != nil {
		t.Fatal(err)
	}
	deadline := time.After(5 * time.Second)
	for client.Exists(ctx, "brief").Val() == 1 {
		select {
		case <-deadline:
			t.Fatal("a key of five milliseconds lives for five seconds")
		case <-time.After(time.Millisecond):
		}
	}
	if client.Exists(ctx, "long").Val() != 1 {
		t.Error("a key of one hour is gone")
	}
}
