package care

import (
	"context"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/portico-retail/portico/retail"
)

// Query selects feedback; empty fields select all that the actor may see.
type Query struct {
	Kinds         []FeedbackKind
	Statuses      []FeedbackStatus
	LocationCodes []string
	SKU           string
	OrderID       string
}

// Page is a page of feedback, newest first.
type Page struct {
	Nodes   []*Feedback
	Cursors []string // of the nodes
	Info    retail.PageInfo
}

// List lists a shopper's own feedback, an associate's of their places, and an operator's of all; others fail with
// CodeForbidden. first is 1 to 100, after a cursor of an earlier page or nil.
func (s *Service) List(ctx context.Context, actor retail.Actor, q Query, first int, after *string) (*Page, error) {
	if len(q.Kinds) > 10 || len(q.Statuses) > 10 || len(q.LocationCodes) > 100 || len(q.SKU) > 100 || len(q.OrderID) > 200 {
		return nil, retail.BadInput("the filter is too long")
	}
	all := FeedbackQuery{Kinds: q.Kinds, Statuses: q.Statuses, SKU: q.SKU, OrderID: q.OrderID}
	if len(q.LocationCodes) > 0 {
		all.LocationCodes = q.LocationCodes
	}
	switch {
	case shopper(actor):
		all.Owner = actor.Key()
	case actor.Role == "associate" && actor.Known():
		all.LocationCodes = placesOf(actor, q.LocationCodes)
	case actor.Role != "operator" || !actor.Known():
		return nil, retail.Errorf(retail.CodeForbidden, "feedback is for shoppers and staff")
	}
	return s.page(ctx, actor, all, first, after)
}

// placesOf are the places asked for at which the associate works; never nil, which would mean everywhere.
func placesOf(actor retail.Actor, asked []string) []string {
	list := []string{}
	for _, code := range actor.Locations {
		if len(asked) == 0 || slices.Contains(asked, code) {
			list = append(list, code)
		}
	}
	return list
}

// Reviews lists the published reviews of a SKU, for everybody.
func (s *Service) Reviews(ctx context.Context, actor retail.Actor, sku string, first int, after *string) (*Page, error) {
	if sku == "" || len(sku) > 100 {
		return nil, retail.BadInput("a SKU is needed")
	}
	return s.page(ctx, actor, FeedbackQuery{
		Kinds: []FeedbackKind{KindReview}, Statuses: []FeedbackStatus{StatusPublished}, SKU: sku,
	}, first, after)
}

// Ratings sums the published reviews of SKUs; those without one are missing. 1,000 SKUs at most.
func (s *Service) Ratings(ctx context.Context, skus []string) (map[string]Rating, error) {
	if len(skus) > 1000 {
		return nil, retail.BadInput("at most 1000 SKUs can be asked at once")
	}
	if len(skus) == 0 {
		return map[string]Rating{}, nil
	}
	return s.deps.Store.Ratings(ctx, skus)
}

func (s *Service) page(ctx context.Context, actor retail.Actor, q FeedbackQuery, first int, after *string) (*Page, error) {
	if err := retail.CheckFirst(first, retail.MaxPage); err != nil {
		return nil, err
	}
	page := &Page{}
	if after != nil {
		key, err := parseCursor(*after)
		if err != nil {
			return nil, err
		}
		q.Before, page.Info.HasPreviousPage = &key, true
	}
	if q.LocationCodes != nil && len(q.LocationCodes) == 0 {
		return page, nil
	}
	q.Limit = first + 1
	list, err := s.deps.Store.ListFeedback(ctx, q)
	if err != nil {
		return nil, err
	}
	page.Info.HasNextPage = len(list) > first
	for _, f := range list[:min(first, len(list))] {
		page.Nodes = append(page.Nodes, shown(actor, f))
		page.Cursors = append(page.Cursors, cursor(FeedbackKey{At: f.CreatedAt, ID: f.ID}))
	}
	if n := len(page.Cursors); n > 0 {
		page.Info.StartCursor, page.Info.EndCursor = &page.Cursors[0], &page.Cursors[n-1]
	}
	return page, nil
}

// cursor makes the opaque cursor of a place in the list.
func cursor(k FeedbackKey) string {
	return base64.RawURLEncoding.EncodeToString([]byte("f1:" + strconv.FormatInt(k.At.UnixMicro(), 36) + ":" + k.ID))
}

func parseCursor(text string) (FeedbackKey, error) {
	bad := retail.BadInput("after is not a cursor of this list")
	if len(text) > 200 {
		return FeedbackKey{}, bad
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	parts := strings.SplitN(string(raw), ":", 3)
	if err != nil || len(parts) != 3 || parts[0] != "f1" || parts[2] == "" {
		return FeedbackKey{}, bad
	}
	micro, err := strconv.ParseInt(parts[1], 36, 64)
	if err != nil {
		return FeedbackKey{}, bad
	}
	key := FeedbackKey{At: time.UnixMicro(micro).UTC(), ID: parts[2]}
	if cursor(key) != text {
		return FeedbackKey{}, bad
	}
	return key, nil
}
