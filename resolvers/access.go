package resolvers

import (
	"context"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/graph/model"
)

// TokenRevoke takes back tokens. A repetition under its key is answered before it gets here.
func (r *mutationResolver) TokenRevoke(ctx context.Context, input model.TokenRevokeInput, idempotencyKey string) (*model.TokenRevokePayload, error) {
	payload := &model.TokenRevokePayload{}
	by, err := r.Revoker.Revoke(ctx, auth.RevokeRequest{Issuer: input.Issuer, TokenID: input.TokenID, Subject: input.Subject})
	if err == nil {
		payload.EffectiveBy = &by
	}
	payload.UserErrors, err = r.refused(ctx, err)
	return payload, err
}
