// Package resolvers answers the fields of the schema, one file per schema file: validate, one loader or service call,
// return. Rules live in retail, wires in integrations.
package resolvers

import (
	"time"

	"github.com/portico-retail/portico/retail/catalog"
	"github.com/portico-retail/portico/retail/location"
	"github.com/portico-retail/portico/retail/stock"
)

// Resolver is the root of all resolvers: the services that answer.
type Resolver struct {
	Catalog   *catalog.Service
	Locations *location.Directory
	Stock     *stock.Service
	Now       func() time.Time
}

// valueOr is *p, or the default that the schema states when the client sent an explicit null.
func valueOr[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

// seconds turns an optional number of seconds into a duration; absurd numbers stay absurd and are refused by the service.
func seconds(p *int) *time.Duration {
	if p == nil {
		return nil
	}
	d := time.Duration(*p) * time.Second
	return &d
}

func basket(items []*stock.BasketItem) []stock.BasketItem {
	out := make([]stock.BasketItem, len(items))
	for i, item := range items {
		out[i] = *item
	}
	return out
}
