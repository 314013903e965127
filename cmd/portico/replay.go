package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/integrations/demo"
	"github.com/portico-retail/portico/integrations/demo/faults"
)

// leadLines is how many lines the replay may run ahead of the gateway.
const leadLines = 20_000

// replay plays the trade file through the backends while the gateway follows, compares every pair with the books and
// prints the report.
func (d demoRun) replay(ctx context.Context) error {
	d.log.InfoContext(ctx, "replaying the trade; the gateway answers meanwhile", "graphql", d.endpoint())
	client := &http.Client{Timeout: time.Minute}
	defer client.CloseIdleConnections()
	if err := d.disorder(true); err != nil {
		return err
	}
	began, synced := time.Now(), 0
	backends := d.stand.Backends(client, time.Now)
	open := func() (io.ReadCloser, error) { return demo.OpenTrade(d.command.Trade) }
	replay := demo.Replay{Backends: &backends, Open: open, Wait: func(ctx context.Context, p demo.Progress) error {
		if p.Lines-synced < leadLines {
			return nil
		}
		synced = p.Lines
		return d.gateway.feeds.CaughtUp(ctx)
	}}
	report, err := replay.Run(ctx)
	if err != nil {
		return err
	}
	if err := d.gateway.everythingUpTo(ctx, time.Now()); err != nil {
		return err
	}
	report.Took = time.Since(began)
	if err := d.verify(ctx, client, open, report); err != nil {
		return err
	}
	_, err = fmt.Fprint(d.out, report)
	return errors.Join(err, d.disorder(false))
}

// verify asks the gateway for every pair, as a client would.
func (d demoRun) verify(ctx context.Context, client *http.Client, open func() (io.ReadCloser, error), report *demo.Report) error {
	file, err := open()
	if err != nil {
		return err
	}
	books, err := demo.FoldBooks(file)
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	dir, err := dataDir(d.command.Data)
	if err != nil {
		return err
	}
	key, err := auth.LoadOrCreateKey(dir)
	if err != nil {
		return err
	}
	issuer, err := auth.NewIssuer(key, auth.DefaultTokenConfig(), time.Now)
	if err != nil {
		return err
	}
	token, err := issuer.Issue(auth.Principal{Role: auth.RoleOperator, Subject: "replay", Scopes: auth.Scopes()}, time.Hour)
	if err != nil {
		return err
	}
	v := demo.Verifier{Endpoint: d.endpoint(), Token: token, HTTP: client}
	return v.Verify(ctx, books, report)
}

// disorder switches duplicated, reordered and delayed events of all backends on or off, if they were asked for.
func (d demoRun) disorder(on bool) error {
	if !d.command.TradeDisorder {
		return nil
	}
	var errs []error
	for _, board := range []*faults.Board{d.stand.ERPFaults, d.stand.POSFaults, d.stand.ShopFaults} {
		errs = append(errs, board.Update(func(s *faults.State) {
			s.Duplicate, s.Reorder, s.DelayMs = 0, on, 0
			if on {
				s.Duplicate, s.DelayMs = 0.2, 200
			}
		}))
	}
	return errors.Join(errs...)
}

// patience is how long the gateway may take to apply what is under way when the replay ends.
const patience = 2 * time.Minute

// everythingUpTo waits until every source's watermark of every place has passed at: all that was booked by then, late
// or not, is in the projection.
func (g *gateway) everythingUpTo(ctx context.Context, at time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := g.feeds.CaughtUp(ctx); err != nil {
		return err
	}
	for _, f := range g.feeds {
		if !g.await(ctx, func() bool { return f.Health().Oldest.After(at) }) {
			h := f.Health()
			return fmt.Errorf("%s is not heard of %s since %s: %w", h.Source, h.OldestLocation, h.Oldest, ctx.Err())
		}
	}
	return nil
}
