package demo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/portico-retail/portico/integrations/demo/erp"
	"github.com/portico-retail/portico/integrations/demo/faults"
	"github.com/portico-retail/portico/integrations/demo/pos"
	"github.com/portico-retail/portico/integrations/demo/shop"
)

// Stand is the three backends of a retailer, running on loopback. Each has its own fault switches, in Go and at
// /admin/faults of its address.
type Stand struct {
	ERP  *erp.ERP
	POS  *pos.Server
	Shop *shop.Server

	ERPFaults, POSFaults, ShopFaults *faults.Board
	// ERPAdmin, POSURL and ShopURL are base addresses; the ERP's serves its switches only, its wire is SQL.
	ERPAdmin, POSURL, ShopURL string
	// ShopKey is the key that the shop asks for.
	ShopKey string

	beat    time.Duration
	servers []*http.Server
	serving errgroup.Group
}

// StandOptions configure a Stand.
type StandOptions struct {
	ERPDSN string // as erp.Options.DSN
	Seed   uint64 // of what the fault switches draw
	Now    func() time.Time
	Beat   time.Duration // between heartbeats of ERP and tills; 0 means a second
	Pace   shop.Pace     // of the shop's own work; zero means that payments settle at once and couriers move by hand
}

// DefaultShopPace lets the shop's own work happen while somebody watches: slow payments settle, couriers ride, parcels arrive.
func DefaultShopPace() shop.Pace {
	return shop.Pace{
		SlowPayment: 3 * time.Second, Refund: 2 * time.Second, CourierStep: 8 * time.Second, ReturnArrives: 30 * time.Second,
	}
}

// demoShopKey guards nothing: the shop listens on loopback and its data are made up.
const demoShopKey = "demo-shop-key"

// StartStand seeds the three systems with the retailer's data and serves them until Close. Goods that leave with a courier, or
// come back, are booked in the ERP.
func StartStand(ctx context.Context, r *Retailer, o StandOptions) (*Stand, error) {
	s := &Stand{
		ERPFaults: faults.NewBoard(o.Seed), POSFaults: faults.NewBoard(o.Seed + 1), ShopFaults: faults.NewBoard(o.Seed + 2),
		ShopKey: demoShopKey, beat: cmp.Or(o.Beat, time.Second),
	}
	var err error
	if s.ERP, err = erp.Open(ctx, erp.Options{DSN: o.ERPDSN, Board: s.ERPFaults, Now: o.Now}); err != nil {
		return nil, err
	}
	if err := r.SeedERP(ctx, s.ERP); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.POS = pos.New(r.POSData(), o.Now, s.POSFaults)
	web := r.ShopData(s.ShopKey)
	web.Pace = o.Pace
	s.Shop = shop.New(web, o.Now, s.ShopFaults)
	s.Shop.OnPickup(func(ctx context.Context, location string, lines []shop.Line) error {
		return s.book(ctx, location, lines, -1)
	})
	s.Shop.OnReturn(func(ctx context.Context, location string, lines []shop.Line) error {
		return s.book(ctx, location, lines, 1)
	})
	for _, door := range []struct {
		url     *string
		handler http.Handler
	}{{&s.ERPAdmin, faults.Admin(s.ERPFaults)}, {&s.POSURL, s.POS.Handler()}, {&s.ShopURL, s.Shop.Handler()}} {
		if *door.url, err = s.serve(ctx, door.handler); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	backends := s.Backends(client, o.Now)
	if err := backends.UploadPast(ctx, r); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// book puts goods on the ERP's books (sign 1) or takes them off (sign -1).
func (s *Stand) book(ctx context.Context, location string, lines []shop.Line, sign int) error {
	moves := make([]erp.Move, len(lines))
	for i, l := range lines {
		moves[i] = erp.Move{Location: location, SKU: l.SKU, Delta: sign * int(l.Quantity)}
	}
	return s.ERP.Adjust(ctx, moves...)
}

func (s *Stand) serve(ctx context.Context, h http.Handler) (url string, err error) {
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("demo: %w", err)
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	s.servers = append(s.servers, server)
	s.serving.Go(func() error {
		if err := server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	return "http://" + ln.Addr().String(), nil
}

// Connect lets the shop report to a URL what becomes of payments, deliveries and returns, signed with the secret.
func (s *Stand) Connect(url string, secret []byte) { s.Shop.SetWebhook(url, secret) }

// Run keeps the heartbeats of ERP and tills, the booking of points and the work of the shop going until ctx ends, then returns
// nil.
func (s *Stand) Run(ctx context.Context) error {
	ticker := time.NewTicker(s.beat)
	defer ticker.Stop()
	var beating errgroup.Group
	beating.Go(func() error { s.ERP.Run(ctx, ticker.C); return nil })
	beating.Go(func() error { s.POS.Run(ctx, s.beat); return nil })
	beating.Go(func() error { return s.Shop.Run(ctx) })
	beating.Go(func() error { s.bookPoints(ctx); return nil })
	return beating.Wait()
}

// Backends are the doors for what drives the systems.
func (s *Stand) Backends(client *http.Client, now func() time.Time) Backends {
	return Backends{POS: s.POSURL, Shop: s.ShopURL, ShopKey: s.ShopKey, ERP: s.ERP, HTTP: client, Now: now, PickQueue: s.POS.SetPickQueue}
}

// Close stops the servers and closes the ERP's database.
func (s *Stand) Close() error {
	var errs []error
	for _, server := range s.servers {
		errs = append(errs, server.Close())
	}
	errs = append(errs, s.serving.Wait())
	if s.ERP != nil {
		errs = append(errs, s.ERP.Close())
	}
	return errors.Join(errs...)
}
