package loaders

import (
	"context"

	"github.com/portico-retail/portico/retail/care"
)

// Ratings sums the reviews of SKUs; the care service does.
type Ratings interface {
	Ratings(ctx context.Context, skus []string) (map[string]care.Rating, error)
}

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
