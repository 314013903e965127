package loaders

import (
	"context"

	"github.com/portico-retail/portico/retail/care"
)

// Ratings sums the reviews of SKUs; the care service does.
type Ratings interface {
	Ratings(ctx context.Context, skus []string) (map[string]care.Rating, error)
}

// maxReviews bounds the lists of reviews in one response: each is a question of its own.
const maxReviews = 100

// TakeReviews uses up one list of reviews; CodeLimitExceeded when the response has too many.
func (s *Set) TakeReviews() error { return s.reviews.take(1) }

// ratingBatch bounds the SKUs of one batch.
const ratingBatch = 500

func newRatingLoader(request context.Context, ratings Ratings) *Loader[string, *care.Rating] {
	return newLoader(request, question[struct{}, string, *care.Rating]{
		capacity: ratingBatch,
		args:     func(string) struct{} { return struct{}{} },
		fetch: func(ctx context.Context, _ struct{}, skus []string) (map[string]*care.Rating, error) {
			found, err := ratings.Ratings(ctx, skus)
			byKey := make(map[string]*care.Rating, len(found))
			for sku, r := range found {
				byKey[sku] = &r
			}
			return byKey, err
		},
		missing: func(string) (*care.Rating, error) { return &care.Rating{}, nil }, // nobody has said anything yet
	})
}
