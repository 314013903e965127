package returns_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/returns"
)

// The journey language, one command a line:
//
//	case TITLE
//	line ID SKU N TOTAL at PLACE [FULFILLMENT STATUS [rejected N]]    part of the order; collected at S1 an hour ago unless said
//	paid AMOUNT …                     payments; one of the lines' total unless said
//	early                             the order's points are not booked yet; "earned" books them
//	ask KEY IN_STORE|BY_POST [at STORE] LINE N …
//	exchange KEY STORE LINE N … for SKU N …
//	receive STORE KEY                 an associate takes what was asked for; "walkin STORE KEY LINE N …" what was not
//	complete STORE KEY | cancel KEY | parcel KEY (the warehouse has it, and the shop says so)
//	stranger ask …                    the same by somebody else
//	clock DURATION                    time passes and jobs run
//	slow N                            the next N refunds that are asked for are not done yet
//	till refuses KEY | till accepts | busy N (N closings come between) | shop PLACE SKU N (others bought N at the till)
//	fail N | lose N                   the Nth call from here fails; its reply is lost
//	ACTION -> WHY | fault | pending   what the action answers; "done" unless said
//	order STATUS | return KEY STATUS AMOUNT | refunded AMOUNT … (by payment) | points N | stock PLACE SKU N | timeline KIND …
//	check LINE N AMOUNT [OBSTACLE …]  what may come back
func TestJourneys(t *testing.T) {
	for _, j := range journeys(t) {
		t.Run(j.name, func(t *testing.T) {
			p := newPlayer(t)
			for _, line := range j.lines {
				if err := p.run(line); err != nil {
					t.Fatalf("%s\n  %v", line, err)
				}
			}
			if p.asserted == 0 {
				t.Fatal("the journey asserts nothing")
			}
			p.w.rest()
			p.invariants()
		})
	}
}

type journey struct {
	name  string
	lines []string
}

func journeys(t *testing.T) (list []journey) {
	files, err := filepath.Glob("testdata/journeys/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no journeys: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
			line := strings.TrimSpace(lines.Text())
			title, isCase := strings.CutPrefix(line, "case ")
			switch {
			case line == "" || strings.HasPrefix(line, "#"):
			case isCase:
				list = append(list, journey{name: title})
			default:
				list[len(list)-1].lines = append(list[len(list)-1].lines, line)
			}
		}
	}
	return list
}

type player struct {
	t        *testing.T
	w        *world
	o        *retail.Order
	ids      map[string]string // of returns by key
	asserted int
	retry    bool // repeat an action that a killed process or a fault cut short
	blind    bool // play the actions and assert nothing
}

const orderID = "o-1"

var shopper = retail.Actor{Role: "member", Subject: "wechat-7", MemberID: "m1"}

func newPlayer(t *testing.T) *player {
	return &player{
		t: t, w: newWorld(t), ids: map[string]string{},
		o: &retail.Order{
			ID: orderID, Number: "P1", Owner: shopper.Key(), MemberID: "m1", AccountID: "A1", CustomerNo: "C1",
			Status: retail.OrderCompleted, PlacedAt: start.Add(-48 * time.Hour), Saga: retail.Saga{PointsBooked: true},
		},
	}
}

// begin stores the order that the lines described.
func (p *player) begin() {
	if p.w.orders[orderID] != nil {
		return
	}
	if len(p.o.Payments) == 0 {
		p.o.Payments = []retail.Payment{{Reference: "pay-1", Amount: p.o.Totals.Total, Status: retail.PaymentSucceeded}}
	}
	p.w.put(p.o)
}

func (p *player) run(line string) error {
	words := strings.Fields(line)
	if slices.Contains([]string{"line", "paid", "early"}, words[0]) {
		return p.describe(words)
	}
	p.begin()
	if assertion, ok := p.assertions()[words[0]]; ok {
		p.asserted++
		if p.blind {
			return nil
		}
		return assertion(words[1:])
	}
	if words[0] == "fail" || words[0] == "lose" || words[0] == "clock" || words[0] == "slow" || words[0] == "till" ||
		words[0] == "busy" || words[0] == "shop" || words[0] == "earned" {
		return p.circumstance(words)
	}
	what, answer, _ := strings.Cut(line, " -> ")
	got := p.act(strings.Fields(what))
	if answer == "" {
		answer = "done"
	}
	if got != answer && !p.blind {
		return fmt.Errorf("answered %s, want %s", got, answer)
	}
	return nil
}

func (p *player) describe(words []string) error {
	switch words[0] {
	case "early":
		p.o.Saga.PointsBooked = false
	case "paid":
		for i, amount := range words[1:] {
			p.o.Payments = append(p.o.Payments, retail.Payment{
				Reference: "pay-" + strconv.Itoa(i+1), Amount: p.amount(amount), Status: retail.PaymentSucceeded,
			})
		}
	case "line":
		total := p.amount(words[4])
		p.o.Totals.Total = money(p.o.Totals.Total.Minor + total.Minor)
		l := retail.FulfillmentLine{LineID: words[1], SKU: words[2], Quantity: number(words[3])}
		p.o.Lines = append(p.o.Lines, retail.OrderLine{ID: l.LineID, SKU: l.SKU, Quantity: l.Quantity, Price: retail.LinePrice{Total: total}})
		id, status := "f1", retail.FulfillmentCollected
		if len(words) > 8 {
			id, status = words[7], retail.FulfillmentStatus(words[8])
		}
		if len(words) > 10 {
			l.Rejected, l.Refunded = number(words[10]), number(words[10])
		}
		for i := range p.o.Fulfillments {
			if p.o.Fulfillments[i].ID == id {
				p.o.Fulfillments[i].Lines = append(p.o.Fulfillments[i].Lines, l)
				return nil
			}
		}
		f := retail.Fulfillment{ID: id, LocationCode: words[6], Status: status, Lines: []retail.FulfillmentLine{l}}
		if at := start.Add(-time.Hour); status == retail.FulfillmentCollected || status == retail.FulfillmentDelivered {
			f.LeftAt = &at
		}
		p.o.Fulfillments = append(p.o.Fulfillments, f)
	}
	return nil
}

func (p *player) circumstance(words []string) error {
	switch w := p.w; words[0] {
	case "fail":
		w.strikes[w.calls+number(words[1])] = failBefore
	case "lose":
		w.strikes[w.calls+number(words[1])] = failAfter
	case "clock":
		d, err := time.ParseDuration(words[1])
		if err != nil {
			return err
		}
		w.settle(d)
		w.reap()
	case "slow":
		w.slow["pay-1"] = number(words[1])
	case "till":
		w.till404 = map[string]error{}
		if words[1] == "refuses" {
			w.till404[p.suffix(words[2])] = retail.BadInput("the till does not know it")
		}
	case "busy":
		w.conflict = number(words[1])
	case "shop":
		w.net[pair{words[1], words[2]}] += number(words[3])
		w.seen[pair{words[1], words[2]}] += number(words[3])
		w.sold[pair{words[1], words[2]}] += number(words[3])
	case "earned":
		o := w.order(orderID)
		o.Saga.PointsBooked = true
		w.put(o)
	}
	return nil
}

func (p *player) suffix(key string) string {
	id, part, _ := strings.Cut(key, "/")
	if part != "" {
		return p.ids[id] + "/" + part
	}
	return p.ids[id]
}

// act does one action and tells its answer in a word. After a kill or a fault a patient client asks again.
func (p *player) act(words []string) (answer string) {
	for range 5 {
		err, alive := p.w.attempt(func() error { return p.do(words, &answer) })
		refused, isRefusal := retail.RefusalsOf(err)
		switch {
		case !alive:
			answer = "killed"
		case isRefusal:
			return string(refused[0].Why)
		case err != nil:
			answer = "fault"
			if c := retail.CodeOf(err); c != retail.CodeUpstreamUnavailable {
				return string(c)
			}
		case answer != "pending":
			return answer
		}
		if !p.retry {
			return answer
		}
	}
	return answer
}

func (p *player) do(words []string, answer *string) error {
	ctx, actor := context.Background(), shopper
	if words[0] == "stranger" {
		actor, words = retail.Actor{Role: "guest", Subject: "g9"}, words[1:]
	}
	svc, key := p.w.svc, words[1]
	var res *returns.Result
	var err error
	switch words[0] {
	case "ask":
		q := returns.RequestReturn{Actor: actor, Key: key, OrderID: orderID, Way: retail.ReturnWay(words[2])}
		rest := words[3:]
		if rest[0] == "at" {
			q.LocationRef, rest = rest[1], rest[2:]
		}
		q.Lines = lines(rest)
		res, err = svc.Request(ctx, q)
	case "exchange":
		cut := slices.Index(words, "for")
		q := returns.RequestExchange{Actor: actor, Key: key, OrderID: orderID, LocationRef: words[2], Lines: lines(words[3:cut])}
		for i := cut + 1; i+1 < len(words); i += 2 {
			q.Replacements = append(q.Replacements, returns.Replacement{SKU: words[i], Quantity: number(words[i+1])})
		}
		res, err = svc.Exchange(ctx, q)
	case "receive":
		key = words[2]
		res, err = svc.ReceiveInStore(ctx, returns.ReceiveGoods{Actor: clerk(words[1]), OrderID: orderID, ReturnID: p.ids[key]})
	case "walkin":
		key = words[2]
		res, err = svc.ReceiveInStore(ctx, returns.ReceiveGoods{
			Actor: clerk(words[1]), Key: key, OrderID: orderID, LocationRef: words[1], Lines: lines(words[3:]),
		})
	case "complete":
		key = words[2]
		res, err = svc.CompleteExchange(ctx, clerk(words[1]), orderID, p.ids[key])
	case "cancel":
		res, err = svc.Cancel(ctx, actor, orderID, p.ids[key])
	case "parcel":
		ref := orderID + "/" + p.ids[key]
		if have, ok := p.w.parcels[ref]; ok && have.arrived.IsZero() {
			have.arrived = p.w.now
			p.w.parcels[ref] = have
			line := p.w.order(orderID).Returns
			at := slices.IndexFunc(line, func(r retail.Return) bool { return r.ID == p.ids[key] })
			for _, l := range line[at].Lines {
				p.w.onHand[pair{line[at].LocationCode, l.SKU}] += l.Quantity
			}
		}
		err = svc.RunJob(ctx, orderID)
	default:
		p.t.Fatalf("unknown command %q", words[0])
	}
	*answer = "done"
	if res != nil {
		p.ids[key] = res.Return.ID
		if len(res.Warnings) > 0 {
			*answer = "pending"
		}
	}
	return err
}

func (p *player) assertions() map[string]func(words []string) error {
	return map[string]func(words []string) error{
		"order": func(words []string) error { return same(string(p.w.order(orderID).Status), words[0]) },
		"return": func(words []string) error {
			for _, r := range p.w.order(orderID).Returns {
				if r.ID == p.ids[words[0]] {
					return same(fmt.Sprintf("%s %s", r.Status, r.Amount.Amount()), strings.Join(words[1:], " "))
				}
			}
			return same("none", words[1])
		},
		"refunded": func(words []string) error { return same(p.refunded(), strings.Join(words, " ")) },
		"points":   func(words []string) error { return same(strconv.Itoa(p.points()), words[0]) },
		"stock": func(words []string) error {
			return same(strconv.Itoa(p.stock(words[0], words[1])), words[2])
		},
		"timeline": func(words []string) error {
			var kinds []string
			for _, e := range p.w.order(orderID).Timeline {
				kinds = append(kinds, string(e.Kind))
			}
			return same(strings.Join(kinds, " "), strings.Join(words, " "))
		},
		"check": func(words []string) error {
			list, err := p.w.svc.Check(context.Background(), shopper, orderID)
			if err != nil {
				return err
			}
			for _, r := range list {
				if r.LineID == words[0] {
					got := []string{strconv.Itoa(r.Quantity), string(r.Amount.Amount())}
					for _, o := range r.WhyNot {
						got = append(got, string(o))
					}
					return same(strings.Join(got, " "), strings.Join(words[1:], " "))
				}
			}
			return fmt.Errorf("no line %s", words[0])
		},
	}
}

func (p *player) refunded() string {
	var list []string
	for _, pay := range p.w.order(orderID).Payments {
		var sum int64
		for _, r := range p.w.refunds {
			if r.PaymentReference == pay.Reference && r.Status == retail.RefundSucceeded {
				sum += r.Amount.Minor
			}
		}
		list = append(list, string(money(sum).Amount()))
	}
	return strings.Join(list, " ")
}

func (p *player) points() (sum int) {
	for _, e := range p.w.points {
		sum += e.Points
	}
	return sum
}

func (p *player) stock(place, sku string) int {
	return p.w.onHand[pair{place, sku}] - p.w.net[pair{place, sku}]
}

func (p *player) amount(s string) retail.Money {
	m, err := retail.ParseMoney(s, "CNY")
	if err != nil {
		p.t.Fatal(err)
	}
	return m
}

func clerk(store string) retail.Actor {
	return retail.Actor{Role: "associate", Subject: "clerk-" + store, Locations: []string{store}}
}

func lines(words []string) (list []returns.Line) {
	for i := 0; i+1 < len(words); i += 2 {
		list = append(list, returns.Line{LineID: words[i], Quantity: number(words[i+1])})
	}
	return list
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic("journey: " + err.Error())
	}
	return n
}

func same(got, want string) error {
	if got != want {
		return fmt.Errorf("got %s, want %s", got, want)
	}
	return nil
}
