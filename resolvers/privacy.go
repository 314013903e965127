package resolvers

import (
	"context"

	"github.com/portico-retail/portico/graph/model"
	"github.com/portico-retail/portico/retail"
)

func (r *mutationResolver) ConsentGive(ctx context.Context, input model.ConsentGiveInput, idempotencyKey string) (*model.ConsentPayload, error) {
	return r.consentChange(ctx, func(actor retail.Actor) (*retail.Consent, error) {
		return r.Resolver.Consents.Give(ctx, actor, input.Purpose, input.Version)
	})
}

func (r *mutationResolver) ConsentWithdraw(ctx context.Context, input model.ConsentWithdrawInput, idempotencyKey string) (*model.ConsentPayload, error) {
	return r.consentChange(ctx, func(actor retail.Actor) (*retail.Consent, error) {
		return r.Resolver.Consents.Withdraw(ctx, actor, input.Purpose)
	})
}

func (r *mutationResolver) DataExportRequest(ctx context.Context, input model.DataExportRequestInput, idempotencyKey string) (*model.DataRequestPayload, error) {
	return r.dataChange(ctx, func(actor retail.Actor) (*retail.DataRequest, error) {
		return r.Requests.Export(ctx, actor, idempotencyKey, valueOr(input.Language, retail.ContextOf(ctx).Language))
	})
}

func (r *mutationResolver) DataCorrectionRequest(ctx context.Context, input model.DataCorrectionRequestInput, idempotencyKey string) (*model.DataRequestPayload, error) {
	return r.dataChange(ctx, func(actor retail.Actor) (*retail.DataRequest, error) {
		return r.Requests.Correct(ctx, actor, idempotencyKey, retail.ProfileCorrection{Name: input.Name, Email: input.Email, Birthday: input.Birthday})
	})
}

func (r *mutationResolver) DataErasureRequest(ctx context.Context, input model.DataErasureRequestInput, idempotencyKey string) (*model.DataRequestPayload, error) {
	return r.dataChange(ctx, func(actor retail.Actor) (*retail.DataRequest, error) {
		return r.Requests.Erase(ctx, actor, idempotencyKey, input.Confirm)
	})
}

func (r *mutationResolver) DataRequestCancel(ctx context.Context, input model.DataRequestCancelInput, idempotencyKey string) (*model.DataRequestPayload, error) {
	return r.dataChange(ctx, func(actor retail.Actor) (*retail.DataRequest, error) {
		id, err := keyOf(retail.KindData, input.RequestID, "requestId")
		if err != nil {
			return nil, err
		}
		return r.Requests.Cancel(ctx, actor, id)
	})
}

func (r *queryResolver) Consents(ctx context.Context) ([]*retail.Consent, error) {
	actor, err := r.actor(ctx)
	if err != nil {
		return nil, err
	}
	list, err := r.Resolver.Consents.List(ctx, actor)
	return pointers(list), err
}

func (r *queryResolver) DataRequests(ctx context.Context) ([]*retail.DataRequest, error) {
	actor, err := r.actor(ctx)
	if err != nil {
		return nil, err
	}
	return r.Requests.List(ctx, actor)
}
