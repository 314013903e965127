package stock

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/portico-retail/portico/retail"
)

// Feeds are the feeds of a gateway, one per source.
type Feeds []*Feed

// Run runs every feed until ctx ends.
func (fs Feeds) Run(ctx context.Context) error {
	var group errgroup.Group
	for _, f := range fs {
		group.Go(func() error { return f.Run(ctx) })
	}
	return group.Wait()
}

// Status is how a source does; down when no feed has it.
func (fs Feeds) Status(source retail.Source) retail.Status {
	for _, f := range fs {
		if f.name == source {
			return f.Status()
		}
	}
	return retail.StatusDown
}

// Health is how every feed does.
func (fs Feeds) Health() []Health {
	list := make([]Health, len(fs))
	for i, f := range fs {
		list[i] = f.Health()
	}
	return list
}

// Queue is the number of open pick tasks at a location, as the sources tell it.
func (fs Feeds) Queue(location string) int {
	open := 0
	for _, f := range fs {
		open += f.Queue(location)
	}
	return open
}

// CaughtUp waits until every feed has (see Feed.CaughtUp).
func (fs Feeds) CaughtUp(ctx context.Context) error {
	var group errgroup.Group
	for _, f := range fs {
		group.Go(func() error { return f.CaughtUp(ctx) })
	}
	return group.Wait()
}
