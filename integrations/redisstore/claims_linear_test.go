package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/redis/go-redis/v9"

	"github.com/portico-retail/portico/integrations/redisstore"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/stock"
)

// flaky loses some replies: the server has done the work and the caller does not learn it.
type flaky struct {
	mu     sync.Mutex
	random *rand.Rand
}

var errLostReply = errors.New("the reply got lost")

func (f *flaky) loses() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.random.IntN(6) == 0
}

// unknown is what a caller was told whose reply got lost.
const unknown = "?"

// claimsLinear says which histories the scripts may show. A call with a lost reply may have worked at any time after it was
// made, or never, which looks the same as after everything else.
func claimsLinear(start claimModel) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return start },
		Step: func(state, input, output any) (bool, any) {
			m := state.(claimModel).clone()
			told := m.apply(input.(step))
			return output == unknown || output == told, m
		},
		Equal: func(a, b any) bool { return a.(claimModel).key() == b.(claimModel).key() },
		DescribeOperation: func(input, output any) string {
			return fmt.Sprintf("%s -> %s", input, output)
		},
	}
}

// history lets clients rush at two SKUs of one place, and returns what they saw.
func history(t *testing.T, r rig, edit func(string) string, seed uint64) (claimModel, []porcupine.Operation) {
	const clients, calls = 4, 9
	onHand := map[uint8]map[string]int{0: {"A": 5, "B": 3}}
	w := newClaimWorld(t, r, edit, onHand)
	lossy := &flaky{random: rand.New(rand.NewPCG(seed, 99))}
	var operations []porcupine.Operation
	var mu sync.Mutex
	var wg sync.WaitGroup
	var clock atomic.Int64 // orders calls and returns
	for client := range clients {
		random := rand.New(rand.NewPCG(seed, uint64(client)))
		own := &claimWorld{rig: r, onHand: onHand, store: redisstore.NewEdited(
			lossyClient{r.client, lossy}, r.prefix, func(script string) string { return withClock(edit(script)) })}
		wg.Go(func() {
			for range calls {
				s := drawStep(random.IntN)
				s.slot, s.id = 0, fmt.Sprintf("c%d", random.IntN(4))
				s.lines = [][]retail.ClaimLine{units("A", 3), units("A", 2, "B", 2), units("B", 3)}[s.id[1]%3]
				switch s.kind {
				case "tick", "close", "flush":
					if client != 0 || s.kind != "tick" {
						s.kind = "hold"
					}
				}
				op := porcupine.Operation{ClientId: client, Input: s, Call: clock.Add(1)}
				told, err := "ok", error(nil)
				if s.kind == "tick" {
					err = w.client.HIncrBy(context.Background(), w.clockKey(), "s", s.life).Err()
					s.life *= 1000
					op.Input = s
				} else {
					told, err = own.do(s)
				}
				op.Output, op.Return = told, clock.Add(1)
				if err != nil {
					op.Output, op.Return = unknown, 1<<40
				}
				mu.Lock()
				operations = append(operations, op)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return claimModel{now: startMs, onHand: onHand, claims: map[string]modelClaim{}}, operations
}

// lossyClient is a client whose pipelines lose some replies.
type lossyClient struct {
	redis.UniversalClient
	lossy *flaky
}

func (c lossyClient) Pipeline() redis.Pipeliner {
	return lossyPipeline{c.UniversalClient.Pipeline(), c.lossy}
}

type lossyPipeline struct {
	redis.Pipeliner
	lossy *flaky
}

func (p lossyPipeline) Exec(ctx context.Context) ([]redis.Cmder, error) {
	cmds, err := p.Pipeliner.Exec(ctx)
	if p.lossy.loses() {
		return nil, errLostReply
	}
	return cmds, err
}

func TestClaimsAreLinearizable(t *testing.T) {
	onEveryRedis(t, func(t *testing.T, r rig) {
		lost := 0
		for seed := range uint64(25) {
			own := rig{client: r.client, prefix: fmt.Sprintf("%s%d:", r.prefix, seed)}
			start, operations := history(t, own, unedited, seed)
			for _, op := range operations {
				if op.Output == unknown {
					lost++
				}
			}
			result := porcupine.CheckOperationsTimeout(claimsLinear(start), operations, time.Minute)
			if result == porcupine.Unknown {
				t.Fatalf("seed %d: the check of %d operations took too long", seed, len(operations))
			}
			if result != porcupine.Ok {
				t.Errorf("seed %d: no order explains what the clients saw:\n%s", seed, describe(operations))
			}
		}
		if lost == 0 {
			t.Error("no reply got lost")
		}
	})
}

// TestOversellIsNotLinearizable shows that the check can fail.
func TestOversellIsNotLinearizable(t *testing.T) {
	r := newRig(t, "miniredis")
	oversell := func(script string) string { return strings.ReplaceAll(script, "- ordered - held -", "- ordered -") }
	for seed := range uint64(20) {
		own := rig{client: r.client, prefix: fmt.Sprintf("%s%d:", r.prefix, seed)}
		start, operations := history(t, own, oversell, seed)
		if porcupine.CheckOperationsTimeout(claimsLinear(start), operations, time.Minute) == porcupine.Illegal {
			return
		}
	}
	t.Error("scripts that oversell look right in every history")
}

func describe(operations []porcupine.Operation) string {
	var b strings.Builder
	for _, op := range operations {
		fmt.Fprintf(&b, "%d-%d client %d: %v -> %v\n", op.Call, op.Return, op.ClientId, op.Input, op.Output)
	}
	return b.String()
}

// TestTheLastUnitGoesToOneOfMany lets many clients ask for the last units at once.
func TestTheLastUnitGoesToOneOfMany(t *testing.T) {
	onEveryRedis(t, func(t *testing.T, r rig) {
		w := newClaimWorld(t, r, unedited, onHand("A", 3))
		var won atomic.Int64
		var wg sync.WaitGroup
		for client := range 32 {
			wg.Go(func() {
				for i := range 4 {
					got, err := w.store.Hold(context.Background(), 0, stock.Admission{
						ID: fmt.Sprintf("c%d-%d", client, i), Requested: units("A", 1), Lines: units("A", 1), Life: time.Minute,
					})
					if err != nil {
						t.Error(err)
					}
					if got.Fresh {
						won.Add(1)
					}
				}
			})
		}
		wg.Wait()
		if won.Load() != 3 {
			t.Errorf("%d holds were admitted, want 3", won.Load())
		}
	})
}
