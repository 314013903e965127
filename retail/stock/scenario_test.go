package stock_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/stock"
)

// The scenario language, one command a line:
//
//	location CODE store|warehouse LAT,LON [pickup MINUTES] [capacity N] [cutoff HH:MM]   (before the first case)
//	case TITLE                       starts from nothing stated and nothing heard
//	erp LOC SKU vN qty N cut N safety N ranged|delisted
//	pos LOC SKU vN net N
//	shop LOC SKU vN open N
//	claims LOC SKU held N ordered N  what the gateway's own claims count
//	live erp|pos|shop …              the same fact, but only the live question learns it
//	stock LOC SKU N [SKU N …]        a ranged quantity, all sources heard now
//	heard LOC|all SOURCE AGE …       watermarks
//	down SOURCE | queue LOC N | lost
//	check|public SKU at LOC [max-age SECONDS] -> LEVEL QUANTITY|- [exact|at-least] [REASON …]
//	instock SKU … at LOC … -> SKU …|none|unknown
//	parts …  dated SOURCE BASIS AGE|never         about the last check
//	clock HH:MM[:SS]                 Shanghai time, 10:00 unless set; everything heard is heard again
//	basket|guest SKU N … (near LAT,LON | at LOC …) [whole]    a guest reads no exact quantities
//	option LOC COVERAGE ready [tomorrow] HH:MM|- SKU have/want … [reasons REASON …]   the options in order
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/scenarios/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { runScenarios(t, file) })
	}
}

func runScenarios(t *testing.T, file string) {
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var world []*retail.Location
	var blocks [][]string
	var titles []string
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		word, rest, _ := strings.Cut(line, " ")
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case word == "location":
			world = append(world, parseLocation(t, strings.Fields(rest)))
		case word == "case":
			titles, blocks = append(titles, rest), append(blocks, nil)
		case len(blocks) == 0:
			t.Fatalf("%s: %q stands before the first case", file, line)
		default:
			blocks[len(blocks)-1] = append(blocks[len(blocks)-1], line)
		}
	}
	for i, title := range titles {
		t.Run(title, func(t *testing.T) {
			s := newScenario(t, world)
			for _, line := range blocks[i] {
				if err := s.run(strings.Fields(line)); err != nil {
					t.Fatalf("%s\n  %v", line, err)
				}
			}
			if s.asserted == 0 || len(s.options) > 0 {
				t.Fatalf("asserted %d times, %d options unchecked", s.asserted, len(s.options))
			}
		})
	}
}

func parseLocation(t *testing.T, w []string) *retail.Location {
	t.Helper()
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	l := &retail.Location{Code: w[0], Kind: retail.LocationKind(strings.ToUpper(w[1])), Zone: zone}
	if len(w) > 2 {
		lat, lon, _ := strings.Cut(w[2], ",")
		l.Position = retail.GeoPoint{Latitude: number(lat), Longitude: number(lon)}
	}
	for day := 1; day <= 7; day++ {
		l.Hours = append(l.Hours, retail.OpeningHours{Weekday: day, Opens: "09:00", Closes: "21:00"})
	}
	for i := 3; i+1 < len(w); i += 2 {
		if l.Pickup == nil {
			l.Pickup = &retail.PickupSettings{}
		}
		switch w[i] {
		case "pickup":
			l.Pickup.PickingMinutes = int(number(w[i+1]))
		case "capacity":
			n := int(number(w[i+1]))
			l.Pickup.Capacity = &n
		case "cutoff":
			at := retail.LocalTime(w[i+1])
			l.Pickup.Cutoff = &at
		default:
			t.Fatalf("location has no %q", w[i])
		}
	}
	return l
}

func number(s string) float64 {
	n, err := strconv.ParseFloat(s, 64)
	if err != nil {
		panic(err)
	}
	return n
}

// scenario is one case: a world, what was stated about it, and the last answer.
type scenario struct {
	now      time.Time
	store    *memoryProjection
	service  *stock.Service
	down     map[retail.Source]bool
	queues   map[string]int
	live     map[retail.Source]*stock.Batch
	last     *stock.Availability
	options  []*stock.PickupOption
	asserted int
}

func newScenario(t *testing.T, world []*retail.Location) *scenario {
	t.Helper()
	s := &scenario{
		now:   time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC),
		store: newMemoryProjection(world), down: map[retail.Source]bool{}, queues: map[string]int{},
		live: map[retail.Source]*stock.Batch{},
	}
	live := map[retail.Source]stock.Live{}
	for _, source := range []retail.Source{retail.SourceERP, retail.SourcePOS, retail.SourceShop} {
		live[source] = liveFunc(func(pairs []stock.Pair) (stock.Batch, error) { return s.answerLive(source, pairs) })
	}
	s.service = stock.NewService(stock.DefaultPolicy(), stock.Deps{
		Directory: memoryDirectory(world), Projection: s.store, Layout: s.store, Live: live,
		Health: func(source retail.Source) retail.Status {
			if s.down[source] {
				return retail.StatusDown
			}
			return retail.StatusOK
		},
		Queue: func(code string) int { return s.queues[code] },
		Now:   func() time.Time { return s.now },
	})
	return s
}

type liveFunc func([]stock.Pair) (stock.Batch, error)

func (f liveFunc) Now(_ context.Context, pairs []stock.Pair) (stock.Batch, error) { return f(pairs) }

func (s *scenario) answerLive(source retail.Source, pairs []stock.Pair) (stock.Batch, error) {
	b := s.live[source]
	if s.down[source] || b == nil {
		return stock.Batch{}, errors.New("no answer")
	}
	asked := *b
	for _, p := range pairs {
		asked.Marks = append(asked.Marks, stock.Mark{Location: p.Location, Source: source, AsOf: s.now})
	}
	return asked, nil
}

func (s *scenario) run(w []string) error {
	switch w[0] {
	case "erp", "pos", "shop":
		f, err := parseFact(w)
		s.store.put(f)
		return err
	case "claims":
		s.store.claim(w[1], w[2], uint16(number(w[4])), uint16(number(w[6])))
		return nil
	case "live":
		f, err := parseFact(w[1:])
		if s.live[f.Source] == nil {
			s.live[f.Source] = &stock.Batch{}
		}
		s.live[f.Source].Facts = append(s.live[f.Source].Facts, f)
		return err
	case "stock":
		for i := 2; i+1 < len(w); i += 2 {
			s.store.put(stock.Fact{
				Location: w[1], SKU: w[i], Source: retail.SourceERP, Version: 1, Value: int32(number(w[i+1])), Ranged: true,
			})
		}
		return s.heard([]string{w[1], "erp", "0s", "pos", "0s", "shop", "0s"})
	case "heard":
		return s.heard(w[1:])
	case "down":
		s.down[retail.Source(strings.ToUpper(w[1]))] = true
		return nil
	case "queue":
		s.queues[w[1]] = int(number(w[2]))
		return nil
	case "lost":
		s.store.lost = true
		return nil
	case "check", "public":
		return s.check(w)
	case "instock":
		return s.inStock(w[1:])
	case "parts":
		return s.parts(w[1:])
	case "dated":
		return s.dated(w[1:])
	case "clock":
		return s.clock(w[1])
	case "basket", "guest":
		return s.basket(w)
	case "option":
		return s.option(w[1:])
	}
	return fmt.Errorf("no command %q", w[0])
}

func parseFact(w []string) (stock.Fact, error) {
	f := stock.Fact{Location: w[1], SKU: w[2], Source: retail.Source(strings.ToUpper(w[0]))}
	f.Version = uint32(number(strings.TrimPrefix(w[3], "v")))
	for i := 4; i < len(w); i++ {
		switch w[i] {
		case "ranged":
			f.Ranged = true
		case "delisted":
		case "qty", "net", "open":
			i++
			f.Value = int32(number(w[i]))
		case "cut":
			i++
			f.Cut = int32(number(w[i]))
		case "safety":
			i++
			f.Safety = uint16(number(w[i]))
		default:
			return f, fmt.Errorf("a fact has no %q", w[i])
		}
	}
	return f, nil
}

func (s *scenario) heard(w []string) error {
	for i := 1; i+1 < len(w); i += 2 {
		age, err := time.ParseDuration(w[i+1])
		if err != nil {
			return err
		}
		for code := range s.store.layout {
			if w[0] == code || w[0] == "all" {
				s.store.mark(code, retail.Source(strings.ToUpper(w[i])), s.now.Add(-age))
			}
		}
	}
	return nil
}

func (s *scenario) check(w []string) error {
	q := stock.CheckQuery{SKUs: []string{w[1]}, LocationRefs: []string{w[3]}, First: 10, Detail: w[0] == "check"}
	w = w[4:]
	if w[0] == "max-age" {
		age := time.Duration(number(w[1])) * time.Second
		q.MaxAge, w = &age, w[2:]
	}
	answer, err := s.service.Check(context.Background(), q)
	if err != nil {
		return err
	}
	s.last = &answer.Items[0]
	got := string(s.last.Level) + " -"
	if s.last.Quantity != nil {
		precision := map[retail.Precision]string{retail.Exact: "exact", retail.AtLeast: "at-least"}[s.last.Quantity.Precision]
		got = fmt.Sprintf("%s %d %s", s.last.Level, s.last.Quantity.Value, precision)
	}
	for _, r := range s.last.Reasons {
		got += " " + string(r)
	}
	return s.expect(got, strings.Join(w[1:], " "))
}

func (s *scenario) inStock(w []string) error {
	at, answer := slices.Index(w, "at"), slices.Index(w, "->")
	have, err := s.service.InStock(context.Background(), w[:at], w[at+1:answer])
	var got []string
	for _, sku := range w[:at] {
		if have[sku] {
			got = append(got, sku)
		}
	}
	switch {
	case retail.CodeOf(err) == retail.CodeUpstreamUnavailable:
		got = []string{"unknown"}
	case err != nil:
		return err
	case got == nil:
		got = []string{"none"}
	}
	return s.expect(strings.Join(got, " "), strings.Join(w[answer+1:], " "))
}

func (s *scenario) parts(w []string) error {
	b := s.last.Breakdown
	if b == nil {
		return errors.New("no breakdown")
	}
	return s.expect(fmt.Sprintf("onHand %d unsynced %d allocated %d held %d safety %d atp %d",
		b.OnHand, b.UnsyncedSales, b.Allocated, b.Held, b.SafetyStock, b.AvailableToPromise), strings.Join(w, " "))
}

func (s *scenario) dated(w []string) error {
	f := s.last.Freshness
	age := "never"
	if f.AgeSeconds != nil {
		age = strconv.Itoa(*f.AgeSeconds) + "s"
	}
	return s.expect(fmt.Sprintf("%s %s %s", f.Source, f.Basis, age), strings.Join(w, " "))
}

func (s *scenario) clock(text string) error {
	if len(text) == len("15:04") {
		text += ":00"
	}
	at, err := time.Parse(time.TimeOnly, text)
	if err != nil {
		return err
	}
	zone := time.FixedZone("Shanghai", 8*60*60)
	s.now = time.Date(2026, 11, 23, at.Hour(), at.Minute(), at.Second(), 0, zone).UTC()
	return s.heard(strings.Fields("all erp 0s pos 0s shop 0s"))
}

func (s *scenario) basket(w []string) error {
	q := stock.PickupQuery{IncludePartial: true, First: 10, WithinKm: 20, Detail: w[0] == "basket"}
	i := 1
	for ; i+1 < len(w) && w[i] != "near" && w[i] != "at"; i += 2 {
		q.Items = append(q.Items, stock.BasketItem{SKU: w[i], Quantity: int(number(w[i+1]))})
	}
	for ; i < len(w); i++ {
		switch w[i] {
		case "near":
			i++
			lat, lon, _ := strings.Cut(w[i], ",")
			q.Near = &retail.GeoPoint{Latitude: number(lat), Longitude: number(lon)}
		case "whole":
			q.IncludePartial = false
		case "at":
		default:
			q.LocationRefs = append(q.LocationRefs, w[i])
		}
	}
	var err error
	s.options, err = s.service.PickupOptions(context.Background(), q)
	return err
}

func (s *scenario) option(w []string) error {
	if len(s.options) == 0 {
		return errors.New("no further option")
	}
	o := s.options[0]
	s.options = s.options[1:]
	got := fmt.Sprintf("%s %s ready -", o.Location.Code, o.Coverage)
	if o.ReadyBy != nil {
		local, form := o.ReadyBy.In(o.Location.Zone), "15:04"
		if local.Day() == s.now.In(o.Location.Zone).Day()+1 {
			form = "tomorrow 15:04"
		}
		got = strings.TrimSuffix(got, "-") + local.Format(form)
	}
	for _, l := range o.Lines {
		have := "?"
		if l.Fulfillable != nil {
			have = strconv.Itoa(*l.Fulfillable)
		}
		got += fmt.Sprintf(" %s %s/%d", l.SKU, have, l.Requested)
	}
	if len(o.Reasons) > 0 {
		got += " reasons"
	}
	for _, r := range o.Reasons {
		got += " " + string(r)
	}
	return s.expect(got, strings.Join(w, " "))
}

func (s *scenario) expect(got, want string) error {
	s.asserted++
	if got != want {
		return fmt.Errorf("got  %s\n  want %s", got, want)
	}
	return nil
}
