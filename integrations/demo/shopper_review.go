package demo

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// How an operator looks at orders that are unlike others.
const (
	lookEvery    = 5 // steps
	lookFor      = 10 * time.Second
	cancelsEvery = 6 // orders
)

const (
	askReviews = `query { ordersInReview(first: 20) { id review { since flags } } }`

	reviewDecide = `mutation($id: ID!, $decision: ReviewDecision!, $key: String!) {
		orderReviewDecide(input: {orderId: $id, decision: $decision}, idempotencyKey: $key)` + orderReply
)

// review lets an operator decide about the orders that have waited for a while: most go on, some are cancelled.
func (s *Shoppers) review(ctx context.Context) error {
	stats := s.Stats()
	if s.options.Operator == nil || stats.Steps%lookEvery != 0 {
		return nil
	}
	desk := &visit{
		shoppers: s, rng: rand.New(rand.NewPCG(s.options.Seed, uint64(stats.Steps))), channel: "WEB", token: s.options.Operator(),
	}
	var waiting []struct {
		ID     string
		Review struct{ Since time.Time }
	}
	if err := desk.read(ctx, askReviews, nil, &waiting); err != nil {
		return err
	}
	var errs []error
	for _, o := range waiting {
		if s.options.Now().Sub(o.Review.Since) < lookFor {
			continue
		}
		decision := "RELEASE"
		if (s.Stats().Decided+1)%cancelsEvery == 0 {
			decision = "CANCEL"
		}
		_, refused, err := desk.change(ctx, desk.token, "decide "+o.ID, reviewDecide, map[string]any{"id": o.ID, "decision": decision})
		if err == nil && refused == "" {
			s.count(func(st *ShopperStats) { st.Decided++ })
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
