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
	DataKey string `placeholder:"FILE" help:"File with 64 hexadecimal digits, the same for all gateways of a ledger: seals the copies of personal data that people ask for, and makes the digests of phones. Without one no copies are given, and digests can be guessed."`
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

// endSessions is privacy.RequestDeps.EndSessions.
type endSessions func(ctx context.Context, sessions []string, at time.Time) error

// newRequests joins what carries out requests about personal data. Without a key no copies are given.
func newRequests(
	config privacy.RequestConfig, s *purchase, p purchaseParts, key []byte, end endSessions,
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
		EndSessions: end,
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

// newEndSessions refuses tokens of role:subject at the issuers that may have given them.
func newEndSessions(revoker *auth.Revoker, t trust) endSessions {
	return func(ctx context.Context, sessions []string, at time.Time) error {
		for _, session := range sessions {
			role, subject, _ := strings.Cut(session, ":")
			for _, issuer := range t.issuersOf(auth.Role(role), subject) {
				_, err := revoker.Revoke(ctx, auth.RevokeRequest{Issuer: &issuer, Subject: &subject, Role: auth.Role(role), Until: at})
				if err != nil {
					return err
				}
			}
		}
		return nil
	}
}

// issuersOf names those that may have given somebody a token: they speak for the role, and their prefix begins the subject. Those
// without a prefix are meant when no other's begins it.
func (t *trust) issuersOf(role auth.Role, subject string) []string {
	var plain, prefixed []string
	for _, known := range t.issuers {
		switch {
		case !slices.Contains(known.Roles, role):
		case known.SubjectPrefix == "":
			plain = append(plain, known.Issuer)
		case strings.HasPrefix(subject, known.SubjectPrefix+":"):
			prefixed = append(prefixed, known.Issuer)
		}
	}
	if prefixed != nil {
		plain = prefixed
	}
	slices.Sort(plain)
	return slices.Compact(plain)
}
