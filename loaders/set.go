package loaders

import (
	"context"
	"sync"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/care"
	"github.com/portico-retail/portico/retail/stock"
)

// Services are what the loaders ask.
type Services struct {
	Prices  Prices
	Stock   Stock
	Ratings Ratings
	// Consents may be nil where nobody reads other people's data.
	Consents Consents
}

// Set is the loaders of one response. They are made when the first is asked for: most responses need none.
type Set struct {
	request  context.Context //nolint:containedctx // the response that the loaders live as long as
	services Services
	make     sync.Once

	// Price loads what a SKU costs in a channel; nil when nobody knows.
	Price *Loader[PriceKey, *retail.Price]
	// Availability loads where a SKU can be had.
	Availability *Loader[AvailabilityKey, []*stock.Availability]
	// Rating loads what reviews say of a SKU.
	Rating *Loader[string, *care.Rating]
	// Consent loads what a person consents to, by Actor.Key.
	Consent *Loader[string, []retail.Purpose]

	reviews *allowance

	pagesLock sync.Mutex
	pages     map[string][]string // by each of their SKUs
}

type setKey struct{}

// Attach returns ctx carrying fresh loaders. Call it once a response, with the context that ends when the response does:
// loaders remember what they loaded.
func Attach(ctx context.Context, s Services) context.Context {
	return context.WithValue(ctx, setKey{}, &Set{request: ctx, services: s})
}

// Of returns the loaders carried by ctx. It panics without them, which is a mistake in the wiring.
func Of(ctx context.Context) *Set {
	set, ok := ctx.Value(setKey{}).(*Set)
	if !ok {
		panic("loaders: Of called on a context without Attach")
	}
	set.make.Do(func() {
		set.Price = newPriceLoader(set.request, set.services.Prices)
		set.Availability = newAvailabilityLoader(set.request, set.services.Stock)
		set.Rating = newRatingLoader(set.request, set.services.Ratings)
		set.Consent = newConsentLoader(set.request, set.services.Consents)
		set.reviews = newAllowance("variants' reviews", maxReviews)
	})
	return set
}
