package ledger_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/care"
)

func TestAnAuthorSaysOneThingOfAKindAboutAPurchase(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, ctx := r.open(t), t.Context()
		review := care.Feedback{ID: "f1", Kind: care.KindReview, Owner: "guest:a", SKU: "A", OrderID: "o1", Score: 4, CreatedAt: noon, Status: care.StatusReceived}
		if diff := cmp.Diff(&review, must(l.AddFeedback(ctx, &review))(t)); diff != "" {
			t.Error(diff)
		}
		again := review
		again.Score = 1
		if got := must(l.AddFeedback(ctx, &again))(t); got.Score != 4 {
			t.Errorf("a repetition changed the score to %d", got.Score)
		}
		for i, err := range parallel(8, func(i int) error {
			f := review
			f.ID, f.Score = fmt.Sprint("g", i), 1
			_, err := l.AddFeedback(ctx, &f)
			return err
		}) {
			if err == nil {
				t.Errorf("review %d was taken", i)
				continue
			}
			wantRefusal(t, err, retail.WhyLimitReached)
		}
		for _, c := range []struct{ order, receipt, sku string }{{"o2", "", "A"}, {"o1", "", "B"}, {"", "o1", "A"}} {
			f := review
			f.ID, f.OrderID, f.ReceiptNo, f.SKU = "r-"+c.order+c.receipt+c.sku, c.order, c.receipt, c.sku
			must(l.AddFeedback(ctx, &f))(t)
		}
		for i := range 3 {
			must(l.AddFeedback(ctx, &care.Feedback{ID: fmt.Sprint("c", i), Kind: care.KindComplaint, Owner: "guest:a", OrderID: "o1", CreatedAt: noon}))(t)
		}
		taken := 0
		for _, err := range parallel(8, func(i int) error {
			_, err := l.AddFeedback(ctx, &care.Feedback{ID: fmt.Sprint("n", i), Kind: care.KindNPS, Owner: "guest:a", OrderID: "o1", CreatedAt: noon})
			return err
		}) {
			if err == nil {
				taken++
			}
		}
		if taken != 1 {
			t.Errorf("%d scores of one order by one author", taken)
		}
		must(l.AddFeedback(ctx, &care.Feedback{ID: "n-b", Kind: care.KindNPS, Owner: "guest:b", OrderID: "o1", CreatedAt: noon}))(t)
		must(l.AddFeedback(ctx, &care.Feedback{ID: "n-r", Kind: care.KindNPS, Owner: "guest:a", ReceiptNo: "o1", CreatedAt: noon}))(t)
	})
}

func TestNoReplyIsLost(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, ctx := r.open(t), t.Context()
		must(l.AddFeedback(ctx, &care.Feedback{ID: "f1", Kind: care.KindComplaint, Owner: "guest:a", OrderID: "o1", CreatedAt: noon}))(t)
		for _, err := range parallel(16, func(i int) error {
			_, err := l.UpdateFeedback(ctx, "f1", func(f *care.Feedback) error {
				f.Replies = append(f.Replies, care.Reply{At: noon, Author: fmt.Sprint(i), Text: "we are sorry"})
				f.Status, f.Owner = care.StatusAnswered, "somebody else"
				return nil
			})
			return err
		}) {
			mustDo(t, err)
		}
		f := must(l.Feedback(ctx, "f1"))(t)
		if len(f.Replies) != 16 || f.Owner != "guest:a" || f.Status != care.StatusAnswered {
			t.Errorf("got %+v", f)
		}
		f = must(l.UpdateFeedback(ctx, "f1", func(f *care.Feedback) error { f.Replies = nil; return retail.ErrUnchanged }))(t)
		if len(f.Replies) != 16 {
			t.Errorf("got %+v", f)
		}
		_, err := l.UpdateFeedback(ctx, "f2", func(*care.Feedback) error { return nil })
		wantCode(t, err, retail.CodeNotFound, false)
	})
}

func TestFeedbackIsListedAndRated(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, ctx := r.open(t), t.Context()
		for i := range 12 {
			f := &care.Feedback{
				ID: fmt.Sprintf("f%02d", i), Kind: care.KindReview, Owner: fmt.Sprint("guest:", i), SKU: []string{"A", "B"}[i%2], Score: i%5 + 1,
				LocationCode: fmt.Sprint("S00", i%3), OrderID: fmt.Sprint("o", i), Status: care.StatusPublished, CreatedAt: noon.Add(time.Duration(i/3) * time.Minute),
			}
			if i == 5 {
				f.Status = care.StatusReceived
			}
			must(l.AddFeedback(ctx, f))(t)
		}
		list := func(q care.FeedbackQuery) string {
			var ids []string
			q.Limit = 3
			for {
				page := must(l.ListFeedback(ctx, q))(t)
				for _, f := range page {
					ids = append(ids, f.ID)
				}
				if len(page) < q.Limit {
					return strings.Join(ids, " ")
				}
				last := page[len(page)-1]
				q.Before = &care.FeedbackKey{At: last.CreatedAt, ID: last.ID}
			}
		}
		for name, c := range map[string]struct {
			q    care.FeedbackQuery
			want string
		}{
			"all":                     {care.FeedbackQuery{}, "f11 f10 f09 f08 f07 f06 f05 f04 f03 f02 f01 f00"},
			"of a product, published": {care.FeedbackQuery{SKU: "B", Statuses: []care.FeedbackStatus{care.StatusPublished}}, "f11 f09 f07 f03 f01"},
			"of two places":           {care.FeedbackQuery{LocationCodes: []string{"S000", "S002"}, SKU: "A"}, "f08 f06 f02 f00"},
			"of no place":             {care.FeedbackQuery{LocationCodes: []string{}}, ""},
			"of an owner":             {care.FeedbackQuery{Owner: "guest:4", Kinds: []care.FeedbackKind{care.KindReview, care.KindNPS}}, "f04"},
			"of an order":             {care.FeedbackQuery{OrderID: "o7"}, "f07"},
			"of another kind":         {care.FeedbackQuery{Kinds: []care.FeedbackKind{care.KindNPS}}, ""},
		} {
			if got := list(c.q); got != c.want {
				t.Errorf("%s: got %s, want %s", name, got, c.want)
			}
		}
		// B is reviewed by 1, 3, 7, 9 and 11 with 2, 4, 3, 5 and 2; 5 is not published.
		want := map[string]care.Rating{"B": {Count: 5, Sum: 16}}
		if diff := cmp.Diff(want, must(l.Ratings(ctx, []string{"B", "C", ""}))(t)); diff != "" {
			t.Error(diff)
		}
	})
}
