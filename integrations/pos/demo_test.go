package pos_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/portico-retail/portico/integrations/demo"
	"github.com/portico-retail/portico/integrations/demo/faults"
	"github.com/portico-retail/portico/integrations/pos"
	"github.com/portico-retail/portico/integrations/upstream"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/stock"
)

// trade is the stand-in head office with a simulated trade, and a client of it.
type trade struct {
	stand  *demo.Stand
	sim    *demo.Sim
	client *pos.Client
	clock  *clock

	cursor string
	sold   map[stock.Pair]stock.Fact
	dated  map[string]time.Time
}

func openTrade(t *testing.T) *trade {
	t.Helper()
	at := &clock{at: noon}
	r := demo.Builtin(1, noon).Corner(4, 25)
	stand, err := demo.StartStand(t.Context(), r, demo.StandOptions{Now: at.now})
	if err != nil {
		t.Fatal(err)
	}
	tills := &http.Client{Transport: &http.Transport{}}
	backends := stand.Backends(tills, at.now)
	client, err := pos.New(pos.Config{
		HTTP: upstream.HTTPConfig{URL: stand.POSURL}, LogEntries: 50, Snapshots: 3,
	}, upstream.NewMetrics(prometheus.NewRegistry()), at.now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		client.Close()
		tills.CloseIdleConnections()
		if err := stand.Close(); err != nil {
			t.Error(err)
		}
	})
	return &trade{
		stand: stand, client: client, clock: at, sold: map[stock.Pair]stock.Fact{}, dated: map[string]time.Time{},
		sim: demo.NewSim(r, &backends, 1, demo.Pace{Sales: 60}),
	}
}

// poll takes one step of the feed.
func (tr *trade) poll(t *testing.T) (more bool) {
	t.Helper()
	b := mustPoll(t, tr.client, tr.cursor)
	for _, f := range b.Facts {
		if pair := (stock.Pair{Location: f.Location, SKU: f.SKU}); f.Version > tr.sold[pair].Version {
			tr.sold[pair] = f
		}
	}
	for _, m := range b.Marks {
		tr.dated[m.Location] = m.AsOf
	}
	tr.cursor = b.Cursor
	return b.More
}

// catchUp polls ten times a second until every place is dated after now.
func (tr *trade) catchUp(t *testing.T) {
	t.Helper()
	since := tr.clock.now()
	for range 500 {
		tr.clock.pass(100 * time.Millisecond)
		tr.stand.POS.Beat()
		tr.poll(t)
		behind := 0
		for _, location := range tr.stand.POS.Locations() {
			if !tr.dated[location].After(since) {
				behind++
			}
		}
		if behind == 0 {
			return
		}
	}
	t.Fatal("the feed does not catch up")
}

// mustAgree compares the counters read with those of the tills.
func (tr *trade) mustAgree(t *testing.T) {
	t.Helper()
	for _, location := range tr.stand.POS.Locations() {
		want, got := map[string]int64{}, map[string]int64{}
		for sku, net := range tr.stand.POS.Totals(location) {
			want[sku] = net
			got[sku] = int64(tr.sold[stock.Pair{Location: location, SKU: sku}].Value)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-tills +feed):\n%s", location, diff)
		}
	}
}

func TestTheDemoTillsAreReadInFull(t *testing.T) {
	for name, state := range map[string]faults.State{
		"in order":   {},
		"disordered": {Duplicate: 0.3, Reorder: true},
		"late":       {Duplicate: 0.3, Reorder: true, DelayMs: 700},
		"too late":   {Duplicate: 0.3, Reorder: true, DelayMs: 60_000},
	} {
		t.Run(name, func(t *testing.T) {
			tr := openTrade(t)
			if err := tr.stand.POSFaults.Set(state); err != nil {
				t.Fatal(err)
			}
			for range 5 {
				if err := tr.sim.Step(t.Context()); err != nil {
					t.Fatal(err)
				}
				tr.catchUp(t)
				tr.mustAgree(t)
			}
		})
	}
}

func TestTheDemoTillsAnswerLive(t *testing.T) {
	tr := openTrade(t)
	if err := tr.sim.Step(t.Context()); err != nil {
		t.Fatal(err)
	}
	var pairs []stock.Pair
	want := map[stock.Pair]int64{}
	for _, location := range tr.stand.POS.Locations() {
		for sku, net := range tr.stand.POS.Totals(location) {
			p := stock.Pair{Location: location, SKU: sku}
			pairs, want[p] = append(pairs, p), net
		}
	}
	b, err := tr.client.Now(t.Context(), append(pairs, stock.Pair{Location: "NOWHERE", SKU: "1"}))
	if err != nil {
		t.Fatal(err)
	}
	got := map[stock.Pair]int64{}
	for _, f := range b.Facts {
		got[stock.Pair{Location: f.Location, SKU: f.SKU}] = int64(f.Value)
	}
	if diff := cmp.Diff(want, got); diff != "" || len(want) == 0 {
		t.Errorf("(-tills +answer):\n%s", diff)
	}
}

func TestFaultsOfTheDemoTills(t *testing.T) {
	tr := openTrade(t)
	for name, tc := range map[string]struct {
		state faults.State
		code  retail.Code
	}{
		"down":     {faults.State{Down: true}, retail.CodeUpstreamUnavailable},
		"errors":   {faults.State{ErrorRate: 1}, retail.CodeUpstreamUnavailable},
		"garbage":  {faults.State{Garbage: true}, retail.CodeBadUpstream},
		"truncate": {faults.State{Truncate: true}, retail.CodeUpstreamUnavailable},
	} {
		if err := tr.stand.POSFaults.Set(tc.state); err != nil {
			t.Fatal(err)
		}
		if _, err := tr.client.Poll(t.Context(), ""); retail.CodeOf(err) != tc.code {
			t.Errorf("%s: %v, want %s", name, err, tc.code)
		}
	}
}
