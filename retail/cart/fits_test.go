package cart_test

import (
	"github.com/portico-retail/portico/retail/cart"
	"github.com/portico-retail/portico/retail/catalog"
	"github.com/portico-retail/portico/retail/location"
	"github.com/portico-retail/portico/retail/ordering"
	"github.com/portico-retail/portico/retail/returns"
	"github.com/portico-retail/portico/retail/sourcing"
	"github.com/portico-retail/portico/retail/stock"
)

// Who serves whom.
var (
	_ cart.Catalog      = (*catalog.Service)(nil)
	_ cart.Stock        = (*stock.Service)(nil)
	_ cart.Places       = (*location.Directory)(nil)
	_ cart.Delivery     = (*sourcing.Service)(nil)
	_ sourcing.Stock    = (*stock.Service)(nil)
	_ sourcing.Places   = (*location.Directory)(nil)
	_ ordering.Carts    = (*cart.Service)(nil)
	_ ordering.Sourcing = (*sourcing.Service)(nil)
	_ returns.Prices    = (*cart.Service)(nil)
)
