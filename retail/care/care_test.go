package care_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/care"
)

// memory is the store and the purchases in memory.
type memory struct {
	mu       sync.Mutex
	list     map[string]*care.Feedback
	orders   map[string]*retail.Order
	receipts map[string]*retail.Receipt
	down     bool
	now      time.Time
}

func clone(f *care.Feedback) *care.Feedback {
	c := *f
	c.Replies = slices.Clone(f.Replies)
	return &c
}

func (m *memory) guard() error {
	if m.down {
		return retail.Errorf(retail.CodeUpstreamUnavailable, "the ledger is not available")
	}
	return nil
}

func (m *memory) AddFeedback(_ context.Context, f *care.Feedback) (*care.Feedback, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if have, ok := m.list[f.ID]; ok || m.down {
		return have, m.guard()
	}
	for _, have := range m.list {
		if f.Kind != care.KindComplaint && have.Owner == f.Owner && have.Kind == f.Kind &&
			have.OrderID == f.OrderID && have.ReceiptNo == f.ReceiptNo && have.SKU == f.SKU {
			return nil, retail.Refuse(retail.WhyLimitReached, "", "there is one already")
		}
	}
	m.list[f.ID] = clone(f)
	return clone(f), nil
}

func (m *memory) Feedback(_ context.Context, id string) (*care.Feedback, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if have, ok := m.list[id]; ok || m.down {
		return clone(cmp.Or(have, &care.Feedback{})), m.guard()
	}
	return nil, retail.Errorf(retail.CodeNotFound, "no such feedback")
}

func (m *memory) UpdateFeedback(_ context.Context, id string, change func(*care.Feedback) error) (*care.Feedback, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	next := clone(m.list[id])
	switch err := change(next); {
	case errors.Is(err, retail.ErrUnchanged):
		return clone(m.list[id]), nil
	case err != nil:
		return nil, err
	}
	m.list[id] = clone(next)
	return next, nil
}

func (m *memory) ListFeedback(_ context.Context, q care.FeedbackQuery) (list []*care.Feedback, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, f := range m.list {
		if (len(q.Kinds) == 0 || slices.Contains(q.Kinds, f.Kind)) && (len(q.Statuses) == 0 || slices.Contains(q.Statuses, f.Status)) &&
			(q.Owner == "" || q.Owner == f.Owner) && (q.LocationCodes == nil || slices.Contains(q.LocationCodes, f.LocationCode)) &&
			(q.SKU == "" || q.SKU == f.SKU) && (q.OrderID == "" || q.OrderID == f.OrderID) &&
			(q.Before == nil || f.CreatedAt.Before(q.Before.At) || f.CreatedAt.Equal(q.Before.At) && f.ID < q.Before.ID) {
			list = append(list, clone(f))
		}
	}
	slices.SortFunc(list, func(a, b *care.Feedback) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(b.ID, a.ID))
	})
	return list[:min(q.Limit, len(list))], m.guard()
}

func (m *memory) Ratings(_ context.Context, skus []string) (map[string]care.Rating, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	sums := map[string]care.Rating{}
	for _, f := range m.list {
		if f.Kind == care.KindReview && f.Status == care.StatusPublished && slices.Contains(skus, f.SKU) {
			sums[f.SKU] = care.Rating{Count: sums[f.SKU].Count + 1, Sum: sums[f.SKU].Sum + f.Score}
		}
	}
	return sums, m.guard()
}

func (m *memory) Order(_ context.Context, id string) (*retail.Order, error) {
	if o, ok := m.orders[id]; ok {
		return o, nil
	}
	return nil, retail.Errorf(retail.CodeNotFound, "no such order")
}

func (m *memory) Receipt(_ context.Context, number string) (*retail.Receipt, error) {
	if r, ok := m.receipts[number]; ok {
		return r, nil
	}
	return nil, retail.Errorf(retail.CodeNotFound, "no such receipt")
}

var (
	anne     = retail.Actor{Role: "member", Subject: "a1", MemberID: "anne"}
	bob      = retail.Actor{Role: "member", Subject: "a2", MemberID: "bob"}
	guest    = retail.Actor{Role: "guest", Subject: "g1"}
	clerk    = retail.Actor{Role: "associate", Subject: "w1", Locations: []string{"S-1"}}
	stranger = retail.Actor{Role: "associate", Subject: "w2", Locations: []string{"S-9"}}
	operator = retail.Actor{Role: "operator", Subject: "op"}
	partner  = retail.Actor{Role: "partner", Subject: "p1"}
	nobody   = retail.Actor{Role: "guest"}
)

func part(id, place string, status retail.FulfillmentStatus, skus ...string) retail.Fulfillment {
	f := retail.Fulfillment{ID: id, LocationCode: place, Status: status}
	for _, sku := range skus {
		f.Lines = append(f.Lines, retail.FulfillmentLine{SKU: sku, Quantity: 1})
	}
	return f
}

func newCare(c care.Config) (*memory, *care.Service) {
	m := &memory{
		list: map[string]*care.Feedback{}, now: time.Date(2026, 11, 22, 9, 0, 0, 123_456_789, time.UTC),
		orders: map[string]*retail.Order{
			"o1": {ID: "o1", Owner: anne.Key(), Status: retail.OrderCompleted, Fulfillments: []retail.Fulfillment{
				part("1", "S-1", retail.FulfillmentCollected, "tea"), part("2", "W-1", retail.FulfillmentRejected, "cup"),
			}},
			"o2": {ID: "o2", Owner: anne.Key(), Status: retail.OrderPreparing, Fulfillments: []retail.Fulfillment{
				part("1", "S-1", retail.FulfillmentPreparing, "tea"), part("2", "S-1", retail.FulfillmentCollected, "pot"),
			}},
			"o3": {ID: "o3", Owner: guest.Key(), Status: retail.OrderCompleted, Fulfillments: []retail.Fulfillment{
				part("1", "W-1", retail.FulfillmentDelivered, "tea"),
			}},
			"o4": {ID: "o4", Owner: anne.Key(), Status: retail.OrderPlacing},
		},
		receipts: map[string]*retail.Receipt{
			"r1": {Number: "r1", LocationCode: "S-2", CardNumber: "k1", Lines: []retail.ReceiptLine{
				{SKU: "tea", Quantity: 2}, {SKU: "cup", Quantity: -1},
			}},
			"r2": {Number: "r2", LocationCode: "S-1", CardNumber: "k1", OrderRef: "o1/1", Lines: []retail.ReceiptLine{{SKU: "tea", Quantity: 1}}},
			"r3": {Number: "r3", LocationCode: "S-1"},
		},
	}
	return m, care.New(c, care.Deps{Store: m, Purchases: m, Now: func() time.Time { return m.now }})
}

func mustSay(t testing.TB) func(f *care.Feedback, err error) *care.Feedback {
	return func(f *care.Feedback, err error) *care.Feedback {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
}

func wantRefusal(t testing.TB, what string, err error, why retail.Why) {
	t.Helper()
	if !retail.Refused(err, why) {
		t.Errorf("%s: got %v, want a refusal %s", what, err, why)
	}
}

func TestOnlyWhatWasBoughtAndHandedOverIsReviewed(t *testing.T) {
	good := care.Request{Key: "k", OrderID: "o1", SKU: "tea", Score: 5, Title: "Good", Text: "Fine\nleaves 🍵"}
	cards := []string{"k1"}
	for name, c := range map[string]struct {
		actor   retail.Actor
		change  func(r *care.Request)
		refused retail.Why
		place   string
	}{
		"collected":                        {anne, func(*care.Request) {}, "", "S-1"},
		"delivered to a guest":             {guest, func(r *care.Request) { r.OrderID = "o3" }, "", "W-1"},
		"collected while more is coming":   {anne, func(r *care.Request) { r.OrderID, r.SKU = "o2", "pot" }, "", "S-1"},
		"bought at a till":                 {anne, func(r *care.Request) { r.OrderID, r.ReceiptNo, r.Cards = "", "r1", cards }, "", "S-2"},
		"not collected yet":                {anne, func(r *care.Request) { r.OrderID = "o2" }, retail.WhyNotAllowed, ""},
		"rejected by the store":            {anne, func(r *care.Request) { r.SKU = "cup" }, retail.WhyNotAllowed, ""},
		"another SKU":                      {anne, func(r *care.Request) { r.SKU = "pan" }, retail.WhyInvalid, ""},
		"no SKU":                           {anne, func(r *care.Request) { r.SKU = "" }, retail.WhyInvalid, ""},
		"somebody else's order":            {bob, func(*care.Request) {}, retail.WhyNotFound, ""},
		"no such order":                    {anne, func(r *care.Request) { r.OrderID = "o9" }, retail.WhyNotFound, ""},
		"an order being placed":            {anne, func(r *care.Request) { r.OrderID = "o4" }, retail.WhyNotFound, ""},
		"a receipt of another card":        {bob, func(r *care.Request) { r.OrderID, r.ReceiptNo, r.Cards = "", "r1", []string{"k2"} }, retail.WhyNotFound, ""},
		"a receipt without a card":         {anne, func(r *care.Request) { r.OrderID, r.ReceiptNo, r.Cards = "", "r3", []string{""} }, retail.WhyNotFound, ""},
		"brought back":                     {anne, func(r *care.Request) { r.OrderID, r.ReceiptNo, r.Cards, r.SKU = "", "r1", cards, "cup" }, retail.WhyInvalid, ""},
		"neither order nor receipt":        {anne, func(r *care.Request) { r.OrderID = "" }, retail.WhyInvalid, ""},
		"both order and receipt":           {anne, func(r *care.Request) { r.ReceiptNo = "r1" }, retail.WhyInvalid, ""},
		"no key":                           {anne, func(r *care.Request) { r.Key = "" }, retail.WhyInvalid, ""},
		"stars without a word":             {anne, func(r *care.Request) { r.Title, r.Text = "", "" }, "", "S-1"},
		"2,000 characters":                 {anne, func(r *care.Request) { r.Text = strings.Repeat("茶", 2000) }, "", "S-1"},
		"2,001 characters":                 {anne, func(r *care.Request) { r.Text = strings.Repeat("茶", 2001) }, retail.WhyInvalid, ""},
		"a bell":                           {anne, func(r *care.Request) { r.Text = "ding\a" }, retail.WhyInvalid, ""},
		"text that runs backwards":         {anne, func(r *care.Request) { r.Text = "good \u202eyrev" }, retail.WhyInvalid, ""},
		"broken text":                      {anne, func(r *care.Request) { r.Title = "\xff" }, retail.WhyInvalid, ""},
		"a huge title":                     {anne, func(r *care.Request) { r.Title = strings.Repeat("x", 101) }, retail.WhyInvalid, ""},
		"no stars":                         {anne, func(r *care.Request) { r.Score = 0 }, retail.WhyInvalid, ""},
		"six stars":                        {anne, func(r *care.Request) { r.Score = 6 }, retail.WhyInvalid, ""},
		"staff":                            {clerk, func(*care.Request) {}, retail.WhyNotAllowed, ""},
		"somebody without a session":       {nobody, func(*care.Request) {}, retail.WhyNotAllowed, ""},
		"the till receipt of a collection": {anne, func(r *care.Request) { r.OrderID, r.ReceiptNo = "", "r2" }, "", "S-1"},
	} {
		t.Run(name, func(t *testing.T) {
			m, s := newCare(care.DefaultConfig())
			r := good
			c.change(&r)
			f, err := s.Review(t.Context(), c.actor, r)
			if c.refused != "" {
				wantRefusal(t, name, err, c.refused)
				if len(m.list) != 0 {
					t.Error("a refused review is stored")
				}
				return
			}
			if err != nil || f.LocationCode != c.place || f.Status != care.StatusPublished {
				t.Errorf("got %+v, %v", f, err)
			}
		})
	}
}

func TestOneReviewOfAPurchase(t *testing.T) {
	_, s := newCare(care.DefaultConfig())
	must := mustSay(t)
	r := care.Request{Key: "k1", OrderID: "o1", SKU: "tea", Score: 5, Text: "Good"}
	first := must(s.Review(t.Context(), anne, r))
	if again := must(s.Review(t.Context(), anne, r)); again.ID != first.ID {
		t.Error("a repetition made another review")
	}
	r.Key = "k2"
	_, err := s.Review(t.Context(), anne, r)
	wantRefusal(t, "a second review", err, retail.WhyLimitReached)
	r.OrderID, r.ReceiptNo = "", "r2"
	_, err = s.Review(t.Context(), anne, r)
	wantRefusal(t, "a second review by the receipt of the same order", err, retail.WhyLimitReached)

	must(s.Review(t.Context(), guest, care.Request{Key: "k", OrderID: "o3", SKU: "tea", Score: 2, Text: "Stale"}))
	ratings, err := s.Ratings(t.Context(), []string{"tea", "pot"})
	if diff := gocmp.Diff(map[string]care.Rating{"tea": {Count: 2, Sum: 7}}, ratings); diff != "" || err != nil {
		t.Errorf("ratings (-want +got), %v:\n%s", err, diff)
	}
}

func TestAnswersToQuestions(t *testing.T) {
	_, s := newCare(care.DefaultConfig())
	must := mustSay(t)
	r := care.Request{Key: "k", OrderID: "o1", Score: 0}
	if f := must(s.Answer(t.Context(), anne, care.KindNPS, r)); f.LocationCode != "" {
		t.Errorf("an order of two places concerns %s", f.LocationCode)
	}
	_, err := s.Answer(t.Context(), anne, care.KindCSAT, r)
	wantRefusal(t, "CSAT 0", err, retail.WhyInvalid)
	r.Score = 5
	must(s.Answer(t.Context(), anne, care.KindCSAT, r))
	r.Key = "again"
	_, err = s.Answer(t.Context(), anne, care.KindCSAT, r)
	wantRefusal(t, "a second answer", err, retail.WhyLimitReached)
	r.Score = 11
	_, err = s.Answer(t.Context(), anne, care.KindNPS, r)
	wantRefusal(t, "NPS 11", err, retail.WhyInvalid)
	_, err = s.Answer(t.Context(), anne, care.KindReview, r)
	wantRefusal(t, "a review is no question", err, retail.WhyInvalid)
}

func TestAComplaintIsAnswered(t *testing.T) {
	m, s := newCare(care.DefaultConfig())
	must, ctx := mustSay(t), t.Context()
	f := must(s.Complain(ctx, anne, care.Request{Key: "k", OrderID: "o2", Text: "The pot leaks"}))
	_, err := s.Reply(ctx, stranger, f.ID, "x", "not ours")
	wantRefusal(t, "staff of another place", err, retail.WhyNotFound)
	_, err = s.Resolve(ctx, clerk, f.ID)
	wantRefusal(t, "closing it unanswered", err, retail.WhyNotAllowed)
	for range 2 {
		if f = must(s.Take(ctx, clerk, f.ID)); f.Status != care.StatusInProgress {
			t.Fatalf("status %s", f.Status)
		}
	}
	for range 2 { // the reply was lost
		f = must(s.Reply(ctx, clerk, f.ID, "k1", "Bring it, please"))
	}
	if f.Status != care.StatusAnswered || len(f.Replies) != 1 || f.Replies[0].Author != "w1" {
		t.Fatalf("after the answer: %+v", f)
	}
	_, err = s.Take(ctx, clerk, f.ID)
	wantRefusal(t, "taking it up again", err, retail.WhyNotAllowed)
	if f = must(s.Reply(ctx, anne, f.ID, "k1", "I did")); f.Status != care.StatusInProgress || len(f.Replies) != 2 {
		t.Fatalf("after the shopper's reply: %+v", f)
	}
	if f.Replies[0].Author != "" || !f.Replies[1].ByShopper {
		t.Errorf("the shopper sees %+v", f.Replies)
	}
	must(s.Reply(ctx, operator, f.ID, "k2", "You get another one"))
	m.now = m.now.Add(time.Hour)
	f = must(s.Resolve(ctx, anne, f.ID))
	m.now = m.now.Add(time.Hour)
	if again := must(s.Resolve(ctx, clerk, f.ID)); f.ResolvedAt == nil || !again.ResolvedAt.Equal(*f.ResolvedAt) {
		t.Errorf("resolved at %v, then %v", f.ResolvedAt, again.ResolvedAt)
	}
	_, err = s.Reply(ctx, anne, f.ID, "k9", "And one thing more")
	wantRefusal(t, "a reply after the end", err, retail.WhyNotAllowed)
	for _, other := range []retail.Actor{bob, guest, partner, nobody, stranger} {
		if _, err := s.Get(ctx, other, f.ID); retail.CodeOf(err) != retail.CodeNotFound {
			t.Errorf("%s %s sees the complaint: %v", other.Role, other.Subject, err)
		}
	}
}

func TestOpenComplaintsHaveALimit(t *testing.T) {
	_, s := newCare(care.DefaultConfig())
	must, ctx := mustSay(t), t.Context()
	var last *care.Feedback
	for i := range care.MaxOpenComplaints {
		last = must(s.Complain(ctx, anne, care.Request{Key: fmt.Sprint(i), OrderID: "o1", Text: "Again"}))
	}
	_, err := s.Complain(ctx, anne, care.Request{Key: "more", OrderID: "o1", Text: "Again"})
	wantRefusal(t, "one too many", err, retail.WhyLimitReached)
	must(s.Complain(ctx, anne, care.Request{Key: "0", OrderID: "o1", Text: "Again"})) // a repetition is none
	must(s.Resolve(ctx, anne, last.ID))
	must(s.Complain(ctx, anne, care.Request{Key: "more", OrderID: "o1", Text: "Again"}))
}

func TestModeration(t *testing.T) {
	_, s := newCare(care.Config{})
	must, ctx := mustSay(t), t.Context()
	f := must(s.Review(ctx, anne, care.Request{Key: "k", OrderID: "o1", SKU: "tea", Score: 1, Text: "Bad"}))
	if _, err := s.Get(ctx, bob, f.ID); retail.CodeOf(err) != retail.CodeNotFound {
		t.Errorf("an unpublished review is seen: %v", err)
	}
	_, err := s.Publish(ctx, anne, f.ID)
	wantRefusal(t, "the author publishes", err, retail.WhyNotAllowed)
	_, err = s.Publish(ctx, stranger, f.ID)
	wantRefusal(t, "staff of another place publishes", err, retail.WhyNotFound)
	must(s.Publish(ctx, clerk, f.ID))
	must(s.Reply(ctx, clerk, f.ID, "k", "We are sorry"))
	seen := must(s.Get(ctx, bob, f.ID))
	if seen.Owner+seen.OrderID != "" || seen.Status != care.StatusPublished || seen.Replies[0].Author != "" {
		t.Errorf("everybody sees %+v", seen)
	}
	_, err = s.Reply(ctx, bob, f.ID, "k", "I think so too")
	wantRefusal(t, "another shopper replies", err, retail.WhyNotAllowed)
	must(s.Hide(ctx, operator, f.ID))
	if page, err := s.Reviews(ctx, bob, "tea", 10, nil); err != nil || len(page.Nodes) != 0 {
		t.Errorf("a hidden review is listed: %+v, %v", page, err)
	}
}

func TestEverybodyListsWhatIsTheirs(t *testing.T) {
	m, s := newCare(care.DefaultConfig())
	must, ctx := mustSay(t), t.Context()
	must(s.Review(ctx, anne, care.Request{Key: "1", OrderID: "o1", SKU: "tea", Score: 5, Text: "x"}))                 // S-1
	must(s.Complain(ctx, guest, care.Request{Key: "2", OrderID: "o3", Text: "x"}))                                    // W-1
	must(s.Answer(ctx, anne, care.KindNPS, care.Request{Key: "3", ReceiptNo: "r1", Cards: []string{"k1"}, Score: 9})) // S-2
	for name, c := range map[string]struct {
		actor retail.Actor
		query care.Query
		want  int
	}{
		"a member":                           {anne, care.Query{}, 2},
		"a member, by kind":                  {anne, care.Query{Kinds: []care.FeedbackKind{care.KindNPS}}, 1},
		"a guest":                            {guest, care.Query{}, 1},
		"another member":                     {bob, care.Query{}, 0},
		"an associate":                       {clerk, care.Query{}, 1},
		"an associate asks for other places": {clerk, care.Query{LocationCodes: []string{"S-2"}}, 0},
		"an associate of no place":           {retail.Actor{Role: "associate", Subject: "w3"}, care.Query{}, 0},
		"an operator":                        {operator, care.Query{}, 3},
		"an operator, by place":              {operator, care.Query{LocationCodes: []string{"S-1", "S-2"}}, 2},
	} {
		page, err := s.List(ctx, c.actor, c.query, 10, nil)
		if err != nil || len(page.Nodes) != c.want {
			t.Errorf("%s: %d, want %d (%v)", name, len(page.Nodes), c.want, err)
		}
	}
	for _, actor := range []retail.Actor{partner, nobody, {}} {
		if _, err := s.List(ctx, actor, care.Query{}, 10, nil); retail.CodeOf(err) != retail.CodeForbidden {
			t.Errorf("%q: %v", actor.Role, err)
		}
	}
	m.down = true
	if _, err := s.List(ctx, anne, care.Query{}, 10, nil); retail.CodeOf(err) != retail.CodeUpstreamUnavailable {
		t.Errorf("while the ledger is down: %v", err)
	}
}

// Whatever the page size and whatever is added meanwhile, every entry that was there is listed once, in order.
func TestPagesMissAndRepeatNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, s := newCare(care.DefaultConfig())
		say := func(i int) {
			m.now = m.now.Add(time.Duration(rapid.IntRange(0, 1).Draw(t, "pause")) * time.Microsecond)
			f := &care.Feedback{ID: fmt.Sprintf("f-%02d:%d", rapid.IntRange(0, 99).Draw(t, "id"), i), Owner: anne.Key(), Kind: care.KindComplaint}
			f.CreatedAt = m.now.Truncate(time.Microsecond)
			m.list[f.ID] = f
		}
		n := rapid.IntRange(0, 30).Draw(t, "entries")
		for i := range n {
			say(i)
		}
		want := map[string]bool{}
		for id := range m.list {
			want[id] = true
		}
		m.now = m.now.Add(time.Second)
		var after *string
		var last *care.Feedback
		for pages := 0; ; pages++ {
			page, err := s.List(context.Background(), anne, care.Query{}, rapid.IntRange(1, 7).Draw(t, "first"), after)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range page.Nodes {
				if !want[f.ID] || last != nil && last.CreatedAt.Before(f.CreatedAt) {
					t.Fatalf("%s is listed twice or out of order", f.ID)
				}
				delete(want, f.ID)
				last = f
			}
			if !page.Info.HasNextPage {
				break
			}
			say(1000 + pages)
			after = page.Info.EndCursor
		}
		if len(want) > 0 {
			t.Fatalf("never listed: %v", want)
		}
	})
}

func TestBadPages(t *testing.T) {
	_, s := newCare(care.DefaultConfig())
	for _, first := range []int{-1, 0, 101} {
		if _, err := s.List(t.Context(), anne, care.Query{}, first, nil); retail.CodeOf(err) != retail.CodeBadInput {
			t.Errorf("first %d: %v", first, err)
		}
	}
	for _, after := range []string{"", "x", "ZjE6", strings.Repeat("A", 300), retail.Cursor(1, 2), "ZjE6emo6\n"} {
		if _, err := s.List(t.Context(), anne, care.Query{}, 10, &after); retail.CodeOf(err) != retail.CodeBadInput {
			t.Errorf("after %.20q: %v", after, err)
		}
	}
}

// However shopper and staff act, a complaint's status only makes the moves that are stated, and what is said stays said.
func TestComplaintsMoveAsStated(t *testing.T) {
	allowed := map[care.FeedbackStatus][]care.FeedbackStatus{
		care.StatusReceived:   {care.StatusInProgress, care.StatusAnswered, care.StatusResolved},
		care.StatusInProgress: {care.StatusAnswered, care.StatusResolved},
		care.StatusAnswered:   {care.StatusInProgress, care.StatusResolved},
	}
	actors := []retail.Actor{anne, bob, clerk, stranger, operator, partner}
	rapid.Check(t, func(t *rapid.T) {
		m, s := newCare(care.DefaultConfig())
		ctx := context.Background()
		f, err := s.Complain(ctx, anne, care.Request{Key: "k", OrderID: "o2", Text: "It leaks"})
		if err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(1, 20).Draw(t, "moves") {
			before := clone(m.list[f.ID])
			actor := rapid.SampledFrom(actors).Draw(t, "actor")
			switch rapid.IntRange(0, 3).Draw(t, "move") {
			case 0:
				_, err = s.Take(ctx, actor, f.ID)
			case 1:
				_, err = s.Reply(ctx, actor, f.ID, rapid.SampledFrom([]string{"1", "2", "3"}).Draw(t, "key"), "text")
			case 2:
				_, err = s.Resolve(ctx, actor, f.ID)
			case 3:
				_, err = s.Publish(ctx, actor, f.ID)
			}
			after := m.list[f.ID]
			changed := gocmp.Diff(before, after) != ""
			switch {
			case changed && err != nil:
				t.Fatalf("a failed move changed something: %v", err)
			case changed && (actor.Subject == bob.Subject || actor.Subject == stranger.Subject || actor.Subject == partner.Subject):
				t.Fatalf("%s %s moved somebody else's complaint", actor.Role, actor.Subject)
			case before.Status != after.Status && !slices.Contains(allowed[before.Status], after.Status):
				t.Fatalf("moved from %s to %s", before.Status, after.Status)
			case !slices.Equal(before.Replies, after.Replies[:len(before.Replies)]):
				t.Fatal("what was said is gone")
			}
		}
	})
}
