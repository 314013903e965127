package erp

import (
	"context"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/portico-retail/portico/retail"
)

const maxPoints = 500

type pointsRow struct {
	Reference string  `db:"reference"`
	Source    string  `db:"source"`
	Points    int64   `db:"points"`
	At        string  `db:"at"`
	Expires   *string `db:"expires"`
	Title     *string `db:"title"`
	TitleEn   *string `db:"title_en"`
}

func (r pointsRow) entry() (e retail.PointEntry, ok bool) {
	at, err := time.Parse(time.RFC3339, r.At)
	e = retail.PointEntry{
		Reference: r.Reference, Source: retail.Source(r.Source), Points: int(r.Points), At: at.UTC(),
		Titles: retail.Text{Chinese: text(r.Title), English: text(r.TitleEn)},
	}
	ok = err == nil && r.Reference != "" && isInt32(r.Points) && validSource(e.Source)
	if text(r.Expires) != "" {
		expires, err := time.Parse(time.RFC3339, *r.Expires)
		expires = expires.UTC()
		e.ExpiresAt, ok = &expires, ok && err == nil
	}
	return e, ok
}

func validSource(s retail.Source) bool {
	return slices.Contains([]retail.Source{retail.SourceERP, retail.SourcePOS, retail.SourceShop}, s)
}

// Points lists the customer's movements of points, newest first, 500 at most; none for an unknown customer.
func (c *Client) Points(ctx context.Context, number string) ([]retail.PointEntry, error) {
	if !validKey(number) {
		return nil, nil
	}
	found, err := lookUp[pointsRow](ctx, c, "points", map[string]any{"number": number, "limit": maxPoints}, maxPoints)
	if err != nil {
		return nil, err
	}
	return readable(c, "points", found.rows, pointsRow.entry)
}

// BookPoints books a movement of points. The first entry of a reference stays; it is CodeNotFound when there is no such
// customer.
func (c *Client) BookPoints(ctx context.Context, customerNo string, e retail.PointEntry) error {
	if !validKey(customerNo) {
		return noCustomer()
	}
	for _, s := range []string{e.Titles.Chinese, e.Titles.English} {
		if !readableText(s) || utf8.RuneCountInString(s) > maxText {
			return retail.BadInput("the title of points is longer than %d characters", maxText)
		}
	}
	if !validKey(e.Reference) || !validSource(e.Source) || !isInt32(int64(e.Points)) || e.At.IsZero() {
		return retail.BadInput("points need a reference, a source and an instant")
	}
	var expires any
	if e.ExpiresAt != nil {
		expires = instant(*e.ExpiresAt)
	}
	affected, err := c.change(ctx, "points_book", map[string]any{
		"number": customerNo, "reference": e.Reference, "source": string(e.Source), "points": e.Points, "at": instant(e.At),
		"expires": expires, "title": nullable(e.Titles.Chinese), "title_en": nullable(e.Titles.English),
	})
	if err != nil || affected > 0 {
		return err
	}
	_, err = c.Customer(ctx, customerNo) // known already, or nobody's
	return err
}
