package stock

import (
	"context"
	"time"

	"github.com/portico-retail/portico/retail"
)

// CheckQuery asks for SKUs × locations.
type CheckQuery struct {
	SKUs         []string
	LocationRefs []string // global ids or codes
	Near         *retail.GeoPoint
	WithinKm     float64
	First        int
	MaxAge       *time.Duration
}

// PickupQuery asks which places can give a whole basket.
type PickupQuery struct {
	Items          []BasketItem
	LocationRefs   []string
	Near           *retail.GeoPoint
	WithinKm       float64
	IncludePartial bool
	First          int
	MaxAge         *time.Duration
}

// Service answers questions about stock.
type Service struct{}

// Check answers a stock check.
func (s *Service) Check(ctx context.Context, q CheckQuery) (*Check, error) { return nil, nil }

// PickupOptions finds the places that can give a basket.
func (s *Service) PickupOptions(ctx context.Context, q PickupQuery) ([]*PickupOption, error) {
	return nil, nil
}
