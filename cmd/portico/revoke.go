package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/portico-retail/portico/auth"
)

// revokeCmd takes tokens back without a running gateway.
type revokeCmd struct {
	ledgerFlags
	logFlags
	Issuer  string `default:"portico" help:"Issuer of the tokens."`
	TokenID string `name:"token-id" xor:"what" required:"" help:"Takes back one token, by its claim jti."`
	Subject string `xor:"what" required:"" help:"Takes back every token of this subject that was issued until now."`
}

// Run stores the revocation and prints from when it holds.
func (c revokeCmd) Run(ctx context.Context, s streams) (err error) {
	if c.LedgerDSN == "" {
		return errors.New("revoke: --ledger-dsn is required")
	}
	log := c.logger(s.log)
	books, err := c.ledgerFlags.open(ctx, nil, log, prometheus.NewRegistry())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, books.Close()) }()
	q := auth.RevokeRequest{Issuer: &c.Issuer}
	if c.TokenID != "" {
		q.TokenID = &c.TokenID
	}
	if c.Subject != "" {
		q.Subject = &c.Subject
	}
	by, err := auth.NewRevoker(auth.RevokerDeps{Store: books, Log: log, Now: time.Now}).Revoke(ctx, q)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "every gateway refuses it from %s\n", by.UTC().Format(time.RFC3339))
	return err
}
