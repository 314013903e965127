package resolvers

import (
	"context"

	"github.com/portico-retail/portico/graph/model"
	"github.com/portico-retail/portico/retail"
)

// dataChange asks for something about the caller's own data and makes the payload.
func (r *Resolver) dataChange(
	ctx context.Context, ask func(actor retail.Actor) (*retail.DataRequest, error),
) (*model.DataRequestPayload, error) {
	payload := &model.DataRequestPayload{}
	actor, err := r.actor(ctx)
	if err == nil {
		payload.Request, err = ask(actor)
	}
	payload.UserErrors, err = r.refused(ctx, err)
	return payload, err
}
