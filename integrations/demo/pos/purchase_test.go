package pos_test

import (
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-retail/portico/integrations/demo/faults"
	"github.com/portico-retail/portico/integrations/demo/pos"
)

// The replies of a purchase as a reader outside the package sees them.
type (
	taskReply struct {
		Reference string `xml:"reference,attr"`
		Status    string `xml:"status,attr"`
		Change    uint64 `xml:"change,attr"`
		Receipt   string `xml:"receipt,attr"`
		Lines     []struct {
			SKU      string `xml:"sku,attr"`
			Quantity int    `xml:"quantity,attr"`
			Picked   int    `xml:"picked,attr"`
			Rejected int    `xml:"rejected,attr"`
		} `xml:"Line"`
	}
	oneTask      struct{ Task taskReply }
	changesReply struct {
		Next  uint64      `xml:"next,attr"`
		Tasks []taskReply `xml:"Task"`
	}
	bookingReply struct {
		Receipt  string         `xml:"receipt,attr"`
		Seq      uint64         `xml:"seq,attr"`
		Counters []counterReply `xml:"Counter"`
	}
	receiptReply struct {
		Number string `xml:"number,attr"`
		Total  string `xml:"total,attr"`
	}
	receiptsReply struct {
		Receipts []receiptReply `xml:"Receipt"`
	}
	cardReply struct {
		Number string `xml:"number,attr"`
		Name   string `xml:"name,attr"`
	}
	cardsReply struct {
		Cards []cardReply `xml:"Card"`
	}
	pinReply struct {
		Valid bool `xml:"valid,attr"`
	}
	pointsReply struct {
		Entries []struct {
			Reference string `xml:"reference,attr"`
			Points    int    `xml:"points,attr"`
		} `xml:"Entry"`
	}
	purchaseBody struct {
		Create   *oneTask       `xml:"PickupTaskCreateReply"`
		Inquiry  *oneTask       `xml:"PickupTaskInquiryReply"`
		Cancel   *oneTask       `xml:"PickupTaskCancelReply"`
		Update   *oneTask       `xml:"TaskUpdateReply"`
		Changes  *changesReply  `xml:"TaskChangesReply"`
		HandOver *bookingReply  `xml:"HandOverReply"`
		Return   *bookingReply  `xml:"GoodsReturnReply"`
		Receipts *receiptsReply `xml:"ReceiptListReply"`
		Receipt  *receiptsReply `xml:"ReceiptInquiryReply"`
		Card     *cardsReply    `xml:"CardInquiryReply"`
		Found    *cardsReply    `xml:"CardSearchReply"`
		Issued   *cardsReply    `xml:"CardIssueReply"`
		Updated  *cardsReply    `xml:"CardUpdateReply"`
		PIN      *pinReply      `xml:"CardPinCheckReply"`
		Points   *pointsReply   `xml:"CardPointsReply"`
	}
)

func sent(lines ...string) string {
	return `<PickupTaskCreate reference="o-1/f1" order="P-1" method="PICKUP" location="S-1" currency="CNY" readyBy="2026-11-22T13:00:00Z">` +
		strings.Join(lines, "") + `</PickupTaskCreate>`
}

func unit(sku string, quantity int) string {
	return fmt.Sprintf(`<Line sku=%q quantity="%d" paid="19.90"/>`, sku, quantity)
}

func handOver(lines ...string) string {
	return `<HandOver reference="o-1/f1" location="S-1" at="2026-11-22T12:00:00Z" currency="CNY" card="8800000001">` +
		strings.Join(lines, "") + `</HandOver>`
}

func stepOf(step string, lines ...string) string {
	return `<TaskUpdate reference="o-1/f1" step="` + step + `">` + strings.Join(lines, "") + `</TaskUpdate>`
}

func picked(sku string, picked, rejected int) string {
	return fmt.Sprintf(`<Line sku=%q picked="%d" rejected="%d"/>`, sku, picked, rejected)
}

const inquiry = `<PickupTaskInquiry reference="o-1/f1"/>`

func withCard() pos.Data {
	data := twoStores()
	data.Cards = []pos.Card{{Number: "8800000001", Name: "Li", Phone: "+8613800000001", PhoneVerified: true, PIN: "2468", IssuedAt: noon}}
	return data
}

// mustFault sends a request and expects a fault of this code.
func (o *office) mustFault(t *testing.T, code, request string) {
	t.Helper()
	if got := o.ask(t, request).Fault; got == nil || got.Code != code || got.Retryable != (code == "BUSY") {
		t.Errorf("%s\nfault = %+v, want %s", request, got, code)
	}
}

// mustStand compares the status of the task and its lines: SKU quantity/picked/rejected.
func (o *office) mustStand(t *testing.T, want string) {
	t.Helper()
	got := o.ask(t, inquiry).Inquiry
	if got == nil {
		t.Fatal("no such task")
	}
	text := got.Task.Status
	for _, l := range got.Task.Lines {
		text += fmt.Sprintf(" %s %d/%d/%d", l.SKU, l.Quantity, l.Picked, l.Rejected)
	}
	if text != want {
		t.Errorf("the task stands at %q, want %q", text, want)
	}
}

func TestATaskGoesItsWay(t *testing.T) {
	o := startOffice(t, withCard())
	o.mustFault(t, "NOT_FOUND", inquiry)
	o.mustFault(t, "NOT_FOUND", stepOf("START"))
	o.ask(t, sent(unit("A", 2), unit("B", 1)))
	o.mustStand(t, "OPEN A 2/0/0 B 1/0/0")
	o.ask(t, stepOf("PICK", picked("A", 1, 0)))
	o.mustStand(t, "PICKING A 2/1/0 B 1/0/0")
	o.ask(t, stepOf("START"))
	o.ask(t, stepOf("PICK", picked("A", 1, 1)))
	o.ask(t, stepOf("DONE"))
	o.mustStand(t, "PICKED A 2/1/1 B 1/1/0")
	o.ask(t, stepOf("DONE"))
	o.ask(t, stepOf("PICK", picked("A", 1, 1)))
	o.mustFault(t, "CONFLICT", stepOf("PICK", picked("A", 2, 0)))
	o.mustFault(t, "BAD_REQUEST", stepOf("PICK", picked("A", 2, 1)))
	o.mustFault(t, "BAD_REQUEST", stepOf("PICK", picked("C", 1, 0)))
	o.mustFault(t, "BAD_REQUEST", handOver(unit("A", 3)))
	o.mustFault(t, "BAD_REQUEST", handOver(unit("C", 1)))
	o.ask(t, handOver(unit("A", 1), unit("B", 1)))
	o.mustStand(t, "HANDED_OVER A 2/1/1 B 1/1/0")
	if got := o.ask(t, `<TaskChanges after="0" max="500"/>`).Changes; len(got.Tasks) != 5 || got.Next != 5 {
		t.Errorf("%d changes up to %d, want one for each of five", len(got.Tasks), got.Next)
	}
}

func TestATaskWithNothingPickedIsRejected(t *testing.T) {
	o := startOffice(t, withCard())
	o.ask(t, sent(unit("A", 2)))
	o.ask(t, stepOf("PICK", picked("A", 0, 2)))
	o.ask(t, stepOf("DONE"))
	o.mustStand(t, "REJECTED A 2/0/2")
	o.mustFault(t, "CONFLICT", handOver(unit("A", 1)))
	if got := o.Totals("S-1"); len(got) != 0 {
		t.Errorf("a refused hand-over booked %v", got)
	}
}

func TestACancelledTaskStaysSo(t *testing.T) {
	o := startOffice(t, withCard())
	const cancel = `<PickupTaskCancel reference="o-1/f1"/>`
	for name, before := range map[string]string{"a task that is there": sent(unit("A", 2)), "a task that comes later": ""} {
		t.Run(name, func(t *testing.T) {
			o := startOffice(t, withCard())
			if before != "" {
				o.ask(t, before)
			}
			first := o.ask(t, cancel).Cancel
			if diff := cmp.Diff(first, o.ask(t, cancel).Cancel); diff != "" || first.Task.Status != "CANCELLED" {
				t.Errorf("%+v, again (-first +second):\n%s", first, diff)
			}
			if got := o.ask(t, sent(unit("A", 2))).Create; got == nil || got.Task.Status != "CANCELLED" {
				t.Errorf("a late task opened: %+v", got)
			}
			o.mustFault(t, "CONFLICT", handOver(unit("A", 1)))
			if got := o.ask(t, `<LaneList/>`).Lanes.Heartbeats[0].PickQueue; got != 0 {
				t.Errorf("%d open tasks", got)
			}
		})
	}
	o.ask(t, sent(unit("A", 2)))
	o.ask(t, handOver(unit("A", 2)))
	if got := o.ask(t, cancel).Cancel; got.Task.Status != "HANDED_OVER" || got.Task.Receipt == "" {
		t.Errorf("cancelled after the hand-over: %+v", got)
	}
}

func TestHeartbeatsCountOpenTasksAndWhatElseIsPicked(t *testing.T) {
	o := startOffice(t, withCard())
	queue := func() int { return o.ask(t, `<LaneList/>`).Lanes.Heartbeats[0].PickQueue }
	if err := o.SetPickQueue("S-1", 3); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		o.ask(t, sent(unit("A", 1)))
	}
	if got := queue(); got != 4 {
		t.Errorf("queue = %d, want 4", got)
	}
	o.ask(t, stepOf("START"))
	if got := queue(); got != 4 {
		t.Errorf("queue = %d while picking, want 4", got)
	}
	for range 2 {
		o.ask(t, stepOf("DONE"))
		o.ask(t, handOver(unit("A", 1)))
	}
	if got := queue(); got != 3 {
		t.Errorf("queue = %d when done, want 3", got)
	}
}

func TestHandOversAndReturnsAreBookedOnce(t *testing.T) {
	o := startOffice(t, withCard())
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			o.ask(t, handOver(unit("A", 2)))
			o.ask(t, `<GoodsReturn reference="o-1/f1" location="S-1" at="2026-11-22T12:00:00Z" currency="CNY" order="P-1"><Line sku="A" quantity="1" refund="9.95"/></GoodsReturn>`)
		})
	}
	wg.Wait()
	log := o.readLog(t, "S-1", 0)
	if len(log.Transactions) != 2 {
		t.Fatalf("the lane has %+v, want one sale and one return", log.Transactions)
	}
	sale := o.ask(t, handOver(unit("A", 2))).HandOver
	if sale == nil || len(sale.Counters) != 1 {
		t.Fatalf("sale = %+v", sale)
	}
	i := slices.IndexFunc(log.Transactions, func(tr transactionReply) bool { return tr.Seq == sale.Seq })
	if tr := log.Transactions[i]; tr.Kind != "SALE" || tr.Lines[0].Net != sale.Counters[0].Net || tr.Lines[0].Quantity != 2 {
		t.Errorf("the lane has %+v, the reply %+v", tr, sale)
	}
	if diff := cmp.Diff(map[string]int64{"A": 1}, o.Totals("S-1")); diff != "" {
		t.Errorf("totals (-want +got):\n%s", diff)
	}
	if got, _ := o.PointsSince(0); len(got) != 0 {
		t.Errorf("what was paid online gave points: %+v", got)
	}
}

func TestASilentPlaceTakesNoWrites(t *testing.T) {
	o := startOffice(t, withCard())
	o.ask(t, sent(unit("A", 1)))
	if err := o.SilenceTill("S-1", true); err != nil {
		t.Fatal(err)
	}
	for _, request := range []string{
		strings.Replace(sent(unit("A", 1)), "o-1/f1", "o-2/f1", 1), stepOf("START"), handOver(unit("A", 1)), `<PickupTaskCancel reference="o-1/f1"/>`,
	} {
		o.mustFault(t, "BUSY", request)
	}
	if err := o.SilenceTill("S-1", false); err != nil {
		t.Fatal(err)
	}
	o.mustStand(t, "OPEN A 1/0/0")
}

func TestStaleHidesWhatHappenedSince(t *testing.T) {
	o := startOffice(t, withCard())
	o.ask(t, sent(unit("A", 1)))
	changes := func() *changesReply { return o.ask(t, `<TaskChanges after="0" max="500"/>`).Changes }
	before := changes()
	o.mustSet(t, faults.State{Stale: true})
	if got := o.ask(t, handOver(unit("A", 1))).HandOver; got == nil {
		t.Fatal("a stale head office does not book")
	}
	o.mustStand(t, "OPEN A 1/0/0")
	if diff := cmp.Diff(before, changes()); diff != "" {
		t.Errorf("changes while stale (-before +after):\n%s", diff)
	}
	const list = `<ReceiptList card="8800000001" limit="9"/>`
	if got := o.ask(t, list).Receipts; len(got.Receipts) != 0 {
		t.Errorf("receipts while stale: %+v", got)
	}
	o.mustSet(t, faults.State{})
	o.mustStand(t, "HANDED_OVER A 1/0/0")
	if got := o.ask(t, list).Receipts; len(got.Receipts) != 1 || len(changes().Tasks) != 2 {
		t.Errorf("after the thaw: %+v", got)
	}
}

func TestTheChangeFeedKeepsTheLastChangeOfEveryTask(t *testing.T) {
	o := startOffice(t, withCard())
	o.ask(t, sent(unit("A", 1)))
	for i := range 600 {
		ref := fmt.Sprintf("x-%d/f1", i%3)
		o.ask(t, strings.Replace(sent(unit("A", 999)), "o-1/f1", ref, 1))
		o.ask(t, strings.Replace(stepOf("PICK", picked("A", 1+i/3%500, 0)), "o-1/f1", ref, 1))
	}
	last, after, reads := map[string]uint64{}, uint64(0), 0
	for {
		got := o.ask(t, fmt.Sprintf(`<TaskChanges after="%d" max="100"/>`, after)).Changes
		for _, task := range got.Tasks {
			if task.Change <= last[task.Reference] || task.Change <= after || task.Change > got.Next {
				t.Fatalf("change %d of %s behind %d, up to %d", task.Change, task.Reference, after, got.Next)
			}
			last[task.Reference] = task.Change
		}
		if reads++; got.Next == after || reads > 100 {
			break
		}
		after = got.Next
	}
	if len(last) != 4 || last["o-1/f1"] != 1 {
		t.Errorf("last changes = %v", last)
	}
	if got := o.ask(t, `<TaskChanges after="999999" max="100"/>`).Changes; got.Next != after || len(got.Tasks) != 0 {
		t.Errorf("beyond the end: %+v", got)
	}
}

func TestDelayedChangesLeaveNoHole(t *testing.T) {
	o := startOffice(t, withCard())
	o.mustSet(t, faults.State{DelayMs: 2000, Duplicate: 1, Reorder: true})
	read := func(after uint64) *changesReply {
		return o.ask(t, fmt.Sprintf(`<TaskChanges after="%d" max="500"/>`, after)).Changes
	}
	o.ask(t, sent(unit("A", 1)))
	o.clock.pass(1500 * time.Millisecond)
	o.ask(t, stepOf("START"))
	if got := read(0); got.Next != 0 || len(got.Tasks) != 0 {
		t.Errorf("before the delay: %+v", got)
	}
	o.clock.pass(500 * time.Millisecond)
	if got := read(0); got.Next != 1 || len(got.Tasks) != 2 {
		t.Errorf("after the first delay: %+v, want the first change twice", got)
	}
	o.clock.pass(2 * time.Second)
	if got := read(1); got.Next != 2 || len(got.Tasks) != 2 {
		t.Errorf("in the end: %+v", got)
	}
}

func (o *office) sellOnCard(t *testing.T, reference, at, kind string, quantity int, total string) {
	t.Helper()
	if total != "" {
		total = ` total="` + total + `"`
	}
	reply := o.ask(t, fmt.Sprintf(`<TransactionUpload><Transaction location="S-1" kind=%q at=%q reference=%q card="8800000001">`+
		`<Line sku="A" quantity="%d"%s/></Transaction></TransactionUpload>`, kind, at, reference, quantity, total))
	if reply.Upload == nil {
		t.Fatalf("not accepted: %+v", reply.Fault)
	}
}

func TestSalesOnACardGiveReceiptsAndPoints(t *testing.T) {
	o := startOffice(t, withCard())
	for range 2 {
		o.sellOnCard(t, "r-1", "2026-11-22T10:00:00Z", "SALE", 2, "")
	}
	o.sellOnCard(t, "r-2", "2026-11-22T11:00:00Z", "SALE", 1, "0.99")
	o.sellOnCard(t, "r-3", "2026-11-22T11:30:00Z", "RETURN", -1, "-19.90")
	o.sell(t, "S-1", "r-4", "A", 1)
	want := []receiptReply{{"S-1-3", "-19.90"}, {"S-1-2", "0.99"}, {"S-1-1", "39.80"}}
	if diff := cmp.Diff(want, o.ask(t, `<ReceiptList card="8800000001" limit="9"/>`).Receipts.Receipts); diff != "" {
		t.Errorf("receipts (-want +got):\n%s", diff)
	}
	told, next := o.PointsSince(0)
	if len(told) != 2 || told[0].Points != 39 || told[0].Reference != "S-1-1:EARN" || told[1].Points != -19 || told[1].Reference != "S-1-3:RETURN" {
		t.Errorf("points = %+v", told)
	}
	if more, same := o.PointsSince(next); len(more) != 0 || same != next {
		t.Errorf("more points: %+v, %d", more, same)
	}
	points := o.ask(t, `<CardPoints card="8800000001" max="1"/>`).Points
	if len(points.Entries) != 1 || points.Entries[0].Reference != "S-1-3:RETURN" {
		t.Errorf("points of the card = %+v", points)
	}
	o.mustFault(t, "BAD_REQUEST", `<TransactionUpload><Transaction location="S-1" kind="SALE" at="2026-11-22T10:00:00Z" reference="r-9" card="8800000001">`+
		`<Line sku="A" quantity="2" total="-1"/></Transaction></TransactionUpload>`)
	o.mustFault(t, "NOT_FOUND", `<ReceiptInquiry number="S-1-4"/>`)
}

func TestPagesOfReceiptsStayWhenNewOnesArrive(t *testing.T) {
	o := startOffice(t, withCard())
	for i := range 10 { // five instants, two receipts each
		o.sellOnCard(t, fmt.Sprint("r-", i), noon.Add(time.Duration(i/2)*time.Minute).Format(time.RFC3339), "SALE", 1, "")
	}
	read := func(limit int) []string {
		var numbers []string
		position := ""
		for page := 0; ; page++ {
			got := o.ask(t, fmt.Sprintf(`<ReceiptList card="8800000001" limit="%d"%s/>`, limit, position)).Receipts
			if len(got.Receipts) == 0 {
				return numbers
			}
			for _, r := range got.Receipts {
				numbers = append(numbers, r.Number)
			}
			o.sellOnCard(t, fmt.Sprint("new-", limit, "-", page), "2026-11-22T13:00:00Z", "SALE", 1, "")
			last := numbers[len(numbers)-1]
			var seq int
			_, _ = fmt.Sscanf(last, "S-1-%d", &seq)
			position = fmt.Sprintf(` beforeAt=%q beforeNumber=%q`, noon.Add(time.Duration((seq-1)/2)*time.Minute).Format(time.RFC3339), last)
		}
	}
	want := []string{"S-1-10", "S-1-9", "S-1-7", "S-1-8", "S-1-5", "S-1-6", "S-1-3", "S-1-4", "S-1-1", "S-1-2"}
	if diff := cmp.Diff(want, read(3)); diff != "" {
		t.Errorf("pages of three (-want +got):\n%s", diff)
	}
}

func TestAPINIsLockedAfterFiveWrongOnes(t *testing.T) {
	o := startOffice(t, withCard())
	check := func(pin string) string { return `<CardPinCheck card="8800000001" pin="` + pin + `"/>` }
	for range 4 {
		if o.ask(t, check("0000")).PIN.Valid {
			t.Fatal("a wrong PIN is valid")
		}
	}
	if !o.ask(t, check("2468")).PIN.Valid {
		t.Fatal("the right PIN is not valid after four wrong ones")
	}
	for range 5 {
		o.ask(t, check("0000"))
	}
	o.mustFault(t, "LOCKED", check("2468"))
	o.clock.pass(15*time.Minute - time.Nanosecond)
	o.mustFault(t, "LOCKED", check("2468"))
	o.clock.pass(time.Nanosecond)
	if !o.ask(t, check("2468")).PIN.Valid {
		t.Error("the card is locked for ever")
	}
	number := o.ask(t, `<CardIssue reference="m-1" name="Ann"/>`).Issued.Cards[0].Number
	for _, card := range []string{number, "nobody"} {
		if got := o.ask(t, `<CardPinCheck card="`+card+`" pin="2468"/>`).PIN; got.Valid {
			t.Errorf("card %s without a PIN has a valid one", card)
		}
	}
}

func TestCardsAreFoundByWhatIsVerified(t *testing.T) {
	data := withCard()
	data.Cards = append(data.Cards, pos.Card{Number: "8800000002", Phone: "+8613800000001", IssuedAt: noon}, pos.Card{Number: "8800000003", UnionID: "u-3", IssuedAt: noon})
	for i := range 20 {
		data.Cards = append(data.Cards, pos.Card{Number: fmt.Sprint("87000000", 10+i), UnionID: "crowd", IssuedAt: noon})
	}
	o := startOffice(t, data)
	find := func(attrs string) (numbers []string) {
		for _, c := range o.ask(t, `<CardSearch `+attrs+`/>`).Found.Cards {
			numbers = append(numbers, c.Number)
		}
		return numbers
	}
	if diff := cmp.Diff([]string{"8800000001", "8800000003"}, find(`phone="+8613800000001" unionId="u-3"`)); diff != "" {
		t.Errorf("cards (-want +got):\n%s", diff)
	}
	if got := find(`unionId="crowd"`); len(got) != 10 {
		t.Errorf("%d cards, want at most 10", len(got))
	}
	o.mustFault(t, "BAD_REQUEST", `<CardSearch/>`)
	first := o.ask(t, `<CardIssue reference="m-1" name="Ann"/>`).Issued
	o.ask(t, `<CardUpdate card="`+first.Cards[0].Number+`" name="Anna"/>`)
	again := o.ask(t, `<CardIssue reference="m-1" name="Bob"/>`).Issued
	if again.Cards[0].Number != first.Cards[0].Number || again.Cards[0].Name != "Anna" {
		t.Errorf("issued twice: %+v, then %+v", first, again)
	}
	o.mustFault(t, "NOT_FOUND", `<CardUpdate card="nobody" name="Anna"/>`)
	o.mustFault(t, "NOT_FOUND", `<CardInquiry card="nobody"/>`)
}

func TestRequestsOfAPurchaseAreBounded(t *testing.T) {
	o := startOffice(t, withCard())
	var many []string
	for i := range 51 {
		many = append(many, unit(fmt.Sprint("s", i), 1))
	}
	task := sent(unit("A", 1))
	for name, request := range map[string]string{
		"51 lines":                  sent(many...),
		"no line":                   sent(),
		"a line of nothing":         sent(unit("A", 0)),
		"a negative line":           sent(unit("A", -1)),
		"a SKU twice":               sent(unit("A", 1), unit("A", 1)),
		"a negative amount":         strings.Replace(task, "19.90", "-1", 1),
		"an amount in three digits": strings.Replace(task, "19.90", "1.999", 1),
		"an endless amount":         strings.Replace(task, "19.90", strings.Repeat("9", 11), 1),
		"another currency":          strings.Replace(task, "CNY", "USD", 1),
		"an unknown place":          strings.Replace(task, `"S-1"`, `"S-9"`, 1),
		"an unknown method":         strings.Replace(task, "PICKUP\"", "PIGEON\"", 1),
		"an endless reference":      strings.Replace(task, "o-1/f1", strings.Repeat("x", 129), 1),
		"no time":                   strings.Replace(task, "2026-11-22T13:00:00Z", "soon", 1),
		"an unknown attribute":      strings.Replace(task, " order=", ` gift="1" order=`, 1),
		"an endless note":           strings.Replace(task, " order=", ` note="`+strings.Repeat("x", 501)+`" order=`, 1),
		"a hand-over at no place":   strings.Replace(handOver(unit("A", 1)), `"S-1"`, `"S-9"`, 1),
		"a step that is none":       stepOf("JUMP"),
		"picking without lines":     stepOf("PICK"),
		"a start with lines":        stepOf("START", picked("A", 1, 0)),
		"fewer than none picked":    stepOf("PICK", picked("A", -1, 0)),
		"501 changes":               `<TaskChanges after="0" max="501"/>`,
		"101 receipts":              `<ReceiptList card="1" limit="101"/>`,
		"a number without instant":  `<ReceiptList card="1" limit="1" beforeNumber="x"/>`,
		"201 points":                `<CardPoints card="1" max="201"/>`,
		"a birthday that is none":   `<CardIssue reference="m" birthday="1990-02-31"/>`,
		"a flag that is none":       `<CardIssue reference="m" phoneVerified="yes"/>`,
		"a card with children":      `<CardInquiry card="1"><x/></CardInquiry>`,
	} {
		t.Run(name, func(t *testing.T) { o.mustFault(t, "BAD_REQUEST", request) })
	}
	o.mustFault(t, "NOT_FOUND", inquiry)
	if len(o.Totals("S-1")) != 0 {
		t.Error("a refused request was booked")
	}
}

func TestALostReplyIsThereWhenAskedAgain(t *testing.T) {
	o := startOffice(t, withCard())
	for _, request := range []string{sent(unit("A", 2)), handOver(unit("A", 2)), `<CardIssue reference="m-1" name="Ann"/>`} {
		o.mustSet(t, faults.State{LoseReplies: 1})
		if _, got, err := o.post(t.Context(), t, wrap(request)); err == nil {
			t.Fatalf("the reply was not lost: %s", got)
		}
		o.mustSet(t, faults.State{})
		_, got, err := o.post(t.Context(), t, wrap(request))
		var reply envelope
		if err != nil || xml.Unmarshal(got, &reply) != nil || reply.Body.Fault != nil {
			t.Errorf("asked again: %v, %s", err, got)
		}
	}
	if diff := cmp.Diff(map[string]int64{"A": 2}, o.Totals("S-1")); diff != "" {
		t.Errorf("totals (-want +got):\n%s", diff)
	}
}
