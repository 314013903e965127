package main

import (
	"context"
	"slices"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/graph"
	"github.com/portico-retail/portico/loaders"
	"github.com/portico-retail/portico/resolvers"
	"github.com/portico-retail/portico/retail"
)

// personalOf says who reads personal data, and where that is recorded. Consents are asked for once a response.
func personalOf(r *resolvers.Resolver, audit graph.Audit) *graph.Personal {
	return &graph.Personal{
		Audit: audit,
		Rules: auth.PersonalRules{
			Self: r.Self,
			Consented: func(ctx context.Context, subject string, purpose retail.Purpose) (bool, error) {
				purposes, err := loaders.Of(ctx).Consent.Load(ctx, subject)
				return slices.Contains(purposes, purpose), err
			},
		},
	}
}
