package pos_test

import (
	"github.com/portico-retail/portico/integrations/pos"
	"github.com/portico-retail/portico/retail/members"
	"github.com/portico-retail/portico/retail/ordering"
	"github.com/portico-retail/portico/retail/purchases"
	"github.com/portico-retail/portico/retail/returns"
)

var (
	_ ordering.Stores    = (*pos.Client)(nil)
	_ returns.Tills      = (*pos.Client)(nil)
	_ purchases.Receipts = (*pos.Client)(nil)
	_ members.Cards      = (*pos.Client)(nil)
)
