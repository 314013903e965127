package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/integrations/redisstore"
	"github.com/portico-retail/portico/retail"
)

// switchboard is one address behind which another Redis may come to stand, as behind a name or a virtual address.
type switchboard struct {
	ln net.Listener

	mu     sync.Mutex
	target string
	lines  map[net.Conn]bool
	open   sync.WaitGroup
}

func newSwitchboard(t *testing.T, target string) *switchboard {
	t.Helper()
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	s := &switchboard{ln: ln, target: target, lines: map[net.Conn]bool{}}
	s.open.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			s.open.Go(func() { s.connect(conn) })
		}
	})
	t.Cleanup(func() {
		must(t, ln.Close())
		s.to("")
		s.open.Wait()
	})
	return s
}

func (s *switchboard) connect(conn net.Conn) {
	s.mu.Lock()
	target := s.target
	s.lines[conn] = true
	s.mu.Unlock()
	far, err := (&net.Dialer{Timeout: time.Second}).DialContext(context.Background(), "tcp", target)
	if err == nil {
		s.open.Go(func() {
			_, _ = io.Copy(far, conn)
			_ = far.Close()
		})
		_, _ = io.Copy(conn, far)
	}
	_ = conn.Close()
	s.mu.Lock()
	delete(s.lines, conn)
	s.mu.Unlock()
}

// to has another server answer from now on; whoever was connected is cut off.
func (s *switchboard) to(target string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.target = target
	for conn := range s.lines {
		_ = conn.Close()
	}
}

// redisMaker starts empty servers.
type redisMaker func(t *testing.T) (addr string, kill func())

func embeddedRedis(t *testing.T) (addr string, kill func()) {
	t.Helper()
	embedded, err := redisstore.StartEmbedded()
	must(t, err)
	t.Cleanup(embedded.Close)
	return strings.TrimPrefix(embedded.URL(), "redis://"), embedded.Close
}

// realRedis starts a redis-server of the test's own, where one is installed.
func realRedis(t *testing.T) (addr string, kill func()) {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("needs redis-server on the PATH")
	}
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	addr = ln.Addr().String()
	must(t, ln.Close())
	_, port, _ := strings.Cut(addr, ":")
	server := exec.Command(path, "--port", port, "--bind", "127.0.0.1", "--dir", t.TempDir(), "--save", "", "--appendonly", "no",
		"--repl-diskless-sync-delay", "0")
	must(t, server.Start())
	kill = sync.OnceFunc(func() {
		_ = server.Process.Kill()
		_ = server.Wait() // killed
	})
	t.Cleanup(kill)
	eventually(t, func() error {
		return onRedis(addr, func(c *redis.Client) error { return c.Ping(context.Background()).Err() })
	})
	return addr, kill
}

func onRedis(addr string, do func(c *redis.Client) error) error {
	client := redis.NewClient(&redis.Options{Addr: addr, MaxRetries: -1, ReadTimeout: 10 * time.Second})
	return errors.Join(do(client), client.Close())
}

// replicate makes the second server a copy of the first as it is now.
func replicate(t *testing.T, from, to string) {
	t.Helper()
	ctx := t.Context()
	host, port, _ := strings.Cut(from, ":")
	must(t, onRedis(to, func(c *redis.Client) error {
		if err := c.ReplicaOf(ctx, host, port).Err(); err != nil {
			return err
		}
		eventually(t, func() error {
			info, err := c.Info(ctx, "replication").Result()
			if err == nil && (!strings.Contains(info, "master_link_status:up") || !strings.Contains(info, "master_sync_in_progress:0")) {
				err = errors.New("the replica is not there yet")
			}
			return err
		})
		return c.ReplicaOf(ctx, "NO", "ONE").Err()
	}))
}

// copyKeys does the same for servers that cannot replicate. One script reads everything, so that the copy is of one instant.
func copyKeys(t *testing.T, from, to string) {
	t.Helper()
	ctx := t.Context()
	const read = `local out = {}
		for _, key in ipairs(redis.call('KEYS', '*')) do
			local kind = redis.call('TYPE', key)
			kind = kind.ok or kind
			local value
			if kind == 'string' then value = {redis.call('GET', key)}
			elseif kind == 'hash' then value = redis.call('HGETALL', key)
			elseif kind == 'zset' then value = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
			else return redis.error_reply('a key of kind ' .. kind) end
			out[#out + 1] = {key, kind, redis.call('PTTL', key), value}
		end
		return out`
	var keys []any
	must(t, onRedis(from, func(c *redis.Client) (err error) {
		keys, err = c.Eval(ctx, read, nil).Slice()
		return err
	}))
	must(t, onRedis(to, func(c *redis.Client) error {
		_, err := c.TxPipelined(ctx, func(p redis.Pipeliner) error {
			for _, entry := range keys {
				e := entry.([]any)
				key, value := e[0].(string), e[3].([]any)
				switch e[1] {
				case "string":
					p.Set(ctx, key, value[0], 0)
				case "hash":
					p.HSet(ctx, key, value...)
				case "zset":
					for i := 0; i < len(value); i += 2 {
						score, err := strconv.ParseFloat(value[i+1].(string), 64)
						if err != nil {
							return err
						}
						p.ZAdd(ctx, key, redis.Z{Member: value[i], Score: score})
					}
				}
				if left := e[2].(int64); left > 0 {
					p.PExpire(ctx, key, time.Duration(left)*time.Millisecond)
				}
			}
			return nil
		})
		return err
	}))
}

// market is shoppers who buy one scarce SKU without an end, and readers who look at it, while Redis gets lost.
type market struct {
	*sale
	addr string // of the Redis in force
	kill func()

	over chan struct{}
}

// shop buys for one new shopper after the other until everything is sold; every other one holds first.
func (m *market) shop(t *testing.T, who int) {
	for n := 0; t.Context().Err() == nil && !t.Failed(); n++ {
		b, err := m.guest(t.Context(), "")
		if err == nil {
			err = b.fill(t.Context(), cartLine{m.sku, rushPlace, 1})
		}
		if err != nil {
			if strings.Contains(err.Error(), "STOCK") { // nobody knows at the moment
				continue
			}
			t.Error(err)
			return
		}
		var holds []string
		if (who+n)%2 == 0 {
			hold, refusals, err := b.take(t.Context(), "hold", rushPlace, m.sku, 1)
			if err != nil {
				t.Error(err)
				return
			}
			if hold == nil {
				m.note(t, nil, "hold: "+refusals.codes(), nil)
				continue
			}
			holds = append(holds, hold.ID)
		}
		o, codes, err := b.buy(t.Context(), holds...)
		m.note(t, o, codes, err)
		if err == nil && o == nil {
			m.giveUp(t, b, holds)
		}
		m.mu.Lock()
		sold, missed := len(m.orders), 0
		for codes, n := range m.refusal {
			if strings.Contains(codes, "INSUFFICIENT_STOCK") || codes == "CART_PROBLEM" {
				missed += n
			}
		}
		m.mu.Unlock()
		if sold >= rushUnits || missed > 1000 {
			return
		}
		if o == nil {
			nap(t, 50*time.Millisecond)
		}
	}
}

// giveUp is a shopper who goes without: units that were held while Redis got lost may be somebody else's by now.
func (*market) giveUp(t *testing.T, b *buyer, holds []string) {
	for _, id := range holds {
		if _, refusals, err := b.hold(t.Context(), "release", releaseHold, "given-up", map[string]any{"holdId": id}); err != nil || len(refusals) > 0 {
			t.Errorf("a hold is not given back: %v %v", refusals, err)
		}
	}
}

// look reads without repeating anything: readers are served whatever happens.
func (m *market) look(t *testing.T) {
	query := `query ($sku: String!, $at: ID!) { stockCheck(skus: [$sku], locationIds: [$at]) { items { level } } }`
	for {
		select {
		case <-m.over:
			return
		default:
		}
		data, err := m.once(context.Background(), "", query, map[string]any{"sku": m.sku, "at": rushPlace})
		if err != nil || !strings.Contains(string(data), `"level"`) {
			t.Errorf("a reader was not served: %s %v", data, err)
			return
		}
		nap(t, 2*time.Millisecond)
	}
}

// after waits until so many are sold.
func (m *market) after(t *testing.T, sold int) {
	t.Helper()
	eventually(t, func() error {
		if n := m.sold(); n < sold {
			return fmt.Errorf("%d are sold, waiting for %d", n, sold)
		}
		return nil
	})
}

// answers waits until a hold is answered again, which is when shoppers can go on.
func (m *market) answers(t *testing.T, what string) {
	t.Helper()
	begun := time.Now()
	b, err := m.guest(t.Context(), "")
	must(t, err)
	hold, refusals, err := b.take(t.Context(), "probe", rushPlace, m.sku, 1)
	for n := 0; err == nil && refusals.codes() == "STOCK_UNKNOWN" && n < 200; n++ {
		nap(t, 50*time.Millisecond)
		hold, refusals, err = b.take(t.Context(), fmt.Sprint("probe-", n), rushPlace, m.sku, 1)
	}
	if err != nil || hold == nil && refusals.codes() != "INSUFFICIENT_STOCK" {
		t.Fatalf("%s: holds are not answered: %v %v", what, refusals, err)
	}
	t.Logf("%s: holds are answered after %v", what, time.Since(begun).Round(time.Millisecond))
	if hold != nil {
		_, _, err = b.hold(t.Context(), "release", releaseHold, "probed", map[string]any{"holdId": hold.ID})
		must(t, err)
	}
}

// Redis is emptied, falls back to an older copy, and is replaced by an empty one, while shoppers buy. Nothing is sold twice, every
// order that was paid is collected, readers are always served, and in the end the projection counts what the ledger says.
func TestOrdersOutliveALostRedis(t *testing.T) {
	needsPatience(t, "takes Redis away again and again while people buy")
	for name, c := range map[string]struct {
		start redisMaker
		copy  func(t *testing.T, from, to string)
	}{"embedded": {embeddedRedis, copyKeys}, "redis-server": {realRedis, replicate}} {
		t.Run(name, func(t *testing.T) {
			m := &market{over: make(chan struct{})}
			m.addr, m.kill = c.start(t)
			board := newSwitchboard(t, m.addr)
			m.sale = newSale(t, "embedded", withRedis("redis://"+board.ln.Addr().String()))
			var readers, shoppers sync.WaitGroup
			for range 2 {
				readers.Go(func() { m.look(t) })
			}
			for who := range 8 {
				shoppers.Go(func() { m.shop(t, who) })
			}
			m.after(t, rushUnits/8)
			must(t, onRedis(m.addr, func(r *redis.Client) error { return r.FlushAll(t.Context()).Err() }))
			m.answers(t, "emptied")

			m.after(t, m.sold()+rushUnits/8)
			older, killOlder := c.start(t)
			c.copy(t, m.addr, older)
			m.after(t, m.sold()+rushUnits/8)
			m.kill()
			board.to(older)
			m.addr, m.kill = older, killOlder
			m.answers(t, "an older copy")

			m.after(t, m.sold()+rushUnits/8)
			empty, killEmpty := c.start(t)
			m.kill()
			board.to(empty)
			m.addr, m.kill = empty, killEmpty
			m.answers(t, "replaced")
			shoppers.Wait()
			close(m.over)
			readers.Wait()
			m.settled(t, rushUnits)
			m.collectAll(t)
		})
	}
}

// empty removes the keys of a prefix as FLUSHALL does, whole partitions at a time, without touching those of others.
func empty(t *testing.T, client redis.UniversalClient, prefix string) {
	t.Helper()
	ctx := t.Context()
	byTag := map[string][]string{}
	find := func(ctx context.Context, node redis.Cmdable) error {
		var cursor uint64
		for {
			keys, next, err := node.Scan(ctx, cursor, prefix+"*", 1000).Result()
			if err != nil {
				return err
			}
			for _, key := range keys {
				tag := key // a key without a tag is alone
				if _, rest, tagged := strings.Cut(key, "{"); tagged {
					tag, _, _ = strings.Cut(rest, "}")
				}
				byTag[tag] = append(byTag[tag], key)
			}
			if cursor = next; cursor == 0 {
				return nil
			}
		}
	}
	if cluster, ok := client.(*redis.ClusterClient); ok {
		var one sync.Mutex
		must(t, cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
			one.Lock()
			defer one.Unlock()
			return find(ctx, node)
		}))
	} else {
		must(t, find(ctx, client))
	}
	for _, keys := range byTag {
		must(t, client.Del(ctx, keys...).Err())
	}
}

// A server or cluster that others use as well loses what is the gateway's.
func TestOrdersOutliveLostKeys(t *testing.T) {
	needsPatience(t, "empties Redis again and again while people buy")
	for _, kind := range []string{"redis", "cluster", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			m := &market{over: make(chan struct{}), sale: newSale(t, kind)}
			var readers, shoppers sync.WaitGroup
			readers.Go(func() { m.look(t) })
			for who := range 8 {
				shoppers.Go(func() { m.shop(t, who) })
			}
			for range 3 {
				m.after(t, m.sold()+rushUnits/8)
				empty(t, m.rig.redis, m.prefix)
				m.answers(t, "emptied")
			}
			shoppers.Wait()
			close(m.over)
			readers.Wait()
			m.settled(t, rushUnits)
			m.collectAll(t)
		})
	}
}

// collectAll has every order that was paid picked and handed over, and checks the books after that.
func (s *sale) collectAll(t *testing.T) {
	t.Helper()
	staff := s.stand.Backends(&http.Client{Timeout: time.Minute}, time.Now)
	some(8, len(s.orders), func(i int) {
		paid := s.orders[i]
		_, id, _ := retail.ParseGlobalID(paid.ID)
		eventually(t, func() error { return staff.Pick(t.Context(), id+"/f1", nil) })
		associate := s.token(t, auth.Principal{
			Role: auth.RoleAssociate, Subject: fmt.Sprint("e-", i), Locations: []string{rushPlace},
			Scopes: []auth.Scope{auth.ScopeOrderServe},
		})
		code := ""
		eventually(t, func() (err error) {
			o, err := s.ledger.Order(t.Context(), id)
			if err != nil {
				return err
			}
			_, subject, _ := strings.Cut(o.Owner, ":")
			code, err = s.gateway.purchase.ordering.PickupCode(t.Context(), retail.Actor{Role: "guest", Subject: subject}, id, "f1")
			if err != nil {
				err = fmt.Errorf("order %s is %s, %s, wakes %v after %d failures: %w", id, o.Status, o.Fulfillments[0].Status, o.Saga.WakeAt,
					o.Saga.Failures, err)
			}
			return err
		})
		var a struct{ PickupHandOver orderPayload }
		input := map[string]any{"orderId": paid.ID, "fulfillmentId": "f1", "code": code}
		err := s.entry.ask(t.Context(), "hand over", associate, handOver, map[string]any{"input": input, "key": "give-" + paid.Number}, &a)
		if err != nil || len(a.PickupHandOver.UserErrors) > 0 || a.PickupHandOver.Order.Status != "COMPLETED" {
			t.Errorf("%s is not handed over: %+v %v", paid.Number, a.PickupHandOver, err)
		}
	})
	sold := len(s.orders)
	if got := s.stand.POS.Totals(rushPlace)[s.sku]; got != int64(sold) {
		t.Errorf("the tills sold %d, want %d", got, sold)
	}
	eventually(t, func() error {
		live, err := s.ledger.LiveClaims(t.Context(), []string{rushPlace}, time.Now(), "", 100)
		if err != nil || len(live) > 0 {
			return fmt.Errorf("claims are open: %+v %w", live, err)
		}
		got, _, err := books(s.entry, s.operator, rushPlace, s.sku)
		if want := (breakdown{OnHand: s.stocked, UnsyncedSales: sold, AvailableToPromise: s.stocked - sold}); err != nil || got != want {
			return fmt.Errorf("the projection shows %+v, want %+v %w", got, want, err)
		}
		return nil
	})
}
