package resolvers

import (
	"context"
	"fmt"

	"github.com/portico-retail/portico/graph/model"
)

func (r *mutationResolver) TokenRevoke(ctx context.Context, input model.TokenRevokeInput, idempotencyKey string) (*model.TokenRevokePayload, error) {
	panic(fmt.Errorf("not implemented: TokenRevoke - tokenRevoke"))
}
