package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/privacy"
)

// dataFlags say how copies of personal data are kept.
type dataFlags struct {
	DataKey string `placeholder:"FILE" help:"File with 64 hexadecimal digits, the same for all gateways of a ledger: seals the copies of personal data that people ask for. Without one no copies are given."`
}

// key is the key of the file; nil without one.
func (f dataFlags) key() ([]byte, error) {
	if f.DataKey == "" {
		return nil, nil
	}
	text, err := os.ReadFile(f.DataKey)
	if err != nil {
		return nil, fmt.Errorf("data key: %w", err)
	}
	return privacy.ParseSealKey(text)
}

// dataKey is the demo's key, made when there is none.
func (c demoCmd) dataKey() ([]byte, error) {
	dir, err := dataDir(c.Data)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "data.key")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		text = privacy.NewSealKey()
		err = os.WriteFile(path, text, 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("data key: %w", err)
	}
	return privacy.ParseSealKey(text)
}

// newRequests joins what carries out requests about personal data. Without a key no copies are given; end refuses tokens of a
// subject that were issued up to now.
func newRequests(
	config privacy.RequestConfig, s *purchase, p purchaseParts, key []byte, end func(ctx context.Context, subject string) error,
) (*privacy.Requests, error) {
	deps := privacy.RequestDeps{
		Ledger: p.Ledger, Members: s.members, ERP: p.Clients.erp, POS: p.Clients.pos, Shop: p.Clients.shop, Now: p.Now, Log: p.Log,
		Release: func(ctx context.Context, actor retail.Actor, claimID string) error {
			_, err := s.holds.Release(ctx, actor, claimID)
			if _, over := retail.RefusalsOf(err); over {
				return nil
			}
			return err
		},
		EndSessions: func(ctx context.Context, sessions []string, _ time.Time) error {
			for _, session := range sessions {
				_, subject, _ := strings.Cut(session, ":")
				if err := end(ctx, subject); err != nil {
					return err
				}
			}
			return nil
		},
	}
	if key != nil {
		var err error
		if deps.Seal, err = privacy.NewSeal(key); err != nil {
			return nil, err
		}
	}
	requests := privacy.NewRequests(config, deps)
	p.Ledger.Handle(retail.JobData, requests.RunJob)
	return requests, nil
}

// endSessions refuses the tokens of a subject, whoever issued them.
func endSessions(revoker *auth.Revoker, t trust) func(ctx context.Context, subject string) error {
	var issuers []string
	for _, known := range t.issuers {
		if !slices.Contains(issuers, known.Issuer) {
			issuers = append(issuers, known.Issuer)
		}
	}
	return func(ctx context.Context, subject string) error {
		for _, issuer := range issuers {
			if _, err := revoker.Revoke(ctx, auth.RevokeRequest{Issuer: &issuer, Subject: &subject}); err != nil {
				return err
			}
		}
		return nil
	}
}
