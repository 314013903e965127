package care

import (
	"context"

	"github.com/portico-retail/portico/retail"
)

// Request is what a shopper says about a purchase: an order or a receipt, one of them.
type Request struct {
	Key       string // idempotency key
	OrderID   string
	ReceiptNo string
	// Cards are the numbers of the author's loyalty cards, which prove receipts.
	Cards []string
	SKU   string // of a review
	Score int    // of a review 1 to 5, CSAT 1 to 5, NPS 0 to 10
	Title string // of a review or complaint, 100 characters at most
	Text  string // 2,000 characters at most; a complaint needs one
}

// Review publishes what the author thinks of something that they bought and got. There is one for a SKU of a purchase
// (WhyLimitReached). It refuses with WhyNotFound a purchase that is not the author's, with WhyInvalid a SKU that is not part of
// it, and with WhyNotAllowed what has not been collected or delivered yet.
func (s *Service) Review(ctx context.Context, actor retail.Actor, r Request) (*Feedback, error) {
	if err := checkScore(r.Score, 1, 5); err != nil {
		return nil, err
	}
	if err := checkText(r.Title, "title", 0, MaxTitle); err != nil {
		return nil, err
	}
	if r.SKU == "" || len(r.SKU) > 100 {
		return nil, retail.Refuse(retail.WhyInvalid, "sku", "a review is about a SKU")
	}
	f := &Feedback{Kind: KindReview, SKU: r.SKU, Score: r.Score, Title: r.Title, Status: StatusReceived}
	if s.config.PublishReviews {
		f.Status = StatusPublished
	}
	return s.say(ctx, actor, r, f, 0)
}

// Answer records the answer to "how was it": NPS 0 to 10 or CSAT 1 to 5, one of each for a purchase (WhyLimitReached).
func (s *Service) Answer(ctx context.Context, actor retail.Actor, kind FeedbackKind, r Request) (*Feedback, error) {
	least, most := 1, 5
	switch kind {
	case KindNPS:
		least, most = 0, 10
	case KindCSAT:
	default:
		return nil, retail.Refuse(retail.WhyInvalid, "kind", "the question is NPS or CSAT")
	}
	if err := checkScore(r.Score, least, most); err != nil {
		return nil, err
	}
	return s.say(ctx, actor, r, &Feedback{Kind: kind, Score: r.Score, Status: StatusReceived}, 0)
}

// Complain opens a complaint, which staff of the place takes up (Take), answers (Reply) and closes (Resolve). An author has 20
// open ones at most (WhyLimitReached).
func (s *Service) Complain(ctx context.Context, actor retail.Actor, r Request) (*Feedback, error) {
	if err := checkText(r.Title, "title", 0, MaxTitle); err != nil {
		return nil, err
	}
	return s.say(ctx, actor, r, &Feedback{Kind: KindComplaint, Title: r.Title, Status: StatusReceived}, 1)
}

func (s *Service) say(ctx context.Context, actor retail.Actor, r Request, f *Feedback, leastText int) (*Feedback, error) {
	if !shopper(actor) {
		return nil, retail.Refuse(retail.WhyNotAllowed, "", "only shoppers give feedback")
	}
	if err := checkKey(r.Key); err != nil {
		return nil, err
	}
	if err := checkText(r.Text, "text", leastText, MaxText); err != nil {
		return nil, err
	}
	f.ID = derive("f", string(f.Kind), actor.Key(), r.Key)
	f.Owner, f.Text, f.CreatedAt = actor.Key(), r.Text, s.now()
	if err := s.about(ctx, actor, r, f); err != nil {
		return nil, err
	}
	if f.Kind == KindComplaint {
		if err := s.mayComplain(ctx, f); err != nil {
			return nil, err
		}
	}
	stored, err := s.deps.Store.AddFeedback(ctx, f)
	if err != nil {
		return nil, err
	}
	return shown(actor, stored), nil
}

func (s *Service) mayComplain(ctx context.Context, f *Feedback) error {
	switch _, err := s.deps.Store.Feedback(ctx, f.ID); {
	case err == nil:
		return nil // a repetition
	case !isNotFound(err):
		return err
	}
	open, err := s.deps.Store.ListFeedback(ctx, FeedbackQuery{
		Kinds: []FeedbackKind{KindComplaint}, Statuses: []FeedbackStatus{StatusReceived, StatusInProgress, StatusAnswered},
		Owner: f.Owner, Limit: MaxOpenComplaints,
	})
	if err != nil {
		return err
	}
	if len(open) >= MaxOpenComplaints {
		limit := MaxOpenComplaints
		r := retail.Refuse(retail.WhyLimitReached, "", "too many complaints are open")
		r.Limit = &limit
		return r
	}
	return nil
}
