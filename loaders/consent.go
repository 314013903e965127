package loaders

import (
	"context"

	"github.com/portico-retail/portico/retail"
)

// Consents tells what people consent to; the privacy service does.
type Consents interface {
	Live(ctx context.Context, subjects []string) (map[string][]retail.Purpose, error)
}

// consentBatch bounds the people of one batch.
const consentBatch = 500

func newConsentLoader(request context.Context, consents Consents) *Loader[string, []retail.Purpose] {
	return newLoader(request, question[struct{}, string, []retail.Purpose]{
		capacity: consentBatch,
		args:     func(string) struct{} { return struct{}{} },
		fetch: func(ctx context.Context, _ struct{}, subjects []string) (map[string][]retail.Purpose, error) {
			return consents.Live(ctx, subjects)
		},
		missing: func(string) ([]retail.Purpose, error) { return nil, nil }, // to nothing
	})
}
