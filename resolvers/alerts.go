package resolvers

import (
	"context"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/graph/model"
	"github.com/portico-retail/portico/retail"
)

// alerts lists what staff must look at: an associate's own places, everything for everybody else who may.
func (r *Resolver) alerts(ctx context.Context, open *bool, first int, after *string) (*model.AlertConnection, error) {
	if err := retail.CheckFirst(first, retail.MaxPage); err != nil {
		return nil, err
	}
	q := retail.AlertQuery{Open: open, Limit: first + 1}
	if after != nil {
		key, err := retail.ParseAlertCursor(*after)
		if err != nil {
			return nil, err
		}
		q.Before = &key
	}
	p := auth.PrincipalOf(ctx)
	var alerts []retail.Alert
	var err error
	if q.LocationCodes = p.Locations; p.Role != auth.RoleAssociate || len(p.Locations) > 0 {
		alerts, err = r.Operations.Alerts(ctx, q)
	}
	if err != nil {
		return nil, err
	}
	info := retail.PageInfo{HasNextPage: len(alerts) > first, HasPreviousPage: after != nil}
	alerts = alerts[:min(first, len(alerts))]
	c := &model.AlertConnection{Nodes: pointers(alerts), Edges: make([]*model.AlertEdge, len(alerts))}
	for i := range alerts {
		cursor := retail.AlertKey{At: alerts[i].RaisedAt, ID: alerts[i].ID}.Cursor()
		c.Edges[i] = &model.AlertEdge{Cursor: cursor, Node: alerts[i]}
		if i == 0 {
			info.StartCursor = &cursor
		}
		info.EndCursor = &cursor
	}
	c.PageInfo, c.TotalCount = info, known(len(alerts), info)
	return c, nil
}
