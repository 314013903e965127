package shop_test

import (
	"github.com/portico-retail/portico/integrations/shop"
	"github.com/portico-retail/portico/retail/cart"
	"github.com/portico-retail/portico/retail/members"
	"github.com/portico-retail/portico/retail/ordering"
	"github.com/portico-retail/portico/retail/purchases"
	"github.com/portico-retail/portico/retail/returns"
)

var (
	_ cart.Store       = (*shop.Client)(nil)
	_ members.Accounts = (*shop.Client)(nil)
	_ ordering.Shop    = (*shop.Client)(nil)
	_ purchases.Online = (*shop.Client)(nil)
	_ returns.Parcels  = (*shop.Client)(nil)
	_ returns.Payments = (*shop.Client)(nil)
)
