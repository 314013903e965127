package pos_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/client_golang/prometheus"
	"pgregory.net/rapid"

	"github.com/portico-retail/portico/integrations/demo/faults"
	demo "github.com/portico-retail/portico/integrations/demo/pos"
	"github.com/portico-retail/portico/integrations/pos"
	"github.com/portico-retail/portico/integrations/upstream"
	"github.com/portico-retail/portico/retail"
)

// scope is what a test and a property have in common.
type scope interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
	Cleanup(fn func())
	Context() context.Context
}

// tills is the stand-in head office of two stores with a client of it.
type tills struct {
	*demo.Server
	board  *faults.Board
	client *pos.Client
	clock  *clock
	url    string
}

func openTills(t scope) *tills {
	t.Helper()
	at := &clock{at: noon}
	board := faults.NewBoard(7)
	server := demo.New(demo.Data{
		Locations: []string{"S-1", "S-2"}, Prices: map[string]string{"A": "19.90", "B": "5.00"}, Currency: "CNY",
		Cards: []demo.Card{
			{Number: "8800000001", Name: "李", Phone: "+8613800000001", PhoneVerified: true, UnionID: "u-1", Birthday: "1990-01-31", PIN: "2468", IssuedAt: noon},
			{Number: "8800000002", Phone: "+8613800000001", IssuedAt: noon},
		},
	}, at.now, board)
	door := httptest.NewServer(server.Handler())
	once := upstream.Config{MaxAttempts: 1, OpenAfter: 1000}
	client, err := pos.New(pos.Config{HTTP: upstream.HTTPConfig{URL: door.URL}, Live: once, Feed: once, Write: once},
		upstream.NewMetrics(prometheus.NewRegistry()), at.now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); door.Close() })
	return &tills{Server: server, board: board, client: client, clock: at, url: door.URL}
}

func (s *tills) mustSet(t scope, state faults.State) {
	t.Helper()
	if err := s.board.Set(state); err != nil {
		t.Fatal(err)
	}
}

func mustDo(t scope, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// mustFail expects an error of this code.
func mustFail(t scope, err error, code retail.Code) {
	t.Helper()
	if retail.CodeOf(err) != code {
		t.Errorf("err = %v, want %s", err, code)
	}
}

func cny(minor int64) retail.Money { return retail.Money{Minor: minor, CurrencyCode: "CNY"} }

func order() retail.StoreTask {
	return retail.StoreTask{
		Reference: "o-1/f1", OrderNumber: "P-1", Method: retail.MethodPickup, LocationCode: "S-1",
		Lines:   []retail.TaskLine{{SKU: "B", Quantity: 1, Paid: cny(500)}, {SKU: "A", Quantity: 3, Paid: cny(5000)}},
		Contact: retail.Contact{Name: "李 & \"王\" <x>", Phone: "+8613800000001"}, CardNumber: "8800000001",
		ReadyBy: noon.Add(time.Hour), Slot: &retail.Slot{StartsAt: noon, EndsAt: noon.Add(time.Hour)}, Note: "back\ndoor\x00",
	}
}

func collected() retail.HandOver {
	return retail.HandOver{
		Reference: "o-1/f1", LocationCode: "S-1", CardNumber: "8800000001", At: noon,
		Lines: []retail.TaskLine{{SKU: "B", Quantity: 1, Picked: 1, Paid: cny(500)}, {SKU: "A", Quantity: 3, Picked: 2, Rejected: 1, Paid: cny(5000)}},
	}
}

func brought() retail.ReturnGoods {
	return retail.ReturnGoods{
		Reference: "o-1/r1", LocationCode: "S-2", OriginalOrder: "P-1", CardNumber: "8800000001", At: noon.Add(time.Hour),
		Lines: []retail.ReceiptLine{{SKU: "A", Quantity: 1, Total: cny(1666)}},
	}
}

// staff plays what a store's own tools send.
func (s *tills) staff(t scope, step string, lines ...string) {
	t.Helper()
	s.send(t, `<TaskUpdate reference="o-1/f1" step="`+step+`">`+strings.Join(lines, "")+`</TaskUpdate>`)
}

func (s *tills) sell(t scope, reference string, at time.Time, quantity int) {
	t.Helper()
	s.send(t, fmt.Sprintf(`<TransactionUpload><Transaction location="S-1" kind="SALE" at=%q reference=%q card="8800000001"><Line sku="A" quantity="%d"/>`+
		`</Transaction></TransactionUpload>`, at.Format(time.RFC3339Nano), reference, quantity))
}

func (s *tills) send(t scope, body string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/pos/service", strings.NewReader(
		`<Envelope version="1"><Header><MessageId>t</MessageId><SentAt>2026-11-22T12:00:00Z</SentAt></Header><Body>`+body+`</Body></Envelope>`))
	r.Header.Set("Content-Type", "application/xml")
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	if strings.Contains(w.Body.String(), "<Fault") {
		t.Fatalf("%s: %s", body, w.Body)
	}
}

func TestAPickupFromTaskToReceipt(t *testing.T) {
	s := openTills(t)
	_, err := s.client.Task(t.Context(), "o-1/f1")
	mustFail(t, err, retail.CodeNotFound)
	mustDo(t, s.client.SendTask(t.Context(), order()))
	s.staff(t, "PICK", `<Line sku="A" picked="2" rejected="1"/>`)
	s.staff(t, "DONE")
	got, err := s.client.Task(t.Context(), "o-1/f1")
	want := retail.TaskState{
		Reference: "o-1/f1", Status: retail.TaskPicked, At: noon,
		Lines: []retail.TaskLine{{SKU: "A", Quantity: 3, Picked: 2, Rejected: 1, Paid: cny(5000)}, {SKU: "B", Quantity: 1, Picked: 1, Paid: cny(500)}},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Fatalf("%v, task (-want +got):\n%s", err, diff)
	}
	sale, err := s.client.HandOver(t.Context(), collected())
	wantSale := retail.TillReceipt{Number: "S-1-1", Counts: []retail.TillCount{{LocationCode: "S-1", SKU: "B", Net: 1, Seq: 1}, {LocationCode: "S-1", SKU: "A", Net: 2, Seq: 1}}}
	if diff := cmp.Diff(wantSale, sale); diff != "" || err != nil {
		t.Fatalf("%v, sale (-want +got):\n%s", err, diff)
	}
	for _, n := range sale.Counts {
		if lane := s.Totals("S-1")[n.SKU]; lane != int64(n.Net) {
			t.Errorf("the lane counts %d of %s, the receipt %d", lane, n.SKU, n.Net)
		}
	}
	after, err := s.client.CancelTask(t.Context(), "o-1/f1")
	if after.Status != retail.TaskHandedOver || after.ReceiptNo != "S-1-1" || err != nil {
		t.Errorf("cancelled after the hand-over: %+v, %v", after, err)
	}
	back, err := s.client.TakeBack(t.Context(), brought())
	wantBack := retail.TillReceipt{Number: "S-2-1", Counts: []retail.TillCount{{LocationCode: "S-2", SKU: "A", Net: -1, Seq: 1}}}
	if diff := cmp.Diff(wantBack, back); diff != "" || err != nil {
		t.Fatalf("%v, return (-want +got):\n%s", err, diff)
	}
	list, err := s.client.Receipts(t.Context(), "8800000001", nil, 10)
	wantList := []retail.Receipt{
		{Number: "S-2-1", LocationCode: "S-2", At: noon.Add(time.Hour), CardNumber: "8800000001", Total: cny(-1666), OrderRef: "o-1/r1", Lines: []retail.ReceiptLine{{SKU: "A", Quantity: -1, Total: cny(-1666)}}},
		{Number: "S-1-1", LocationCode: "S-1", At: noon, CardNumber: "8800000001", Total: cny(3833), OrderRef: "o-1/f1", Lines: []retail.ReceiptLine{{SKU: "A", Quantity: 2, Total: cny(3333)}, {SKU: "B", Quantity: 1, Total: cny(500)}}},
	}
	if diff := cmp.Diff(wantList, list); diff != "" || err != nil {
		t.Errorf("%v, receipts (-want +got):\n%s", err, diff)
	}
	one, err := s.client.Receipt(t.Context(), "S-1-1")
	if diff := cmp.Diff(&wantList[1], one); diff != "" || err != nil {
		t.Errorf("%v, receipt (-want +got):\n%s", err, diff)
	}
	_, err = s.client.Receipt(t.Context(), "S-9-1")
	mustFail(t, err, retail.CodeNotFound)
}

// TestALostReplyDoesNothingTwice makes every write while replies are lost, then again, and compares with a head office that
// lost nothing.
func TestALostReplyDoesNothingTwice(t *testing.T) {
	var issued string
	writes := []struct {
		name string
		do   func(ctx context.Context, c *pos.Client) (any, error)
	}{
		{"send", func(ctx context.Context, c *pos.Client) (any, error) { return nil, c.SendTask(ctx, order()) }},
		{"hand over", func(ctx context.Context, c *pos.Client) (any, error) { return c.HandOver(ctx, collected()) }},
		{"take back", func(ctx context.Context, c *pos.Client) (any, error) { return c.TakeBack(ctx, brought()) }},
		{"cancel", func(ctx context.Context, c *pos.Client) (any, error) { return c.CancelTask(ctx, "o-2/f1") }},
		{"issue", func(ctx context.Context, c *pos.Client) (any, error) {
			card, err := c.IssueCard(ctx, "m-1", retail.Profile{Name: "Ann"})
			if err == nil {
				issued = card.Number
			}
			return card, err
		}},
		{"update", func(ctx context.Context, c *pos.Client) (any, error) {
			return nil, c.UpdateCard(ctx, retail.Card{Number: issued, Profile: retail.Profile{Name: "Anna"}})
		}},
	}
	calm, stormy := openTills(t), openTills(t)
	for _, w := range writes {
		want, err := w.do(t.Context(), calm.client)
		if err != nil {
			t.Fatalf("%s: %v", w.name, err)
		}
		stormy.mustSet(t, faults.State{LoseReplies: 1})
		if _, err := w.do(t.Context(), stormy.client); retail.CodeOf(err) != retail.CodeUpstreamUnavailable {
			t.Fatalf("%s: the reply was not lost: %v", w.name, err)
		}
		stormy.mustSet(t, faults.State{})
		for range 2 {
			got, err := w.do(t.Context(), stormy.client)
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%s again: %v, (-lost nothing +lost a reply):\n%s", w.name, err, diff)
			}
		}
	}
	for _, place := range []string{"S-1", "S-2"} {
		if diff := cmp.Diff(calm.Totals(place), stormy.Totals(place)); diff != "" {
			t.Errorf("%s (-lost nothing +lost replies):\n%s", place, diff)
		}
	}
	receipts, err := stormy.client.Receipts(t.Context(), "8800000001", nil, 10)
	if len(receipts) != 2 || err != nil {
		t.Errorf("%d receipts, %v, want one sale and one return", len(receipts), err)
	}
	if card, err := stormy.client.Card(t.Context(), issued); err != nil || card.Profile.Name != "Anna" {
		t.Errorf("card = %+v, %v", card, err)
	}
}

func TestManyAtOnceBookOnce(t *testing.T) {
	s := openTills(t)
	s.mustSet(t, faults.State{LoseReplies: 0.4})
	receipts := make([]retail.TillReceipt, 16)
	var wg sync.WaitGroup
	for i := range receipts {
		wg.Go(func() {
			for range 200 {
				r, err := s.client.HandOver(t.Context(), collected())
				if err == nil {
					receipts[i] = r
					return
				}
			}
		})
	}
	wg.Wait()
	for _, r := range receipts {
		if diff := cmp.Diff(receipts[0], r); diff != "" || r.Number == "" {
			t.Errorf("receipt %+v (-first +this):\n%s", r, diff)
		}
	}
	if diff := cmp.Diff(map[string]int64{"A": 2, "B": 1}, s.Totals("S-1")); diff != "" {
		t.Errorf("totals (-want +got):\n%s", diff)
	}
}

func TestAnotherBodyUnderAReferenceIsAConflict(t *testing.T) {
	s := openTills(t)
	mustDo(t, s.client.SendTask(t.Context(), order()))
	later := order()
	later.ReadyBy, later.Note, later.Contact.Name = noon.Add(2*time.Hour), "side door", "王"
	mustDo(t, s.client.SendTask(t.Context(), later))
	more := order()
	more.Lines[0].Quantity = 2
	mustFail(t, s.client.SendTask(t.Context(), more), retail.CodeConflict)
	_, err := s.client.HandOver(t.Context(), collected())
	mustDo(t, err)
	again := collected()
	again.At = noon.Add(time.Hour)
	_, err = s.client.HandOver(t.Context(), again)
	mustDo(t, err)
	again.Lines[1].Picked = 1
	_, err = s.client.HandOver(t.Context(), again)
	mustFail(t, err, retail.CodeConflict)
	_, err = s.client.TakeBack(t.Context(), brought())
	mustDo(t, err)
	elsewhere := brought()
	elsewhere.LocationCode = "S-1"
	_, err = s.client.TakeBack(t.Context(), elsewhere)
	mustFail(t, err, retail.CodeConflict)
}

func TestLinesOfOneSKUAreSentAsOne(t *testing.T) {
	s := openTills(t)
	task := order()
	task.Lines = []retail.TaskLine{{SKU: "A", Quantity: 1, Paid: cny(1990)}, {SKU: "A", Quantity: 2, Paid: cny(3000)}}
	mustDo(t, s.client.SendTask(t.Context(), task))
	got, err := s.client.Task(t.Context(), task.Reference)
	want := []retail.TaskLine{{SKU: "A", Quantity: 3, Paid: cny(4990)}}
	if diff := cmp.Diff(want, got.Lines); diff != "" || err != nil {
		t.Errorf("%v, lines (-want +got):\n%s", err, diff)
	}
}

func TestWhatTheWireCannotCarryIsNotSent(t *testing.T) {
	s := openTills(t)
	s.mustSet(t, faults.State{Down: true}) // so that whatever is sent fails otherwise
	for name, change := range map[string]func(*retail.StoreTask){
		"no reference":       func(x *retail.StoreTask) { x.Reference = "" },
		"an endless one":     func(x *retail.StoreTask) { x.Reference = strings.Repeat("x", 129) },
		"no order":           func(x *retail.StoreTask) { x.OrderNumber = "" },
		"no method":          func(x *retail.StoreTask) { x.Method = "PIGEON" },
		"no place":           func(x *retail.StoreTask) { x.LocationCode = "" },
		"no time":            func(x *retail.StoreTask) { x.ReadyBy = time.Time{} },
		"no lines":           func(x *retail.StoreTask) { x.Lines = nil },
		"no SKU":             func(x *retail.StoreTask) { x.Lines[0].SKU = "" },
		"a line of nothing":  func(x *retail.StoreTask) { x.Lines[0].Quantity = 0 },
		"a negative line":    func(x *retail.StoreTask) { x.Lines[0].Quantity = -1 },
		"a negative amount":  func(x *retail.StoreTask) { x.Lines[0].Paid.Minor = -1 },
		"an endless amount":  func(x *retail.StoreTask) { x.Lines[0].Paid.Minor = 1e12 },
		"another currency":   func(x *retail.StoreTask) { x.Lines[0].Paid.CurrencyCode = "USD" },
		"more than 50 lines": func(x *retail.StoreTask) { x.Lines = manyLines(51) },
	} {
		t.Run(name, func(t *testing.T) {
			task := order()
			change(&task)
			mustFail(t, s.client.SendTask(t.Context(), task), retail.CodeBadInput)
		})
	}
	_, err := s.client.HandOver(t.Context(), retail.HandOver{Reference: "r", LocationCode: "S-1", Lines: []retail.TaskLine{{SKU: "A", Quantity: 1, Rejected: 1}}})
	mustFail(t, err, retail.CodeBadInput)
	_, err = s.client.TakeBack(t.Context(), retail.ReturnGoods{Reference: "r", LocationCode: "S-1", Lines: brought().Lines})
	mustFail(t, err, retail.CodeBadInput)
}

func manyLines(n int) (lines []retail.TaskLine) {
	for i := range n {
		lines = append(lines, retail.TaskLine{SKU: fmt.Sprint("s", i), Quantity: 1})
	}
	return lines
}

func TestATaskThatCannotWorkDoesNotShutTheDoor(t *testing.T) {
	s := openTills(t)
	client, err := pos.New(pos.Config{HTTP: upstream.HTTPConfig{URL: s.url}, Write: upstream.Config{OpenAfter: 1}},
		upstream.NewMetrics(prometheus.NewRegistry()), s.clock.now)
	mustDo(t, err)
	defer client.Close()
	nowhere := order()
	nowhere.Reference, nowhere.LocationCode = "o-9/f1", "S-9"
	for range 3 {
		mustFail(t, client.SendTask(t.Context(), nowhere), retail.CodeBadInput)
	}
	mustDo(t, client.SendTask(t.Context(), order()))
}

func TestTheFeedTellsEveryChangeWhateverTheDisorder(t *testing.T) {
	s := openTills(t)
	s.mustSet(t, faults.State{Duplicate: 0.5, Reorder: true})
	mustDo(t, s.client.SendTask(t.Context(), order()))
	s.staff(t, "START")
	s.staff(t, "DONE")
	changes, next, err := s.client.TaskChanges(t.Context(), "")
	mustDo(t, err)
	var statuses []retail.TaskStatus
	for i, c := range changes {
		if i == 0 || changes[i-1].Status != c.Status {
			statuses = append(statuses, c.Status)
		}
	}
	if diff := cmp.Diff([]retail.TaskStatus{retail.TaskOpen, retail.TaskPicking, retail.TaskPicked}, statuses); diff != "" {
		t.Errorf("statuses in order (-want +got):\n%s", diff)
	}
	again, same, err := s.client.TaskChanges(t.Context(), next)
	if len(again) != 0 || same != next || err != nil {
		t.Errorf("nothing new: %+v, %s, %v", again, same, err)
	}
	all, _, err := s.client.TaskChanges(t.Context(), "rubbish")
	if len(all) < 3 || err != nil {
		t.Errorf("an unreadable cursor gives %d changes, %v", len(all), err)
	}
	_, restart, err := s.client.TaskChanges(t.Context(), "999")
	if restart != "0" || err != nil {
		t.Errorf("a cursor ahead of a new head office goes on from %q, %v, want the start", restart, err)
	}
	s.mustSet(t, faults.State{Down: true})
	if _, kept, err := s.client.TaskChanges(t.Context(), next); err == nil || kept != next {
		t.Errorf("a feed that fails moves the cursor to %q, %v", kept, err)
	}
}

func TestReceiptsPageByPage(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := openTills(rt)
		sales := rapid.SliceOfN(rapid.IntRange(0, 3), 0, 20).Draw(rt, "instants")
		for i, at := range sales {
			s.sell(rt, fmt.Sprint("r-", i), noon.Add(time.Duration(at)*time.Nanosecond), 1)
		}
		all, err := s.client.Receipts(t.Context(), "8800000001", nil, 100)
		if err != nil || len(all) != len(sales) {
			rt.Fatalf("%d receipts of %d sales, %v", len(all), len(sales), err)
		}
		limit := rapid.IntRange(1, 7).Draw(rt, "limit")
		var paged []retail.Receipt
		var before *retail.PurchaseKey
		for {
			page, err := s.client.Receipts(t.Context(), "8800000001", before, limit)
			mustDo(rt, err)
			if len(page) == 0 {
				break
			}
			paged = append(paged, page...)
			last := page[len(page)-1]
			before = &retail.PurchaseKey{At: last.At, Source: retail.SourcePOS, Number: last.Number}
			s.sell(rt, fmt.Sprint("new-", len(paged)), noon.Add(time.Hour), 1) // arrives meanwhile, in front
		}
		if diff := cmp.Diff(all, paged, cmpopts.EquateEmpty()); diff != "" {
			rt.Fatalf("pages of %d (-at once +paged):\n%s", limit, diff)
		}
		for i := 1; i < len(all); i++ {
			a := retail.PurchaseKey{At: all[i-1].At, Source: retail.SourcePOS, Number: all[i-1].Number}
			b := retail.PurchaseKey{At: all[i].At, Source: retail.SourcePOS, Number: all[i].Number}
			if !b.Before(a) {
				rt.Fatalf("%v comes after %v", b, a)
			}
		}
	})
}

func TestReceiptsBehindAPurchaseOfTheShop(t *testing.T) {
	s := openTills(t)
	s.sell(t, "r-1", noon, 1)
	for source, want := range map[retail.Source]int{retail.SourceShop: 0, retail.SourceERP: 1} { // those of one instant by source
		list, err := s.client.Receipts(t.Context(), "8800000001", &retail.PurchaseKey{At: noon, Source: source, Number: "P-1"}, 5)
		if len(list) != want || err != nil {
			t.Errorf("behind a purchase of %s: %d receipts, %v, want %d", source, len(list), err, want)
		}
	}
	for _, card := range []string{"", "nobody", strings.Repeat("x", 65)} {
		if list, err := s.client.Receipts(t.Context(), card, nil, 5); len(list) != 0 || err != nil {
			t.Errorf("card %.10q: %v, %v", card, list, err)
		}
	}
}

func TestCards(t *testing.T) {
	s := openTills(t)
	first := retail.Card{Number: "8800000001", IssuedAt: noon, Profile: retail.Profile{
		Name: "李", Phone: "+8613800000001", PhoneVerified: true, UnionID: "u-1", Birthday: "1990-01-31",
	}}
	got, err := s.client.Card(t.Context(), "8800000001")
	if diff := cmp.Diff(&first, got); diff != "" || err != nil {
		t.Errorf("%v, card (-want +got):\n%s", err, diff)
	}
	found, err := s.client.FindCards(t.Context(), "+8613800000001", "u-2")
	if diff := cmp.Diff([]retail.Card{first}, found); diff != "" || err != nil {
		t.Errorf("%v, found (-want +got):\n%s", err, diff)
	}
	if found, err := s.client.FindCards(t.Context(), "", ""); len(found) != 0 || err != nil {
		t.Errorf("no key finds %v, %v", found, err)
	}
	profile := retail.Profile{Name: strings.Repeat("名", 120), Email: "a@b.c"}
	card, err := s.client.IssueCard(t.Context(), "m-1", profile)
	if err != nil || len([]rune(card.Profile.Name)) != 100 || card.Profile.Email != "a@b.c" || !card.IssuedAt.Equal(noon) {
		t.Errorf("issued %+v, %v", card, err)
	}
	for _, number := range []string{"", "nobody", strings.Repeat("x", 65)} {
		_, err := s.client.Card(t.Context(), number)
		mustFail(t, err, retail.CodeNotFound)
		_, err = s.client.CardPoints(t.Context(), number)
		mustFail(t, err, retail.CodeNotFound)
		mustFail(t, s.client.UpdateCard(t.Context(), retail.Card{Number: number}), retail.CodeNotFound)
		if ok, err := s.client.CheckPIN(t.Context(), number, "2468"); ok || err != nil {
			t.Errorf("PIN of %.10q: %v, %v", number, ok, err)
		}
	}
	s.sell(t, "r-1", noon, 2)
	points, err := s.client.CardPoints(t.Context(), "8800000001")
	want := []retail.PointEntry{{
		Reference: "S-1-1:EARN", Source: retail.SourcePOS, Points: 39, At: noon, Titles: retail.Text{Chinese: "门店消费", English: "Purchase in store"},
	}}
	if diff := cmp.Diff(want, points); diff != "" || err != nil {
		t.Errorf("%v, points (-want +got):\n%s", err, diff)
	}
}

func TestWrongPINsLockTheCard(t *testing.T) {
	s := openTills(t)
	for range 5 {
		if ok, err := s.client.CheckPIN(t.Context(), "8800000001", "0000"); ok || err != nil {
			t.Fatalf("a wrong PIN: %v, %v", ok, err)
		}
	}
	if ok, err := s.client.CheckPIN(t.Context(), "8800000001", "2468"); ok || !retail.Refused(err, retail.WhyLimitReached) {
		t.Errorf("a locked card: %v, %v", ok, err)
	}
	s.clock.pass(15 * time.Minute)
	if ok, err := s.client.CheckPIN(t.Context(), "8800000001", "2468"); !ok || err != nil {
		t.Errorf("after the lock: %v, %v", ok, err)
	}
}

func TestALostReplyToAPINCostsOneTry(t *testing.T) {
	s := openTills(t)
	client, err := pos.New(pos.Config{HTTP: upstream.HTTPConfig{URL: s.url}, Live: upstream.Config{MaxAttempts: 5, RetryShare: 1, OpenAfter: 1000}},
		upstream.NewMetrics(prometheus.NewRegistry()), s.clock.now)
	mustDo(t, err)
	defer client.Close()
	s.mustSet(t, faults.State{LoseReplies: 1})
	for range 4 {
		_, err := client.CheckPIN(t.Context(), "8800000001", "0000")
		mustFail(t, err, retail.CodeUpstreamUnavailable)
	}
	s.mustSet(t, faults.State{})
	if ok, err := client.CheckPIN(t.Context(), "8800000001", "2468"); !ok || err != nil {
		t.Errorf("four lost tries locked the card: %v, %v", ok, err)
	}
}

// TestTroubleIsSaidAsItIs makes every call of a purchase against every fault.
func TestTroubleIsSaidAsItIs(t *testing.T) {
	calls := map[string]func(ctx context.Context, c *pos.Client) error{
		"SendTask":    func(ctx context.Context, c *pos.Client) error { return c.SendTask(ctx, order()) },
		"Task":        func(ctx context.Context, c *pos.Client) error { _, err := c.Task(ctx, "o-1/f1"); return err },
		"CancelTask":  func(ctx context.Context, c *pos.Client) error { _, err := c.CancelTask(ctx, "o-9/f1"); return err },
		"TaskChanges": func(ctx context.Context, c *pos.Client) error { _, _, err := c.TaskChanges(ctx, ""); return err },
		"HandOver":    func(ctx context.Context, c *pos.Client) error { _, err := c.HandOver(ctx, collected()); return err },
		"TakeBack":    func(ctx context.Context, c *pos.Client) error { _, err := c.TakeBack(ctx, brought()); return err },
		"Receipts": func(ctx context.Context, c *pos.Client) error {
			_, err := c.Receipts(ctx, "8800000001", nil, 5)
			return err
		},
		"Receipt": func(ctx context.Context, c *pos.Client) error { _, err := c.Receipt(ctx, "S-1-1"); return err },
		"Card":    func(ctx context.Context, c *pos.Client) error { _, err := c.Card(ctx, "8800000001"); return err },
		"FindCards": func(ctx context.Context, c *pos.Client) error {
			_, err := c.FindCards(ctx, "+8613800000001", "")
			return err
		},
		"CheckPIN": func(ctx context.Context, c *pos.Client) error {
			_, err := c.CheckPIN(ctx, "8800000001", "2468")
			return err
		},
		"IssueCard": func(ctx context.Context, c *pos.Client) error {
			_, err := c.IssueCard(ctx, "m-1", retail.Profile{})
			return err
		},
		"UpdateCard": func(ctx context.Context, c *pos.Client) error {
			return c.UpdateCard(ctx, retail.Card{Number: "8800000002"})
		},
		"CardPoints": func(ctx context.Context, c *pos.Client) error { _, err := c.CardPoints(ctx, "8800000001"); return err },
	}
	s := openTills(t)
	for _, setUp := range []func() error{
		func() error { return s.client.SendTask(t.Context(), order()) },
		func() error { _, err := s.client.HandOver(t.Context(), collected()); return err },
	} {
		mustDo(t, setUp())
	}
	for fault, tc := range map[string]struct {
		state faults.State
		code  retail.Code
	}{
		"down":      {faults.State{Down: true}, retail.CodeUpstreamUnavailable},
		"busy":      {faults.State{ErrorRate: 1}, retail.CodeUpstreamUnavailable},
		"cut off":   {faults.State{Truncate: true}, retail.CodeUpstreamUnavailable},
		"garbage":   {faults.State{Garbage: true}, retail.CodeBadUpstream},
		"lost":      {faults.State{LoseReplies: 1}, retail.CodeUpstreamUnavailable},
		"healthy":   {faults.State{}, ""},
		"disorder":  {faults.State{Duplicate: 1, Reorder: true, DelayMs: 1000}, ""},
		"went back": {faults.State{Stale: true}, ""},
	} {
		s.mustSet(t, tc.state)
		for name, call := range calls {
			var code retail.Code
			if err := call(t.Context(), s.client); err != nil {
				code = retail.CodeOf(err)
			}
			if code != tc.code {
				t.Errorf("%s while %s: code %q, want %q", name, fault, code, tc.code)
			}
		}
	}
}

// TestAnswersToAnotherQuestionAreRefused lets a head office answer in the right form what was not asked, or cannot be.
func TestAnswersToAnotherQuestionAreRefused(t *testing.T) {
	const task = `<Task reference="o-1/f1" status="OPEN" at="2026-11-22T12:00:00Z" change="1" currency="CNY"><Line sku="A" quantity="2" picked="1" rejected="0" paid="1.00"/></Task>`
	const card = `<Card number="1" issuedAt="2026-11-22T12:00:00Z"/>`
	const receipt = `<Receipt number="n-1" location="S-1" kind="SALE" at="2026-11-22T12:00:00Z" total="1.00" card="1"><Line sku="A" quantity="1" total="1.00"/></Receipt>`
	cases := []struct {
		request string
		good    string
		call    func(ctx context.Context, c *pos.Client) error
		changes map[string][2]string
	}{
		{
			"PickupTaskInquiry", task,
			func(ctx context.Context, c *pos.Client) error { _, err := c.Task(ctx, "o-1/f1"); return err },
			map[string][2]string{
				"another task": {"o-1/f1", "o-2/f1"}, "two tasks": {task, task + task}, "no task": {task, ""}, "an unknown status": {"OPEN", "LOST"},
				"handed over without receipt": {"OPEN", "HANDED_OVER"}, "no instant": {"2026-11-22T12:00:00Z", "now"}, "no change": {`change="1"`, `change="x"`},
				"more picked than asked": {`picked="1"`, `picked="3"`}, "picked below zero": {`picked="1"`, `picked="-1"`}, "no SKU": {`sku="A"`, `sku=""`},
				"no money": {`paid="1.00"`, `paid="much"`}, "no currency": {`currency="CNY"`, ``}, "an unknown child": {"<Line", "<Row"},
			},
		},
		{
			"HandOver", "",
			func(ctx context.Context, c *pos.Client) error { _, err := c.HandOver(ctx, collected()); return err },
			map[string][2]string{
				"no counters": {"", ""}, "the counter of another place": {"", `<Counter location="S-2" sku="A" net="1" seq="1"/><Counter location="S-2" sku="B" net="1" seq="1"/>`},
				"a counter that never moved": {"", `<Counter location="S-1" sku="A" net="0" seq="0"/><Counter location="S-1" sku="B" net="1" seq="1"/>`},
				"an unreadable counter":      {"", `<Counter location="S-1" sku="A" net="x" seq="1"/>`},
			},
		},
		{
			"ReceiptInquiry", receipt,
			func(ctx context.Context, c *pos.Client) error { _, err := c.Receipt(ctx, "n-1"); return err },
			map[string][2]string{
				"another receipt": {"n-1", "n-2"}, "none": {receipt, ""}, "two": {receipt, receipt + receipt}, "no place": {`"S-1"`, `""`}, "no kind": {"SALE", "GIFT"},
				"no total": {`total="1.00" card`, `total="x" card`}, "an unreadable line": {`quantity="1"`, `quantity="x"`},
			},
		},
		{
			"ReceiptList", receipt,
			func(ctx context.Context, c *pos.Client) error { _, err := c.Receipts(ctx, "1", nil, 1); return err },
			map[string][2]string{"somebody else's": {`card="1"`, `card="2"`}, "more than asked": {receipt, receipt + receipt}, "nothing readable": {"SALE", "GIFT"}},
		},
		{
			"CardInquiry", card,
			func(ctx context.Context, c *pos.Client) error { _, err := c.Card(ctx, "1"); return err },
			map[string][2]string{"another card": {`"1"`, `"2"`}, "none": {card, ""}, "no date": {"2026-11-22T12:00:00Z", "x"}, "a birthday that is none": {"/>", ` birthday="x"/>`}},
		},
		{
			"CardIssue", card,
			func(ctx context.Context, c *pos.Client) error {
				_, err := c.IssueCard(ctx, "m", retail.Profile{})
				return err
			},
			map[string][2]string{"none": {card, ""}, "two": {card, card + card}, "no number": {`"1"`, `""`}},
		},
	}
	for _, tc := range cases {
		o, c, _ := newOffice(t)
		attrs := map[string]string{"HandOver": ` receipt="S-1-1" seq="1"`, "ReceiptInquiry": ` currency="CNY"`, "ReceiptList": ` currency="CNY"`}[tc.request]
		say := func(body string) {
			o.say(tc.request, "<"+tc.request+"Reply"+attrs+">"+body+"</"+tc.request+"Reply>")
		}
		say(tc.good)
		if err := tc.call(t.Context(), c); tc.good != "" && err != nil {
			t.Fatalf("%s: the good reply: %v", tc.request, err)
		}
		for name, change := range tc.changes {
			o, c, _ := newOffice(t)
			body := change[1]
			if tc.good != "" {
				body = strings.Replace(tc.good, change[0], change[1], 1)
			}
			o.say(tc.request, "<"+tc.request+"Reply"+attrs+">"+body+"</"+tc.request+"Reply>")
			err := tc.call(t.Context(), c)
			var e *retail.Error
			if !errors.As(err, &e) || (e.Code != retail.CodeBadUpstream && e.Code != retail.CodeNotFound) {
				t.Errorf("%s: %s: %v, want BAD_UPSTREAM", tc.request, name, err)
			}
		}
	}
}

func TestOneUnreadableItemDoesNotHideTheOthers(t *testing.T) {
	o, c, _ := newOffice(t)
	const receipt = `<Receipt number="n-1" location="S-1" kind="SALE" at="2026-11-22T12:00:00Z" total="1.00" card="1"/>`
	o.say("ReceiptList", `<ReceiptListReply currency="CNY">`+receipt+strings.Replace(receipt, "SALE", "GIFT", 1)+`</ReceiptListReply>`)
	if list, err := c.Receipts(t.Context(), "1", nil, 5); len(list) != 1 || err != nil {
		t.Errorf("%d receipts, %v", len(list), err)
	}
	const entry = `<Entry reference="n-1:EARN" points="3" at="2026-11-22T12:00:00Z" expires="2027-11-22T12:00:00Z"/>`
	o.say("CardPoints", `<CardPointsReply>`+entry+strings.Replace(entry, `"3"`, `"many"`, 1)+strings.Replace(entry, "2027", "later", 1)+`</CardPointsReply>`)
	if list, err := c.CardPoints(t.Context(), "1"); len(list) != 1 || list[0].ExpiresAt == nil || err != nil {
		t.Errorf("points %+v, %v", list, err)
	}
	const task = `<Task reference="o" status="OPEN" at="2026-11-22T12:00:00Z" change="1"/>`
	o.say("TaskChanges", `<TaskChangesReply next="2">`+task+strings.Replace(task, "OPEN", "LOST", 1)+`</TaskChangesReply>`)
	if list, next, err := c.TaskChanges(t.Context(), ""); len(list) != 1 || next != "2" || err != nil {
		t.Errorf("changes %+v, %s, %v", list, next, err)
	}
	const card = `<Card number="1" issuedAt="2026-11-22T12:00:00Z" phone="+1" phoneVerified="true"/>`
	o.say("CardSearch", `<CardSearchReply>`+card+strings.Replace(card, "true", "false", 1)+strings.Replace(card, "+1", "+2", 1)+`</CardSearchReply>`)
	if list, err := c.FindCards(t.Context(), "+1", ""); len(list) != 1 || err != nil {
		t.Errorf("cards %+v, %v", list, err)
	}
	o.say("CardSearch", `<CardSearchReply>`+card+strings.Replace(card, "2026", "once", 1)+`</CardSearchReply>`)
	if list, err := c.FindCards(t.Context(), "+1", ""); retail.CodeOf(err) != retail.CodeBadUpstream {
		t.Errorf("two candidates of which one is unreadable: %+v, %v", list, err)
	}
}
