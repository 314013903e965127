package resolvers

import (
	"context"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/graph/model"
	"github.com/portico-retail/portico/loaders"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/care"
)

// feedbackChange runs a change of feedback, named by a global id or not at all, and makes its payload.
func (r *Resolver) feedbackChange(
	ctx context.Context, id string, change func(actor retail.Actor, id string) (*care.Feedback, error),
) (*model.FeedbackPayload, error) {
	payload := &model.FeedbackPayload{}
	actor, err := r.actor(ctx)
	switch {
	case err != nil:
	case lacks(ctx, auth.ScopeCareAnswer):
		err = retail.Refuse(retail.WhyNotAllowed, "", "this needs the scope CARE_ANSWER")
	case id != "":
		id, err = keyOf(retail.KindFeedback, id, "feedbackId")
	}
	if err == nil {
		payload.Feedback, err = change(actor, id)
		if _, no := retail.RefusalsOf(err); no && id != "" {
			payload.Feedback, _ = r.Care.Get(ctx, actor, id) // as well as can be: the refusal is the answer
		}
	}
	payload.UserErrors, err = r.refused(ctx, err)
	return payload, err
}

// say takes feedback about an order or a visit, which the author's cards prove.
func (r *Resolver) say(
	ctx context.Context, subject model.FeedbackSubjectInput, say func(actor retail.Actor, q care.Request) (*care.Feedback, error),
) (*model.FeedbackPayload, error) {
	return r.feedbackChange(ctx, "", func(actor retail.Actor, _ string) (*care.Feedback, error) {
		q := care.Request{ReceiptNo: valueOr(subject.ReceiptNumber, "")}
		var err error
		if subject.OrderID != nil {
			if q.OrderID, err = keyOf(retail.KindOrder, *subject.OrderID, "subject.orderId"); err != nil {
				return nil, err
			}
		}
		if actor.MemberID != "" && q.ReceiptNo != "" {
			if q.Cards, err = r.cards(ctx, actor.MemberID); err != nil {
				return nil, err
			}
		}
		return say(actor, q)
	})
}

// cards are the numbers of a member's loyalty cards.
func (r *Resolver) cards(ctx context.Context, memberID string) ([]string, error) {
	m, err := r.Members.Member(ctx, memberID)
	if err != nil {
		return nil, err
	}
	var numbers []string
	for _, id := range m.Identities {
		if id.System == retail.SourcePOS {
			numbers = append(numbers, id.Key)
		}
	}
	return numbers, nil
}

// maxFeedback bounds a page of feedback.
const maxFeedback = 50

// feedbackList lists the feedback that the caller may see.
func (r *Resolver) feedbackList(
	ctx context.Context, filter model.FeedbackFilter, first int, after *string,
) (*model.FeedbackConnection, error) {
	if err := retail.CheckFirst(first, maxFeedback); err != nil {
		return nil, err
	}
	actor, err := r.actor(ctx)
	if err != nil {
		return nil, err
	}
	q := care.Query{Kinds: filter.Kinds, Statuses: filter.Statuses}
	if filter.LocationID != nil {
		q.LocationCodes = []string{r.codeOf(*filter.LocationID)}
	}
	page, err := r.Care.List(ctx, actor, q, first, after)
	return feedbackPage(page), err
}

// reviews lists what everybody may read; who asks matters only for what is their own, so that nobody has to be known.
func (r *Resolver) reviews(ctx context.Context, sku string, first int, after *string) (*model.FeedbackConnection, error) {
	if err := retail.CheckFirst(first, maxFeedback); err != nil {
		return nil, err
	}
	if err := loaders.Of(ctx).TakeReviews(); err != nil {
		return nil, err
	}
	actor, err := r.actor(ctx)
	if err != nil || lacks(ctx, auth.ScopeCareAnswer) {
		actor = retail.Actor{}
	}
	page, err := r.Care.Reviews(ctx, actor, sku, first, after)
	return feedbackPage(page), err
}

func feedbackPage(page *care.Page) *model.FeedbackConnection {
	if page == nil {
		return nil
	}
	c := &model.FeedbackConnection{
		Nodes: page.Nodes, Edges: make([]*model.FeedbackEdge, len(page.Nodes)), PageInfo: page.Info,
		TotalCount: known(len(page.Nodes), page.Info),
	}
	for i, f := range page.Nodes {
		c.Edges[i] = &model.FeedbackEdge{Cursor: page.Cursors[i], Node: *f}
	}
	return c
}

// known is how many entries of a list are known to be there: those of the page, at least, when others precede or follow it.
func known(n int, page retail.PageInfo) retail.Count {
	if page.HasNextPage || page.HasPreviousPage {
		return retail.Count{Value: n, Precision: retail.AtLeast}
	}
	return retail.Count{Value: n, Precision: retail.Exact}
}
