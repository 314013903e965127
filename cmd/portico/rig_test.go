package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/graph"
	"github.com/portico-retail/portico/integrations/demo"
	"github.com/portico-retail/portico/integrations/demo/shop"
	"github.com/portico-retail/portico/integrations/ledger"
	"github.com/portico-retail/portico/integrations/redisstore"
	"github.com/portico-retail/portico/retail/ordering"
	"github.com/portico-retail/portico/retail/stock"
)

// rig is a whole gateway over the demo backends' real wires, on a listener of its own.
type rig struct {
	stand    *demo.Stand
	retailer *demo.Retailer
	gateway  *gateway
	metrics  *prometheus.Registry
	redis    redis.UniversalClient
	embedded *redisstore.Embedded // nil on a real server
	ledger   *ledger.Ledger
	prefix   string
	url      string
	tokens   tokens
	operator string // a token with all scopes
	client   *http.Client
	ahead    atomic.Int64 // nanoseconds that the gateway's clock is ahead of everybody else's
}

// now is the gateway's clock.
func (r *rig) now() time.Time { return time.Now().Add(time.Duration(r.ahead.Load())) }

// rigOption changes how a rig is made.
type rigOption func(*rigSettings)

type rigSettings struct {
	terms   func(*terms)
	pace    shop.Pace
	patient bool
	wires   func(r *rig, b *backends)
	redis   string
	ledger  string
	limits  limitFlags
	opens   graph.Rate
	server  func(*graph.ServerConfig)
	calm    bool
	log     *slog.Logger
	wrap    func(ordering.Deps) ordering.Deps
}

// policies are the defaults without rates and without bounds of one guest's requests at once and of households, which tests of
// everything else would meet.
func (s *rigSettings) policies(slots int, timeout time.Duration) graph.Policies {
	f := s.limits
	guests := string(auth.RoleGuest)
	f.Limit = append([]classLimit{{class: guests, limit: inFlight}, {class: guests, limit: household}}, f.Limit...)
	f.Rate = append([]classRate{{class: everyClass}}, f.Rate...)
	return f.policies(slots, timeout)
}

// withLog lets the test read what everybody logs.
func withLog(log *slog.Logger) rigOption { return func(s *rigSettings) { s.log = log } }

// withWrap replaces what an order's steps work with.
func withWrap(wrap func(ordering.Deps) ordering.Deps) rigOption {
	return func(s *rigSettings) { s.wrap = wrap }
}

// withLedger keeps the ledger in a file that the test can look into.
func withLedger(file string) rigOption { return func(s *rigSettings) { s.ledger = file } }

// withTerms changes the terms of purchases.
func withTerms(change func(*terms)) rigOption { return func(s *rigSettings) { s.terms = change } }

// withPace sets how long the shop's own work takes.
func withPace(pace shop.Pace) rigOption { return func(s *rigSettings) { s.pace = pace } }

// withBackends changes how the gateway reaches the systems, which are there by then.
func withBackends(change func(r *rig, b *backends)) rigOption {
	return func(s *rigSettings) { s.wires = change }
}

// withRedis is another Redis than the one of the kind.
func withRedis(url string) rigOption { return func(s *rigSettings) { s.redis = url } }

// withLimits sets what classes of callers may ask.
func withLimits(f limitFlags) rigOption { return func(s *rigSettings) { s.limits = f } }

// withSessions sets how many sessions a household's guests may open; otherwise nothing bounds them.
func withSessions(r graph.Rate) rigOption { return func(s *rigSettings) { s.opens = r } }

// withServer changes how the gateway listens.
func withServer(change func(*graph.ServerConfig)) rigOption {
	return func(s *rigSettings) { s.server = change }
}

// calmly reads the systems as seldom as a gateway in service does, for measurements.
func calmly(s *rigSettings) { s.calm = true }

// patiently gives backends and operations long deadlines, for suites that are about what is answered and not how fast.
func patiently(s *rigSettings) { s.patient = true }

// oneByOne leaves a test to the run without the race detector: what it asks in their thousands it asks one after the other.
func oneByOne(t *testing.T) {
	t.Helper()
	if raceEnabled {
		t.Skip("asks one thing after the other: the run without the race detector has it")
	}
}

// stores names the servers that a suite runs on: "embedded" needs nothing, the others an address in the environment.
var stores = []string{"embedded", "redis", "cluster", "postgres"}

// onEveryStore runs a suite on the embedded defaults and on the real servers that the environment names.
func onEveryStore(t *testing.T, suite func(t *testing.T, kind string)) {
	for _, kind := range stores {
		t.Run(kind, func(t *testing.T) { suite(t, kind) })
	}
}

func environment(t testing.TB, name string) string {
	t.Helper()
	value := os.Getenv(name)
	if value == "" {
		t.Skipf("needs a server: %s is not set", name)
	}
	return value
}

var rigs atomic.Int64

// newRig starts a gateway over a small retailer and waits until it is ready. Trade stands still unless the test moves it.
func newRig(t testing.TB, kind string) *rig {
	t.Helper()
	return newRigOf(t, kind, demo.Builtin(1, time.Now()).Corner(100, 100))
}

func newRigOf(t testing.TB, kind string, retailer *demo.Retailer, options ...rigOption) *rig {
	t.Helper()
	settings := rigSettings{terms: func(*terms) {}, server: func(*graph.ServerConfig) {}, wires: func(*rig, *backends) {}, log: slog.New(slog.DiscardHandler)}
	for _, o := range options {
		o(&settings)
	}
	config, dsn := redisstore.DefaultConfig(), ""
	var embedded *redisstore.Embedded
	var err error
	switch {
	case settings.redis != "":
		config.URLs = []string{settings.redis}
	case kind == "embedded" || kind == "postgres":
		embedded, err = redisstore.StartEmbedded()
		must(t, err)
		t.Cleanup(embedded.Close)
		config.URLs = []string{embedded.URL()}
		if kind == "postgres" {
			dsn = environment(t, "PORTICO_TEST_POSTGRES_DSN")
		}
	case kind == "redis":
		config.URLs = []string{environment(t, "PORTICO_TEST_REDIS_ADDR")}
	case kind == "cluster":
		config.URLs, config.Cluster = strings.Split(environment(t, "PORTICO_TEST_REDIS_CLUSTER"), ","), true
	}
	client, err := redisstore.Open(config)
	must(t, err)
	r := &rig{
		retailer: retailer, redis: client, embedded: embedded, metrics: newRegistry(),
		prefix: fmt.Sprintf("e2e-%d-%d:", os.Getpid(), rigs.Add(1)),
		client: &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{}},
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.stand, err = demo.StartStand(ctx, r.retailer, demo.StandOptions{
		ERPDSN: dsn, Seed: 1, Now: time.Now, Beat: 200 * time.Millisecond, Pace: settings.pace,
	})
	must(t, err)
	books := settings.ledger
	if books == "" {
		books = ledgerDSN(t, kind)
	}
	r.ledger, err = ledger.Open(ctx, ledger.Config{DSN: books, Registerer: r.metrics, Log: settings.log})
	must(t, err)
	r.start(ctx, t, &settings)
	stopped := make(chan error, 2)
	ready := make(chan struct{})
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	must(t, err)
	r.url = "http://" + ln.Addr().String()
	r.stand.Connect(r.url+"/hooks/shop", []byte(hookSecret))
	go func() { stopped <- r.stand.Run(ctx) }()
	go func() { stopped <- r.gateway.run(ctx, ln, func() { close(ready) }) }()
	t.Cleanup(func() {
		cancel()
		err := errors.Join(<-stopped, <-stopped, r.stand.Close(), r.ledger.Close())
		r.gateway.close()
		r.client.CloseIdleConnections()
		if embedded == nil {
			wipe(t, client, r.prefix)
		}
		if err = errors.Join(err, client.Close()); err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	select {
	case <-ready:
	case <-time.After(time.Minute):
		t.Fatalf("not ready: %v", r.gateway.missing())
	}
	return r
}

const hookSecret = "a secret of the tests"

// ledgerDSN is where the ledger of a rig lies: a schema of its own in PostgreSQL beside real servers, else a private file.
func ledgerDSN(t testing.TB, kind string) string {
	t.Helper()
	base := os.Getenv("PORTICO_TEST_POSTGRES_DSN")
	if kind == "embedded" || base == "" {
		return ""
	}
	schema := fmt.Sprintf("e2e_%d_%d", os.Getpid(), rigs.Add(1))
	db, err := sqlx.Open("pgx", base)
	must(t, err)
	_, err = db.ExecContext(context.Background(), `CREATE SCHEMA `+schema)
	must(t, err)
	t.Cleanup(func() {
		_, err := db.ExecContext(context.Background(), `DROP SCHEMA `+schema+` CASCADE`)
		must(t, errors.Join(err, db.Close()))
	})
	u, err := url.Parse(base)
	must(t, err)
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	return u.String()
}

// token is signed for a principal.
func (r *rig) token(t testing.TB, p auth.Principal) string {
	t.Helper()
	token, err := r.tokens.issuer.Issue(p, time.Hour)
	must(t, err)
	return token
}

// start joins the gateway. Its times are short, so that a test sees marks and recoveries soon.
func (r *rig) start(_ context.Context, t testing.TB, settings *rigSettings) {
	t.Helper()
	key, err := auth.LoadOrCreateKey(t.TempDir())
	must(t, err)
	r.tokens, err = newTokens(key)
	must(t, err)
	r.tokens.issuer, err = auth.NewIssuer(key, auth.DefaultTokenConfig(), r.now)
	must(t, err)
	r.operator = r.token(t, auth.Principal{Role: auth.RoleOperator, Subject: "test"})
	policy := stock.DefaultPolicy()
	policy.StaleAfter = 1500 * time.Millisecond
	feed := stock.DefaultFeedConfig()
	feed.Interval, feed.MaxBackoff = 50*time.Millisecond, 500*time.Millisecond
	refresh := 200 * time.Millisecond
	if settings.calm {
		feed.Interval, refresh = time.Second, 30*time.Second
	}
	server := graph.DefaultServerConfig()
	server.DrainDelay = 0
	settings.server(&server)
	limits := graph.DefaultLimits()
	limits.Timeout = 2 * time.Second
	timeout := 400 * time.Millisecond
	if settings.patient {
		timeout, limits.Timeout, policy.StaleAfter = 3*time.Second, 15*time.Second, 15*time.Second
		r.client.Timeout = 30 * time.Second
	}
	terms := termsOf(r.retailer.Currency, policy)
	terms.Ordering.TaskPoll, terms.Ordering.PollLeast = 50*time.Millisecond, 100*time.Millisecond
	trusting(&terms)
	terms.Requests.LookAgain = 300 * time.Millisecond
	settings.terms(&terms)
	systems := backends{
		ERP:    sqlx.NewDb(r.stand.ERP.Gateway(), r.stand.ERP.Dialect()),
		POSURL: r.stand.POSURL, ShopURL: r.stand.ShopURL, ShopKey: r.stand.ShopKey, Currency: r.retailer.Currency,
		Timeout: timeout, FeedTimeout: time.Second,
	}
	settings.wires(r, &systems)
	inFlight := 0
	if settings.patient {
		inFlight = 128
	}
	r.gateway, err = newGateway(gatewaySettings{
		MaxInFlight: inFlight,
		Policy:      policy, Terms: terms, Feed: feed, Limits: limits, Policies: settings.policies(inFlight, limits.Timeout), Sessions: settings.opens, Server: server, Introspection: graph.IntrospectionAll, Refresh: refresh,
	}, parts{
		Backends: systems,
		Redis:    r.redis, Prefix: r.prefix, Ledger: r.ledger, Trust: r.tokens.trusted, Partners: r.partners(t), HookSecret: hookSecret, DataKey: make([]byte, 32),
		Metrics: r.metrics, Now: r.now, Wrap: settings.wrap, Log: settings.log,
	})
	must(t, err)
}

// partners are those of the demo, without quotas.
func (r *rig) partners(t testing.TB) *watchedPartners {
	t.Helper()
	list := demoPartners(r.retailer)
	for _, p := range list {
		p.Quota = auth.Quota{}
	}
	w, err := partnerFlags{}.openPartners(slog.New(slog.DiscardHandler), "", list...)
	must(t, err)
	return w
}

// wipe removes a test's keys from a shared server.
func wipe(t testing.TB, client redis.UniversalClient, prefix string) {
	t.Helper()
	clean := func(ctx context.Context, node redis.Cmdable) error {
		for keys := node.Scan(ctx, 0, prefix+"*", 1000).Iterator(); keys.Next(ctx); {
			if err := node.Del(ctx, keys.Val()).Err(); err != nil {
				return err
			}
		}
		return nil
	}
	ctx := context.Background()
	if cluster, ok := client.(*redis.ClusterClient); ok {
		must(t, cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error { return clean(ctx, node) }))
		return
	}
	must(t, clean(ctx, client))
}

// answer is a GraphQL response.
type answer struct {
	Status     int             `json:"-"`
	Data       json.RawMessage `json:"data"`
	Errors     []responseError `json:"errors"`
	Extensions struct {
		Sources []struct {
			Source, Status, Code string
		} `json:"sources"`
	} `json:"extensions"`
}

type responseError struct {
	Message    string         `json:"message"`
	Path       []any          `json:"path"`
	Extensions map[string]any `json:"extensions"`
}

// ask posts an operation; token may be empty.
func (r *rig) ask(t testing.TB, token, query string, variables map[string]any) answer {
	t.Helper()
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	must(t, err)
	request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, r.url+"/graphql", bytes.NewReader(body))
	must(t, err)
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := r.client.Do(request)
	must(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	must(t, err)
	a := answer{Status: response.StatusCode}
	if err := json.Unmarshal(text, &a); err != nil {
		t.Fatalf("%d %s: %v", response.StatusCode, text, err)
	}
	return a
}

// eventually asks again and again until check agrees, for half a minute at most.
func eventually(t testing.TB, check func() error) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	end := time.After(30 * time.Second)
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("never: %v", err)
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// sell uploads one sale as a till does.
func (r *rig) sell(t testing.TB, location, sku string, quantity int) error {
	t.Helper()
	reference, at := randomName(), time.Now().UTC().Format(time.RFC3339)
	body := fmt.Sprintf(`<Envelope version="1"><Header><MessageId>%[1]s</MessageId><SentAt>%[2]s</SentAt></Header><Body>`+
		`<TransactionUpload><Transaction location="%[3]s" kind="SALE" at="%[2]s" reference="%[1]s"><Line sku="%[4]s" quantity="%[5]d"/>`+
		`</Transaction></TransactionUpload></Body></Envelope>`, reference, at, location, sku, quantity)
	request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, r.stand.POSURL+"/pos/service", strings.NewReader(body))
	must(t, err)
	request.Header.Set("Content-Type", "application/xml; charset=utf-8")
	response, err := r.client.Do(request)
	must(t, err)
	defer response.Body.Close()
	reply, err := io.ReadAll(response.Body)
	must(t, err)
	if !strings.Contains(string(reply), `accepted="1"`) {
		return fmt.Errorf("the tills answer %s", reply)
	}
	return nil
}

// needsPatience skips what takes minutes and wants the machine for itself, unless PORTICO_TEST_PATIENT asks for it; CI does.
func needsPatience(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("PORTICO_TEST_PATIENT") == "" {
		t.Skipf("%s: set PORTICO_TEST_PATIENT=1", why)
	}
}
