package redisstore_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/stock"
)

// chooser picks one of n.
type chooser func(n int) int

var machineSKUs = []string{"A", "B", "C-1/2"}

func drawLines(pick chooser) []retail.ClaimLine {
	var lines []retail.ClaimLine
	first := pick(len(machineSKUs))
	for i, sku := range machineSKUs {
		if i == first || pick(2) == 0 {
			lines = append(lines, retail.ClaimLine{SKU: sku, Quantity: 1 + pick(4)})
		}
	}
	return lines
}

func drawStep(pick chooser) step {
	kinds := []string{
		"hold", "hold", "hold", "hold", "hold", "extend", "pin", "commit", "settle", "settle", "shrink", "reap", "tick", "tick",
		"close", "flush",
	}
	return step{
		kind: kinds[pick(len(kinds))], id: fmt.Sprintf("c%d", pick(7)), slot: uint8(pick(2)), lines: drawLines(pick),
		life: []int64{1, 999, 1000, 1001, 60_000}[pick(5)], partial: pick(3) == 0, again: pick(3) == 0,
		outcome: []stock.Count{stock.CountReleased, stock.CountReleased, stock.CountExpired, stock.CountDeparted}[pick(4)],
	}
}

// runMachine takes steps against the scripts and the model, and returns the first difference.
func runMachine(t testing.TB, r rig, edit func(string) string, pick chooser, steps int) error {
	onHand := map[uint8]map[string]int{0: {"A": pick(8), "B": 3, "C-1/2": 5}, 1: {"A": 4, "B": pick(8), "C-1/2": 2}}
	w := newClaimWorld(t, r, edit, onHand)
	m := claimModel{now: startMs, onHand: onHand, claims: map[string]modelClaim{}}
	for range steps {
		s := drawStep(pick)
		ledger := ledgerOf(m)
		want := m.apply(s)
		got, err := "ok", error(nil)
		switch s.kind {
		case "tick":
			w.setClock(t, m.now)
		case "close":
			err = w.client.HDel(t.Context(), w.prefix+"n:{p000}", "CLAIMS").Err()
		case "flush":
			w.wipe(t)
			w.fill(t)
		default:
			got, err = w.do(s)
		}
		if err == nil && (s.kind == "close" || s.kind == "flush") {
			err = w.rebuild(ledger)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
		if got != want {
			return fmt.Errorf("%s: told %q, want %q", s, got, want)
		}
		if err := w.agree(t, m); err != nil {
			return fmt.Errorf("after %s: %w", s, err)
		}
	}
	return nil
}

func TestClaimsCountAsTheModelSays(t *testing.T) {
	onEveryRedis(t, func(t *testing.T, r rig) {
		round := 0
		rapid.Check(t, func(rt *rapid.T) {
			round++
			own := rig{client: r.client, prefix: fmt.Sprintf("%s%d:", r.prefix, round)}
			pick := func(n int) int { return rapid.IntRange(0, n-1).Draw(rt, "pick") }
			if err := runMachine(t, own, unedited, pick, 40); err != nil {
				rt.Fatal(err)
			}
		})
	})
}

// TestPlantedBugsAreCaught plants mistakes in the scripts, each of which the model must notice.
func TestPlantedBugsAreCaught(t *testing.T) {
	bugs := map[string]struct{ right, wrong string }{
		"the check of what is there is skipped":        {"if have < n then", "if have < 0 then"},
		"one unit too many is promised":                {"local n = i32(r, at + 1)", "local n = 1 + i32(r, at + 1)"},
		"orders are not subtracted":                    {"- ordered - held -", "- held -"},
		"holds are not subtracted":                     {"- ordered - held -", "- ordered -"},
		"a release gives nothing back":                 {"count(c, -1)\n  c.state = outcome", "c.state = outcome"},
		"a release gives back twice":                   {"count(c, -1)\n  c.state = outcome", "count(c, -1)\n  count(c, -1)\n  c.state = outcome"},
		"a claim outlives its expiry by a moment":      {"c.expires <= now end", "c.expires < now end"},
		"a claim expires before its time":              {"c.expires <= now end", "c.expires <= now + 1 end"},
		"pinned claims expire":                         {"return c.state == 'A' and c.expires", "return live[c.state] and c.expires"},
		"only the first line is written":               {"else add(sku, c.slot, sign * n, 0) end", "else add(sku, c.slot, sign * n, 0) end\n    if sign == 1 then break end"},
		"a repetition counts again":                    {"return stands(known)", "count(known, 1) return stands(known)"},
		"another request under the same id passes":     {"known.slot ~= slot or known.request ~= ARGV[6]", "false"},
		"expired claims are not given back for a hold": {"or expire(64) == 0 then break", "or true then break"},
		"a second outcome replaces the first":          {"if live[c.state] and (ARGV[5]", "if (ARGV[5]"},
		"a claim may expire by request":                {"(ARGV[5] ~= 'E' or due(c))", "true"},
		"a commit forgets what was held":               {"if c and live[c.state] then\n  count(c, -1)", "if c and live[c.state] then"},
		"a rebuild keeps what an older copy counted":   {"if c and live[c.state] then count(c, -1) end", ""},
		"an extension shortens":                        {"elseif c.state == 'A' and now + ARGV[5] > c.expires then", "elseif c.state == 'A' then"},
		"a departed claim is committed again":          {"if c and (c.state == 'D' or c.state == 'C')", "if c and c.state == 'C'"},
		"a smaller claim counts as before":             {"  count(c, -1)\n  c.lines = lines\n  count(c, 1)", "  c.lines = lines"},
	}
	r := newRig(t, "miniredis")
	round := 0
	for name, bug := range bugs {
		t.Run(name, func(t *testing.T) {
			planted := false
			edit := func(script string) string {
				planted = planted || strings.Contains(script, bug.right)
				return strings.ReplaceAll(script, bug.right, bug.wrong)
			}
			for seed := range uint64(60) {
				round++
				own := rig{client: r.client, prefix: fmt.Sprintf("%s%d:", r.prefix, round)}
				err := runMachine(t, own, edit, rand.New(rand.NewPCG(seed, 1)).IntN, 60)
				if !planted {
					t.Fatalf("no script has %q", bug.right)
				}
				if err != nil {
					return
				}
			}
			t.Error("the bug went unnoticed")
		})
	}
}
