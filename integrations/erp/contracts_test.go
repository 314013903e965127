package erp_test

import (
	"github.com/portico-retail/portico/integrations/erp"
	"github.com/portico-retail/portico/retail/members"
	"github.com/portico-retail/portico/retail/ordering"
	"github.com/portico-retail/portico/retail/returns"
)

var (
	_ ordering.Coupons  = (*erp.Client)(nil)
	_ ordering.Points   = (*erp.Client)(nil)
	_ returns.Points    = (*erp.Client)(nil)
	_ members.Customers = (*erp.Client)(nil)
)
