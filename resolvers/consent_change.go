package resolvers

import (
	"context"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/graph/model"
	"github.com/portico-retail/portico/retail"
)

// consentChange runs a change of a consent and makes its payload.
func (r *Resolver) consentChange(
	ctx context.Context, change func(actor retail.Actor) (*retail.Consent, error),
) (*model.ConsentPayload, error) {
	payload := &model.ConsentPayload{}
	actor, err := r.actor(ctx)
	if err == nil {
		payload.Consent, err = change(actor)
	}
	payload.UserErrors, err = r.refused(ctx, err)
	return payload, err
}

// Self is whose personal data the caller reads as it is, as Actor.Key; empty for nobody's.
func (r *Resolver) Self(ctx context.Context) (string, error) {
	if !auth.PrincipalOf(ctx).Known() {
		return "", nil
	}
	actor, err := r.actor(ctx)
	return actor.Key(), err
}
