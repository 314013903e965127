package sourcing_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/sourcing"
)

// The scenario language, one command a line:
//
//	location CODE KIND LAT,LON [does SERVICE,…] [pick MINUTES] [capacity N] [hours HH:MM-HH:MM] [closed DATE]   (before the first case)
//	case TITLE
//	stock LOC SKU N [SKU N …] | held LOC SKU N (by the shopper) | silent LOC | queue LOC N | booked LOC T N | slotsdown
//	address LAT,LON | address nowhere
//	line ID SKU N METHOD [LOC] [worth AMOUNT] | slot METHOD LOC T
//	part METHOD LOC ID:SKU:N,… by T fee AMOUNT       the parts in order
//	why SENTENCE                                     about the last part
//	delivery AMOUNT
//	refused WHY FIELD SKU LOC AVAILABLE              the refusals in order, "-" for none
//	message SENTENCE                                 of the last refusal
//	slots LOC METHOD FROM DAYS [first T last T] count N
//	item SKU N | near LAT,LON | at LOC …
//	option METHOD yes LOC by T fee AMOUNT slots N | option METHOD no WHY     the options in order
//
// T is HH:MM of today or a date and a time, in Shanghai.
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
	zone := shanghai(t)
	var places []*retail.Location
	var titles []string
	var blocks [][]string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		word, rest, _ := strings.Cut(line, " ")
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case word == "location":
			places = append(places, parseLocation(t, zone, strings.Fields(rest)))
		case word == "case":
			titles, blocks = append(titles, rest), append(blocks, nil)
		default:
			blocks[len(blocks)-1] = append(blocks[len(blocks)-1], line)
		}
	}
	for i, title := range titles {
		t.Run(title, func(t *testing.T) {
			s := &scenario{world: newWorld(t, time.Date(2026, 11, 23, 10, 0, 0, 0, zone), places)}
			for _, line := range blocks[i] {
				if err := s.run(line); err != nil {
					t.Fatalf("%s\n  %v", line, err)
				}
			}
			switch {
			case s.asserted == 0:
				t.Fatal("nothing was asserted")
			case s.planned && (s.part < len(s.parts) || s.refusal < len(s.refusals)):
				t.Fatalf("left over: %+v %+v", s.parts[s.part:], s.refusals[s.refusal:])
			case s.offered && s.option < len(s.options):
				t.Fatalf("options left over: %+v", s.options[s.option:])
			}
		})
	}
}

func parseLocation(t *testing.T, zone *time.Location, w []string) *retail.Location {
	t.Helper()
	l := &retail.Location{Code: w[0], Kind: retail.LocationKind(strings.ToUpper(w[1])), Position: point(w[2]), Zone: zone}
	for i := 3; i+1 < len(w); i += 2 {
		switch arg := w[i+1]; w[i] {
		case "does":
			for _, s := range strings.Split(arg, ",") {
				l.Services = append(l.Services, map[string]retail.PickupService{
					"pickup": retail.ServicePickup, "curbside": retail.ServiceCurbside, "instant": retail.ServiceInstant,
				}[s])
			}
		case "pick":
			l.Pickup = &retail.PickupSettings{PickingMinutes: number(arg)}
		case "capacity":
			n := number(arg)
			l.Pickup.Capacity = &n
		case "hours":
			opens, closes, _ := strings.Cut(arg, "-")
			for day := 1; day <= 7; day++ {
				l.Hours = append(l.Hours, retail.OpeningHours{
					Weekday: day, Opens: retail.LocalTime(opens), Closes: retail.LocalTime(closes),
				})
			}
		case "closed":
			l.Holidays = append(l.Holidays, retail.HolidayHours{Date: retail.Date(arg)})
		default:
			t.Fatalf("location has no %q", w[i])
		}
	}
	return l
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic(err)
	}
	return n
}

func point(s string) retail.GeoPoint {
	var p retail.GeoPoint
	if _, err := fmt.Sscanf(s, "%f,%f", &p.Latitude, &p.Longitude); err != nil {
		panic(err)
	}
	return p
}

func amount(s string) retail.Money {
	m, err := retail.ParseMoney(s, "CNY")
	if err != nil {
		panic(err)
	}
	return m
}

// scenario is one case.
type scenario struct {
	*world
	query    retail.PlanQuery
	items    sourcing.OptionsQuery
	planned  bool
	plan     *retail.Plan
	parts    []retail.PlanPart
	refusals []*retail.Refusal
	offered  bool
	options  []sourcing.DeliveryOption
	part     int
	refusal  int
	option   int
	asserted int
}

func (s *scenario) at(text string) time.Time {
	if len(text) == 5 {
		text = s.now.Format(time.DateOnly) + "T" + text
	}
	t, err := time.ParseInLocation("2006-01-02T15:04", text, s.now.Location())
	if err != nil {
		panic(err)
	}
	return t
}

func (s *scenario) run(line string) error {
	w := strings.Fields(line)
	switch w[0] {
	case "stock":
		for i := 2; i+1 < len(w); i += 2 {
			s.put(w[1], w[i], number(w[i+1]))
		}
	case "held":
		s.query.Held = retail.Held{w[1]: {w[2]: number(w[3])}}
		s.items.Held = s.query.Held
	case "silent":
		s.silent[w[1]] = true
	case "queue":
		s.queues[w[1]] = number(w[2])
	case "booked":
		s.booked[w[1]] = map[time.Time]int{s.at(w[2]): number(w[3])}
	case "slotsdown":
		s.slotsDown = true
	case "address":
		s.query.Address = &retail.DeliveryAddress{Recipient: "李雷"}
		if w[1] != "nowhere" {
			p := point(w[1])
			s.query.Address.Position = &p
		}
	case "line":
		s.query.Lines = append(s.query.Lines, parseLine(w))
	case "slot":
		s.query.Slots = append(s.query.Slots, retail.PlanSlot{
			Method: retail.FulfillmentMethod(w[1]), LocationCode: w[2], StartsAt: s.at(w[3]),
		})
	case "item":
		s.items.Items = append(s.items.Items, sourcing.Item{SKU: w[1], Quantity: number(w[2])})
	case "near":
		p := point(w[1])
		s.items.Near = &p
	case "at":
		s.items.LocationRefs = w[1:]
	case "slots":
		return s.checkSlots(w)
	case "option":
		return s.checkOption(w)
	default:
		return s.checkPlan(w, line)
	}
	return nil
}

func parseLine(w []string) retail.PlanLine {
	l := retail.PlanLine{LineID: w[1], SKU: w[2], Quantity: number(w[3]), Method: retail.FulfillmentMethod(w[4])}
	rest := w[5:]
	if l.Method.Visits() {
		l.LocationCode, rest = rest[0], rest[1:]
	}
	if len(rest) == 2 && rest[0] == "worth" {
		l.Value = amount(rest[1])
	}
	return l
}

func (s *scenario) checkPlan(w []string, line string) error {
	if !s.planned {
		s.planned = true
		plan, err := s.service(sourcing.DefaultConfig()).Plan(context.Background(), s.query)
		if err != nil {
			var ok bool
			if s.refusals, ok = retail.RefusalsOf(err); !ok {
				return err
			}
		} else {
			s.plan, s.parts = plan, plan.Parts
		}
	}
	s.asserted++
	got, want := "", line
	switch w[0] {
	case "part":
		if s.part == len(s.parts) {
			return fmt.Errorf("there is no further part; refused: %v", s.refusals)
		}
		p := s.parts[s.part]
		s.part++
		var lines []string
		for _, l := range p.Lines {
			lines = append(lines, fmt.Sprintf("%s:%s:%d", l.LineID, l.SKU, l.Quantity))
		}
		got = fmt.Sprintf("part %s %s %s by %s fee %s", p.Method, p.LocationCode, strings.Join(lines, ","), s.time(p.Promise), p.Fee.Amount())
	case "why":
		for _, sentence := range s.parts[s.part-1].Why {
			if "why "+sentence == line {
				return nil
			}
		}
		got = strings.Join(s.parts[s.part-1].Why, "\n")
	case "delivery":
		got = "delivery " + string(s.plan.Delivery.Amount())
	case "refused":
		if s.refusal == len(s.refusals) {
			return fmt.Errorf("there is no further refusal; parts: %+v", s.parts)
		}
		r := s.refusals[s.refusal]
		s.refusal++
		available := "-"
		if r.Available != nil {
			available = strconv.Itoa(*r.Available)
		}
		got = strings.Join([]string{"refused", string(r.Why), dash(strings.Join(r.Field, ".")), dash(r.SKU), dash(r.LocationCode), available}, " ")
	case "message":
		got = "message " + s.refusals[s.refusal-1].Message
	default:
		return fmt.Errorf("no such command")
	}
	if got != want {
		return fmt.Errorf("got  %s\n  want %s", got, want)
	}
	return nil
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// time writes an instant as scenarios do.
func (s *scenario) time(t time.Time) string {
	t = t.In(s.now.Location())
	if retail.DateOf(t) == retail.DateOf(s.now) {
		return t.Format("15:04")
	}
	return t.Format("2006-01-02T15:04")
}

func (s *scenario) checkSlots(w []string) error {
	s.asserted++
	slots, err := s.service(sourcing.DefaultConfig()).PickupSlots(
		context.Background(), w[1], retail.FulfillmentMethod(w[2]), retail.Date(w[3]), number(w[4]))
	if err != nil {
		return err
	}
	got := append([]string{}, w[:5]...)
	if len(slots) > 0 {
		got = append(got, "first", s.time(slots[0].StartsAt), "last", s.time(slots[len(slots)-1].StartsAt))
	}
	got = append(got, "count", strconv.Itoa(len(slots)))
	if strings.Join(got, " ") != strings.Join(w, " ") {
		return fmt.Errorf("got  %v", got)
	}
	return nil
}

func (s *scenario) checkOption(w []string) error {
	if !s.offered {
		s.offered = true
		var err error
		if s.options, err = s.service(sourcing.DefaultConfig()).DeliveryOptions(context.Background(), s.items); err != nil {
			return err
		}
	}
	s.asserted++
	o := s.options[s.option]
	s.option++
	got := []string{"option", string(o.Method)}
	if o.Available {
		got = append(got, "yes", o.Parts[0].LocationCode, "by", s.time(*o.Promise), "fee", string(o.Fee.Amount()), "slots", strconv.Itoa(len(o.Slots)))
	} else {
		got = append(got, "no", string(o.Refusals[0].Why))
	}
	if strings.Join(got, " ") != strings.Join(w, " ") {
		return fmt.Errorf("got  %v, refusals %v", got, o.Refusals)
	}
	return nil
}
