package resolvers

import (
	"context"
	"fmt"

	"github.com/portico-retail/portico/graph/model"
	"github.com/portico-retail/portico/retail"
)

func (r *mutationResolver) ConsentGive(ctx context.Context, input model.ConsentGiveInput, idempotencyKey string) (*model.ConsentPayload, error) {
	panic(fmt.Errorf("not implemented: ConsentGive - consentGive"))
}

func (r *mutationResolver) ConsentWithdraw(ctx context.Context, input model.ConsentWithdrawInput, idempotencyKey string) (*model.ConsentPayload, error) {
	panic(fmt.Errorf("not implemented: ConsentWithdraw - consentWithdraw"))
}

func (r *mutationResolver) DataExportRequest(ctx context.Context, input model.DataExportRequestInput, idempotencyKey string) (*model.DataRequestPayload, error) {
	panic(fmt.Errorf("not implemented: DataExportRequest - dataExportRequest"))
}

func (r *mutationResolver) DataCorrectionRequest(ctx context.Context, input model.DataCorrectionRequestInput, idempotencyKey string) (*model.DataRequestPayload, error) {
	panic(fmt.Errorf("not implemented: DataCorrectionRequest - dataCorrectionRequest"))
}

func (r *mutationResolver) DataErasureRequest(ctx context.Context, input model.DataErasureRequestInput, idempotencyKey string) (*model.DataRequestPayload, error) {
	panic(fmt.Errorf("not implemented: DataErasureRequest - dataErasureRequest"))
}

func (r *mutationResolver) DataRequestCancel(ctx context.Context, input model.DataRequestCancelInput, idempotencyKey string) (*model.DataRequestPayload, error) {
	panic(fmt.Errorf("not implemented: DataRequestCancel - dataRequestCancel"))
}

func (r *queryResolver) Consents(ctx context.Context) ([]*retail.Consent, error) {
	panic(fmt.Errorf("not implemented: Consents - consents"))
}

func (r *queryResolver) DataRequests(ctx context.Context) ([]*retail.DataRequest, error) {
	panic(fmt.Errorf("not implemented: DataRequests - dataRequests"))
}
