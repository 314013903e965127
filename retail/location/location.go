// Package location knows the places that hold stock and finds them by code, id and distance. The directory lives in
// process memory, so that finding candidates is never a network call.
package location

import (
	"context"

	"github.com/portico-retail/portico/retail"
)

// Source is the location master; the ERP adapter implements it.
type Source interface {
	// Locations returns every active place, and how many unreadable ones were left out.
	Locations(ctx context.Context) (list []*retail.Location, quarantined int, err error)
}

// Connection is a page of locations.
type Connection struct {
	Edges      []Edge
	PageInfo   retail.PageInfo
	TotalCount retail.Count
	Freshness  retail.Freshness
}

// Nodes is the page without cursors and distances.
func (c *Connection) Nodes() []*retail.Location {
	nodes := make([]*retail.Location, len(c.Edges))
	for i, e := range c.Edges {
		nodes[i] = e.Node
	}
	return nodes
}

// Edge is a location, its cursor and, when a point was given, its distance.
type Edge struct {
	Cursor     string
	Node       *retail.Location
	DistanceKm *float64
}
