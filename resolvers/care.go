package resolvers

import (
	"context"

	"github.com/portico-retail/portico/graph/generated"
	"github.com/portico-retail/portico/graph/model"
	"github.com/portico-retail/portico/loaders"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/care"
)

func (r *feedbackResolver) Location(ctx context.Context, obj *care.Feedback) (*retail.Location, error) {
	return r.place(ctx, obj.LocationCode), nil
}

func (r *mutationResolver) ReviewCreate(ctx context.Context, input model.ReviewCreateInput, idempotencyKey string) (*model.FeedbackPayload, error) {
	return r.say(ctx, input.Subject, func(actor retail.Actor, q care.Request) (*care.Feedback, error) {
		q.Key, q.SKU, q.Score, q.Title, q.Text = idempotencyKey, retail.NormalizeSKU(input.SKU), input.Score, input.Title, input.Text
		return r.Care.Review(ctx, actor, q)
	})
}

func (r *mutationResolver) SurveyAnswer(ctx context.Context, input model.SurveyAnswerInput, idempotencyKey string) (*model.FeedbackPayload, error) {
	return r.say(ctx, input.Subject, func(actor retail.Actor, q care.Request) (*care.Feedback, error) {
		q.Key, q.Score, q.Text = idempotencyKey, input.Score, input.Text
		return r.Care.Answer(ctx, actor, input.Kind, q)
	})
}

func (r *mutationResolver) ComplaintCreate(ctx context.Context, input model.ComplaintCreateInput, idempotencyKey string) (*model.FeedbackPayload, error) {
	return r.say(ctx, input.Subject, func(actor retail.Actor, q care.Request) (*care.Feedback, error) {
		q.Key, q.Title, q.Text = idempotencyKey, input.Title, input.Text
		return r.Care.Complain(ctx, actor, q)
	})
}

func (r *mutationResolver) FeedbackReply(ctx context.Context, input model.FeedbackReplyInput, idempotencyKey string) (*model.FeedbackPayload, error) {
	return r.feedbackChange(ctx, input.FeedbackID, func(actor retail.Actor, id string) (*care.Feedback, error) {
		return r.Care.Reply(ctx, actor, id, idempotencyKey, input.Text)
	})
}

func (r *mutationResolver) FeedbackTake(ctx context.Context, input model.FeedbackTakeInput, idempotencyKey string) (*model.FeedbackPayload, error) {
	return r.feedbackChange(ctx, input.FeedbackID, func(actor retail.Actor, id string) (*care.Feedback, error) { return r.Care.Take(ctx, actor, id) })
}

func (r *mutationResolver) ReviewModerate(ctx context.Context, input model.ReviewModerateInput, idempotencyKey string) (*model.FeedbackPayload, error) {
	return r.feedbackChange(ctx, input.FeedbackID, func(actor retail.Actor, id string) (*care.Feedback, error) {
		if input.Publish {
			return r.Care.Publish(ctx, actor, id)
		}
		return r.Care.Hide(ctx, actor, id)
	})
}

func (r *mutationResolver) FeedbackResolve(ctx context.Context, input model.FeedbackResolveInput, idempotencyKey string) (*model.FeedbackPayload, error) {
	return r.feedbackChange(ctx, input.FeedbackID, func(actor retail.Actor, id string) (*care.Feedback, error) { return r.Care.Resolve(ctx, actor, id) })
}

func (r *productVariantResolver) Rating(ctx context.Context, obj *retail.Variant) (*care.Rating, error) {
	return loaders.Of(ctx).Rating.Load(ctx, obj.SKU)
}

func (r *productVariantResolver) Reviews(ctx context.Context, obj *retail.Variant, first *int, after *string) (*model.FeedbackConnection, error) {
	return r.reviews(ctx, obj.SKU, valueOr(first, 10), after)
}

func (r *queryResolver) Feedback(ctx context.Context, filter *model.FeedbackFilter, first *int, after *string) (*model.FeedbackConnection, error) {
	return r.feedbackList(ctx, valueOr(filter, model.FeedbackFilter{}), valueOr(first, 20), after)
}

func (r *Resolver) Feedback() generated.FeedbackResolver { return &feedbackResolver{r} }

type feedbackResolver struct{ *Resolver }
