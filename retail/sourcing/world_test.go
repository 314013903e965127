package sourcing_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/location"
	"github.com/portico-retail/portico/retail/sourcing"
	"github.com/portico-retail/portico/retail/stock"
)

// world is places, what they have and what is booked. Ready times are those of the stock service.
type world struct {
	now       time.Time
	places    *location.Directory
	units     map[string]map[string]int
	silent    map[string]bool
	queues    map[string]int
	booked    map[string]map[time.Time]int
	slotsDown bool
}

type placeList []*retail.Location

func (l placeList) Locations(context.Context) ([]*retail.Location, int, error) { return l, 0, nil }

func newWorld(t interface {
	Helper()
	Fatal(...any)
}, now time.Time, places []*retail.Location,
) *world {
	t.Helper()
	w := &world{
		now: now, units: map[string]map[string]int{}, silent: map[string]bool{}, queues: map[string]int{},
		booked: map[string]map[time.Time]int{},
	}
	w.places = location.New(location.DefaultConfig(), location.Deps{
		Source: placeList(places), Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return w.now },
	})
	if err := w.places.Refresh(context.Background()); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) service(config sourcing.Config) *sourcing.Service {
	return sourcing.New(config, sourcing.Deps{Stock: w, Places: w.places, Slots: w, Now: func() time.Time { return w.now }})
}

func (w *world) put(code, sku string, units int) {
	if w.units[code] == nil {
		w.units[code] = map[string]int{}
	}
	w.units[code][sku] = units
}

func (w *world) Offers(_ context.Context, skus, codes []string) ([]retail.Offer, error) {
	if len(skus)*len(codes) > stock.MaxPairs || len(codes) > stock.MaxLocations {
		return nil, errors.New("too many pairs in one question")
	}
	var offers []retail.Offer
	for _, code := range codes {
		l, ok := w.places.ByCode(code)
		if !ok {
			return nil, retail.Errorf(retail.CodeNotFound, "there is no location %q", code)
		}
		o := retail.Offer{Location: l, Known: !w.silent[code], Units: map[string]int{}, Ranged: map[string]bool{}, Queue: w.queues[code]}
		if at, reason := stock.DefaultPolicy().ReadyBy(l, w.now, o.Queue); reason == "" {
			o.ReadyBy = &at
		}
		for _, sku := range skus {
			if units, ranged := w.units[code][sku]; ranged {
				o.Ranged[sku] = true
				if o.Known {
					o.Units[sku] = units
				}
			}
		}
		offers = append(offers, o)
	}
	return offers, nil
}

func (w *world) SlotLoads(_ context.Context, code string, from, until time.Time) (map[time.Time]int, error) {
	if w.slotsDown {
		return nil, errors.New("the record of slots is down")
	}
	loads := map[time.Time]int{}
	for at, n := range w.booked[code] {
		if !at.Before(from) && at.Before(until) {
			loads[at] = n
		}
	}
	return loads, nil
}

func shanghai(t testing.TB) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}
