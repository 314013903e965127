package main

import (
	"time"

	"github.com/portico-retail/portico/retail/ordering"
)

// riskFlags say which orders somebody looks at before they are prepared.
type riskFlags struct {
	RiskWindow   time.Duration `default:"${riskWindow}" help:"What counts as within minutes when orders and payments of one shopper are counted."`
	RiskOrders   int           `default:"${riskOrders}" help:"Orders of one shopper or phone within --risk-window that put one in review; 0 for never, as for all numbers of this kind."`
	RiskFailures int           `default:"${riskFailures}" help:"Failed payments of one shopper within --risk-window that put an order in review."`
	RiskMethods  int           `default:"${riskMethods}" help:"Payment methods tried within --risk-window that put an order of --risk-amount in review."`
	RiskUnits    int           `default:"${riskUnits}" help:"Units of one SKU that put an order in review."`
	RiskAmount   int64         `default:"${riskAmount}" help:"Total in minor units below which neither amount nor payment method is unusual."`
	RiskTimes    int           `default:"${riskTimes}" help:"An order above so many times the most that its shopper bought before is put in review."`
	RiskEarlier  int           `default:"${riskEarlier}" help:"Purchases after which it is known what is usual for a shopper."`
	ReviewWithin time.Duration `default:"${reviewWithin}" help:"An order in review goes on by itself when nobody has decided by then."`
}

func (f riskFlags) set(c *ordering.Config) {
	c.ReviewWithin = f.ReviewWithin
	c.Risk = ordering.RiskConfig{
		Window: f.RiskWindow, Orders: f.RiskOrders, Failures: f.RiskFailures, Units: f.RiskUnits, Methods: f.RiskMethods,
		Times: f.RiskTimes, Amount: f.RiskAmount, Earlier: f.RiskEarlier,
	}
}
