package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/graph"
	"github.com/portico-retail/portico/integrations/demo"
	"github.com/portico-retail/portico/integrations/ledger"
	"github.com/portico-retail/portico/integrations/redisstore"
	"github.com/portico-retail/portico/retail/stock"
)

// asGateway makes the test binary be a gateway that may be killed; its value is a gatewaySpec.
const asGateway = "PORTICO_TEST_AS_GATEWAY"

// gatewaySpec is all that a gateway needs to know. Whatever it has to remember lies outside.
type gatewaySpec struct {
	ERPDSN, POSURL, ShopURL, ShopKey, Currency string
	RedisURL, Prefix                           string
	LedgerDSN, KeyDir                          string
	HoldTTL                                    time.Duration
}

// TestGatewayProcess is no test: it is the process that others start and kill. It reads commands: "arm after Shop.Pay 2" kills it
// after the second of these calls that an order makes from then on, "disarm" says how many there were of each.
func TestGatewayProcess(t *testing.T) {
	text := os.Getenv(asGateway)
	if text == "" {
		t.Skip("is started by other tests")
	}
	var spec gatewaySpec
	must(t, json.Unmarshal([]byte(text), &spec))
	if err := spec.serve(context.Background(), os.Stdin, os.Stdout); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func (s gatewaySpec) serve(ctx context.Context, commands io.Reader, out io.Writer) error {
	ln, err := net.FileListener(os.NewFile(3, "listener"))
	if err != nil {
		return err
	}
	key, err := auth.LoadOrCreateKey(s.KeyDir)
	if err != nil {
		return err
	}
	tokens, err := newTokens(key)
	if err != nil {
		return err
	}
	config := redisstore.DefaultConfig()
	config.URLs = []string{s.RedisURL}
	client, err := redisstore.Open(config)
	if err != nil {
		return err
	}
	metrics := newRegistry()
	log := logFlags{LogLevel: "warn", LogFormat: "text"}.logger(os.Stderr)
	books, err := ledger.Open(ctx, ledger.Config{DSN: s.LedgerDSN, Registerer: metrics, Log: log})
	if err != nil {
		return err
	}
	db, err := openERP(s.ERPDSN)
	if err != nil {
		return err
	}
	policy := stock.DefaultPolicy()
	feed := stock.DefaultFeedConfig()
	feed.Interval, feed.MaxBackoff = 50*time.Millisecond, 500*time.Millisecond
	terms := termsOf(s.Currency, policy)
	terms.Ordering.TaskPoll, terms.Ordering.PollLeast, terms.Ordering.TaskMost = 50*time.Millisecond, 100*time.Millisecond, time.Second
	terms.Ordering.PollMost, terms.Ordering.TakeOver = time.Second, 500*time.Millisecond
	terms.Ordering.SweepEvery, terms.Ordering.StallAfter = time.Second, 5*time.Second
	trusting(&terms)
	if s.HoldTTL > 0 {
		terms.Holds.GuestTTL = s.HoldTTL
	}
	server := graph.DefaultServerConfig()
	server.DrainDelay = 0
	f := &fuse{out: out}
	g, err := newGateway(gatewaySettings{
		Policy: policy, Terms: terms, Feed: feed, Limits: graph.DefaultLimits(), Server: server, Refresh: time.Second,
	}, parts{
		Backends: backends{
			ERP: db, POSURL: s.POSURL, ShopURL: s.ShopURL, ShopKey: s.ShopKey, Currency: s.Currency,
			Timeout: 3 * time.Second, FeedTimeout: 3 * time.Second,
		},
		Redis: client, Prefix: s.Prefix, Ledger: books, Trust: tokens.trusted, HookSecret: hookSecret, DataKey: make([]byte, 32),
		Wrap: f.wrap, Metrics: metrics, Now: time.Now, Log: log,
	})
	if err != nil {
		return err
	}
	go f.obey(commands)
	ready := make(chan struct{})
	return g.run(ctx, readyListener{ln, ready}, func() {
		close(ready)
		_, _ = fmt.Fprintln(out, "ready")
	})
}

// readyListener lets nobody in before the gateway is ready, as a load balancer does.
type readyListener struct {
	net.Listener
	ready <-chan struct{}
}

func (l readyListener) Accept() (net.Conn, error) {
	<-l.ready
	return l.Listener.Accept()
}

// obey follows commands until there are none; then the parent is gone and so is the child.
func (f *fuse) obey(commands io.Reader) {
	for lines := bufio.NewScanner(commands); lines.Scan(); {
		verb, at, _ := strings.Cut(lines.Text(), " ")
		f.set(verb == "arm", at)
	}
	os.Exit(0)
}

// world is a retailer and everything that outlives its gateway, which is a process of its own.
type world struct {
	t     *testing.T
	stand *demo.Stand
	tap   *tap
	*entry
	spec     gatewaySpec
	redis    redis.UniversalClient
	embedded *redisstore.Embedded // nil on a real server
	ledger   *ledger.Ledger       // the same books, read from here
	tokens   tokens
	operator string
	retailer *demo.Retailer
	listener *os.File

	mu       sync.Mutex
	process  *exec.Cmd
	commands io.WriteCloser
	said     chan string
	kills    int
	diedAt   map[string]int // gateways died, by the call
	closing  bool
	watching sync.WaitGroup
	complain strings.Builder // what gateways wrote to their logs
}

// newWorld starts everything, and a gateway. Kinds are "embedded", and "postgres" for a real Redis and PostgreSQL.
func newWorld(t *testing.T, kind string, retailer *demo.Retailer, change func(*gatewaySpec)) *world {
	t.Helper()
	w := &world{t: t, retailer: retailer, said: make(chan string, 64), diedAt: map[string]int{}}
	dir := t.TempDir()
	w.spec = gatewaySpec{
		ERPDSN: filepath.Join(dir, "erp.db"), LedgerDSN: filepath.Join(dir, "ledger.db"), KeyDir: dir, Currency: retailer.Currency,
		Prefix: fmt.Sprintf("kill-%d-%d:", os.Getpid(), rigs.Add(1)),
	}
	if kind == "postgres" {
		w.spec.RedisURL = environment(t, "PORTICO_TEST_REDIS_ADDR")
		environment(t, "PORTICO_TEST_POSTGRES_DSN")
		w.spec.LedgerDSN = ledgerDSN(t, kind)
	} else {
		var err error
		w.embedded, err = redisstore.StartEmbedded()
		must(t, err)
		t.Cleanup(w.embedded.Close)
		w.spec.RedisURL = w.embedded.URL()
	}
	if change != nil {
		change(&w.spec)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var err error
	w.stand, err = demo.StartStand(ctx, retailer, demo.StandOptions{
		ERPDSN: w.spec.ERPDSN, Seed: 1, Now: time.Now, Beat: 200 * time.Millisecond,
	})
	must(t, err)
	w.tap = newTap(t, w.stand.ShopURL)
	w.spec.POSURL, w.spec.ShopURL, w.spec.ShopKey = w.stand.POSURL, w.tap.URL, w.stand.ShopKey
	config := redisstore.DefaultConfig()
	config.URLs = []string{w.spec.RedisURL}
	w.redis, err = redisstore.Open(config)
	must(t, err)
	w.ledger, err = ledger.Open(ctx, ledger.Config{DSN: w.spec.LedgerDSN})
	must(t, err)
	key, err := auth.LoadOrCreateKey(dir)
	must(t, err)
	w.tokens, err = newTokens(key)
	must(t, err)
	w.operator = w.token(auth.Principal{Role: auth.RoleOperator, Subject: "test"})
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	must(t, err)
	w.listener, err = ln.(*net.TCPListener).File()
	must(t, err)
	w.entry = newEntry(t, "http://"+ln.Addr().String(), crowd)
	w.stand.Connect(w.where()+"/hooks/shop", []byte(hookSecret))
	stood := make(chan error, 1)
	go func() { stood <- w.stand.Run(ctx) }()
	t.Cleanup(func() {
		w.end()
		cancel()
		err := errors.Join(<-stood, w.stand.Close(), w.ledger.Close(), ln.Close(), w.listener.Close())
		if w.embedded == nil {
			wipe(t, w.redis, w.spec.Prefix)
		}
		must(t, errors.Join(err, w.redis.Close()))
		if t.Failed() {
			t.Logf("the gateways complained:\n%.6000s", w.complain.String())
		}
	})
	w.start()
	return w
}

func (w *world) token(p auth.Principal) string {
	token, err := w.tokens.issuer.Issue(p, time.Hour)
	must(w.t, err)
	return token
}

// start starts a gateway, and another one whenever it dies. Connections wait for it meanwhile: the socket is never closed.
func (w *world) start() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closing {
		return
	}
	spec, err := json.Marshal(w.spec)
	must(w.t, err)
	w.process = exec.Command(os.Args[0], "-test.run=^TestGatewayProcess$")
	w.process.Env = append(os.Environ(), asGateway+"="+string(spec))
	w.process.ExtraFiles = []*os.File{w.listener}
	w.process.Stderr = writerFunc(w.log)
	w.commands, err = w.process.StdinPipe()
	must(w.t, err)
	out, err := w.process.StdoutPipe()
	must(w.t, err)
	must(w.t, w.process.Start())
	process := w.process
	w.watching.Go(func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			w.listen(lines.Text())
		}
		err := process.Wait()
		w.mu.Lock()
		closing := w.closing
		w.kills++
		w.mu.Unlock()
		status, _ := process.ProcessState.Sys().(syscall.WaitStatus)
		switch {
		case closing:
		case status.Signaled() && status.Signal() == syscall.SIGKILL:
			w.start()
		default:
			w.t.Errorf("a gateway ended by itself: %v", err)
		}
	})
}

func (w *world) listen(line string) {
	if rest, ok := strings.CutPrefix(line, "died "); ok {
		w.mu.Lock()
		w.diedAt[rest]++
		w.mu.Unlock()
		return
	}
	select {
	case w.said <- line:
	default: // nobody listens
	}
}

// deaths are the calls at which gateways died, and how often.
func (w *world) deaths() map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.diedAt)
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func (w *world) log(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.complain.Len() < 100_000 {
		w.complain.Write(p)
	}
	return len(p), nil
}

// kill is the end of the gateway that runs.
func (w *world) kill() {
	w.mu.Lock()
	defer w.mu.Unlock()
	_ = w.process.Process.Kill() // it may be dead already
}

func (w *world) end() {
	w.mu.Lock()
	w.closing = true
	w.mu.Unlock()
	w.kill()
	w.watching.Wait()
}

func (w *world) killed() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.kills
}

// tell gives the gateway a command, and again when it died meanwhile, until one has followed it.
func (w *world) tell(command string) (answer string) {
	w.t.Helper()
	verb, _, _ := strings.Cut(command, " ")
	for range 30 {
		w.mu.Lock()
		_, _ = fmt.Fprintln(w.commands, command)
		w.mu.Unlock()
		if answer, ok := w.heard(verb+"ed", 2*time.Second); ok {
			return answer
		}
	}
	w.t.Fatalf("the gateway does not %s", command)
	return ""
}

// hear waits for a line that begins so.
func (w *world) hear(word string) {
	w.t.Helper()
	if _, ok := w.heard(word, time.Minute); !ok {
		w.t.Fatalf("the gateway never says %q", word)
	}
}

func (w *world) heard(word string, within time.Duration) (rest string, ok bool) {
	end := time.NewTimer(within)
	defer end.Stop()
	for {
		select {
		case line := <-w.said:
			if rest, ok := strings.CutPrefix(line, word); ok {
				return strings.TrimSpace(rest), true
			}
		case <-end.C:
			return "", false
		}
	}
}

// fuse kills the process at one call of an order's steps.
type fuse struct {
	out io.Writer

	mu    sync.Mutex
	armed bool
	at    string         // which call; with none it only counts
	count map[string]int // by side and name
	seen  map[string]int
	state string // of the order that was seen last
}

func (f *fuse) set(armed bool, at string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if armed {
		f.armed, f.at, f.count, f.seen, f.state = true, at, map[string]int{}, map[string]int{}, ""
		_, _ = fmt.Fprintln(f.out, "armed")
		return
	}
	f.armed = false
	counts, err := json.Marshal(f.count)
	if err != nil {
		panic(err)
	}
	_, _ = fmt.Fprintf(f.out, "disarmed %s\n", counts)
}

// pass counts a call, and is the end when its time has come. Of calls that meet an order in one state only the first two count: a
// question that is put every moment while nothing happens is killed twice.
func (f *fuse) pass(name string, after bool) {
	side := "before "
	if after {
		side = "after "
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.armed {
		return
	}
	call := side + name
	if f.seen[call+f.state]++; f.seen[call+f.state] > 2 {
		return
	}
	f.count[call]++
	if f.at != fmt.Sprint(call, " ", f.count[call]) {
		return
	}
	_, _ = fmt.Fprintf(f.out, "died %s\n", call)
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // nothing happens any more
}
