package resolvers

import (
	"context"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/graph/generated"
	"github.com/portico-retail/portico/graph/model"
)

func (r *mutationResolver) GuestSessionCreate(ctx context.Context) (*model.GuestSessionPayload, error) {
	session, err := r.Sessions.Open(ctx, auth.PrincipalOf(ctx))
	refusals, err := r.refused(ctx, err)
	return &model.GuestSessionPayload{Session: session, UserErrors: refusals}, err
}

func (r *queryResolver) Node(ctx context.Context, id string) (model.Node, error) {
	return r.node(ctx, id)
}

func (r *queryResolver) Nodes(ctx context.Context, ids []string) ([]model.Node, error) {
	return r.nodes(ctx, ids)
}

func (r *Resolver) Mutation() generated.MutationResolver { return &mutationResolver{r} }

func (r *Resolver) Query() generated.QueryResolver { return &queryResolver{r} }

type (
	mutationResolver struct{ *Resolver }
	queryResolver    struct{ *Resolver }
)
