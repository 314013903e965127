package location_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/location"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// master is a location master in memory.
type master struct {
	list        []*retail.Location
	quarantined int
	err         error
}

func (m *master) Locations(context.Context) ([]*retail.Location, int, error) {
	return m.list, m.quarantined, m.err
}

type sourceFunc func(context.Context) ([]*retail.Location, int, error)

func (f sourceFunc) Locations(ctx context.Context) ([]*retail.Location, int, error) { return f(ctx) }

func place(code string, lat, lon float64) *retail.Location {
	return &retail.Location{
		Code: code, Kind: retail.Store, Zone: time.UTC, Position: retail.GeoPoint{Latitude: lat, Longitude: lon},
	}
}

// clock is a time that tests move.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func newDirectory(source location.Source, c *clock) *location.Directory {
	return location.New(location.DefaultConfig(), location.Deps{
		Source: source, Log: slog.New(slog.DiscardHandler), Now: c.now, Rand: func() float64 { return 0.5 },
	})
}

func mustRefresh(t testing.TB, d *location.Directory) {
	t.Helper()
	if err := d.Refresh(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func codes(list []*retail.Location) []string {
	out := []string{}
	for _, l := range list {
		out = append(out, l.Code)
	}
	return out
}

func TestADirectoryIsEmptyUntilItsFirstGoodLoad(t *testing.T) {
	m, c := &master{err: errors.New("no route to host")}, &clock{noon}
	d := newDirectory(m, c)
	if err := d.Refresh(context.Background()); err == nil || d.Ready() || len(d.All()) != 0 {
		t.Errorf("after a failure: %v, ready %v, %d places", err, d.Ready(), len(d.All()))
	}
	m.err = nil
	if err := d.Refresh(context.Background()); retail.CodeOf(err) != retail.CodeBadUpstream || d.Ready() {
		t.Errorf("after an empty list: %v, ready %v", err, d.Ready())
	}
	if f := d.Freshness(); f.Basis != retail.BasisStale || f.AsOf != nil {
		t.Errorf("never loaded: %+v", f)
	}
	m.list = []*retail.Location{place("S-1", 31, 121)}
	mustRefresh(t, d)
	if !d.Ready() || d.Freshness().Basis != retail.BasisProjected {
		t.Errorf("ready %v, %+v", d.Ready(), d.Freshness())
	}
}

func TestTheLastDirectoryOutlivesTheSourceAndIsDated(t *testing.T) {
	m, c := &master{list: []*retail.Location{place("S-1", 31, 121)}}, &clock{noon}
	d := newDirectory(m, c)
	mustRefresh(t, d)
	m.list, m.err = nil, errors.New("down")
	c.at = noon.Add(location.DefaultConfig().MaxAge + time.Second)
	if err := d.Refresh(context.Background()); err == nil {
		t.Fatal("the source failed and Refresh did not")
	}
	f := d.Freshness()
	if len(d.All()) != 1 || f.Basis != retail.BasisStale || !f.AsOf.Equal(noon) || *f.AgeSeconds != 601 {
		t.Errorf("%d places, %+v", len(d.All()), f)
	}
	var log retail.SourceLog
	ctx := retail.WithSourceLog(context.Background(), &log)
	if _, err := d.List(ctx, location.Query{First: 1}); err != nil {
		t.Fatal(err)
	}
	want := []retail.SourceReport{{Source: retail.SourceERP, Status: retail.StatusStale, AsOf: noon}}
	if diff := cmp.Diff(want, log.Reports()); diff != "" {
		t.Error(diff)
	}
}

func TestRunKeepsTryingUntilToldToStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, since := &master{list: []*retail.Location{place("S-1", 31, 121)}}, time.Now()
		comesBack := sourceFunc(func(ctx context.Context) ([]*retail.Location, int, error) {
			if time.Since(since) < time.Minute {
				return nil, 0, errors.New("down")
			}
			return m.Locations(ctx)
		})
		d := location.New(location.DefaultConfig(), location.Deps{Source: comesBack, Log: slog.New(slog.DiscardHandler)})
		ctx, cancel := context.WithCancel(t.Context())
		go d.Run(ctx)
		synctest.Wait()
		if d.Ready() {
			t.Error("ready without a load")
		}
		<-time.After(2 * time.Minute) // of fake time
		synctest.Wait()
		if !d.Ready() {
			t.Error("not ready a minute after the source came back")
		}
		cancel()
		synctest.Wait()
	})
}

func TestPlacesThatNoRuleCanServeAreLeftOut(t *testing.T) {
	nowhere, timeless := place("S-2", 91, 0), place("S-3", 0, 0)
	timeless.Zone = nil
	m := &master{quarantined: 2, list: []*retail.Location{
		place("S-1", 31, 121), nowhere, timeless, nil, place("", 1, 1), place("S-1", 40, 116),
	}}
	d := newDirectory(m, &clock{noon})
	mustRefresh(t, d)
	if got := codes(d.All()); !slices.Equal(got, []string{"S-1"}) || d.Quarantined() != 7 {
		t.Errorf("got %v and %d left out", got, d.Quarantined())
	}
	if l, _ := d.ByCode("S-1"); l.Position.Latitude != 31 {
		t.Error("a repeated code replaced the first place")
	}
}

func TestOnlyTheNextHolidaysAreKept(t *testing.T) {
	l := place("S-1", 31, 121)
	for day := 100; day > -5; day-- {
		l.Holidays = append(l.Holidays, retail.HolidayHours{Date: retail.DateOf(noon.AddDate(0, 0, day))})
	}
	d := newDirectory(&master{list: []*retail.Location{l}}, &clock{noon})
	mustRefresh(t, d)
	kept, _ := d.ByCode("S-1")
	if n := len(kept.Holidays); n != 60 || kept.Holidays[0].Date != "2026-11-21" || kept.Holidays[59].Date != "2027-01-19" {
		t.Errorf("%d days from %v to %v", n, kept.Holidays[0].Date, kept.Holidays[n-1].Date)
	}
	if len(l.Holidays) != 105 || l.Holidays[0].Date != retail.DateOf(noon.AddDate(0, 0, 100)) {
		t.Error("the source's own location was changed")
	}
}

func TestResolve(t *testing.T) {
	d := newDirectory(&master{list: []*retail.Location{place("S-1", 31, 121), place("S-2", 32, 121)}}, &clock{noon})
	mustRefresh(t, d)
	id := retail.GlobalID(retail.KindLocation, "S-2")
	list, err := d.Resolve(t.Context(), []string{id, "S-1", "S-2", "S-1"})
	if err != nil || !slices.Equal(codes(list), []string{"S-2", "S-1"}) {
		t.Errorf("got %v, %v", codes(list), err)
	}
	for name, c := range map[string]struct {
		ref  string
		want retail.Code
	}{
		"an unknown code":      {"S-9", retail.CodeNotFound},
		"an unknown id":        {retail.GlobalID(retail.KindLocation, "S-9"), retail.CodeNotFound},
		"the id of a product":  {retail.GlobalID(retail.KindProduct, "S-1"), retail.CodeBadInput},
		"what can be neither":  {"a b", retail.CodeBadInput},
		"nothing":              {"", retail.CodeBadInput},
		"a text of any length": {strings.Repeat("x", 10_000), retail.CodeBadInput},
	} {
		_, err := d.Resolve(t.Context(), []string{"S-1", c.ref})
		if retail.CodeOf(err) != c.want || len(err.Error()) > 200 {
			t.Errorf("%s: got %.300v", name, err)
		}
	}
}

func TestOnlyOpenStoresLetCustomersIn(t *testing.T) {
	store, hub := place("S-1", 31, 121), place("F-1", 31, 121)
	store.Hours = []retail.OpeningHours{{Weekday: 7, Opens: "09:00", Closes: "18:00"}}
	hub.Hours, hub.Kind = store.Hours, retail.FrontWarehouse
	c := &clock{noon}
	d := newDirectory(&master{list: []*retail.Location{store, hub}}, c)
	if !d.OpenNow(store) || d.OpenNow(hub) {
		t.Errorf("at noon: store %v, hub %v", d.OpenNow(store), d.OpenNow(hub))
	}
	c.at = noon.Add(6 * time.Hour)
	if d.OpenNow(store) {
		t.Error("the store is open at its closing time")
	}
}

func TestConfigurations(t *testing.T) {
	if err := location.DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
	for _, bad := range []location.Config{{}, {Refresh: -1, MaxAge: 1}, {Refresh: time.Hour, MaxAge: time.Minute}} {
		if bad.Validate() == nil {
			t.Errorf("%+v was accepted", bad)
		}
	}
}
