package sourcing_test

import (
	"context"
	"testing"
	"time"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/sourcing"
)

// berlin is a store with hours on every day.
func berlin(t *testing.T, opens, closes retail.LocalTime) *retail.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	l := &retail.Location{
		Code: "S-B", Kind: retail.Store, Zone: zone, Services: []retail.PickupService{retail.ServicePickup},
		Pickup: &retail.PickupSettings{PickingMinutes: 15},
	}
	for day := 1; day <= 7; day++ {
		l.Hours = append(l.Hours, retail.OpeningHours{Weekday: day, Opens: opens, Closes: closes})
	}
	return l
}

func TestSlotsOnDaysOfAnotherLength(t *testing.T) {
	for name, tt := range map[string]struct {
		opens, closes retail.LocalTime
		day           retail.Date
		count         int
	}{
		"an ordinary day round the clock":    {"00:00", "24:00", "2026-03-28", 48},
		"a day of 23 hours round the clock":  {"00:00", "24:00", "2026-03-29", 46},
		"a day of 25 hours round the clock":  {"00:00", "24:00", "2026-10-25", 50},
		"shop hours after the clocks moved":  {"09:00", "18:00", "2026-03-29", 18},
		"a night over the change to summer":  {"22:00", "06:00", "2026-03-29", 14},
		"a night over the change to winter":  {"22:00", "06:00", "2026-10-25", 18},
		"an opening shorter than a slot":     {"09:00", "09:20", "2026-03-28", 0},
		"hours that are no multiple of them": {"09:10", "10:30", "2026-03-28", 2},
	} {
		t.Run(name, func(t *testing.T) {
			l := berlin(t, tt.opens, tt.closes)
			day, err := time.ParseInLocation(time.DateOnly, string(tt.day), l.Zone)
			if err != nil {
				t.Fatal(err)
			}
			w := newWorld(t, day.Add(-36*time.Hour), []*retail.Location{l})
			slots, err := w.service(sourcing.DefaultConfig()).PickupSlots(context.Background(), "S-B", retail.MethodPickup, tt.day, 1)
			if err != nil || len(slots) != tt.count {
				t.Fatalf("%d slots (%v), want %d", len(slots), err, tt.count)
			}
			for i, s := range slots {
				switch {
				case retail.DateOf(s.StartsAt.In(l.Zone)) != tt.day:
					t.Errorf("%v starts on another day", s.StartsAt)
				case s.EndsAt.Sub(s.StartsAt) != 30*time.Minute:
					t.Errorf("%v lasts %v", s.StartsAt, s.EndsAt.Sub(s.StartsAt))
				case !l.OpenAt(s.StartsAt) || !l.OpenAt(s.EndsAt.Add(-time.Second)):
					t.Errorf("%v lies outside opening hours", s.StartsAt)
				case i > 0 && s.StartsAt.Before(slots[i-1].EndsAt):
					t.Errorf("%v overlaps", s.StartsAt)
				}
			}
		})
	}
}

func TestSlotsThatWereBookedInAnotherZoneAreTaken(t *testing.T) {
	l := berlin(t, "09:00", "18:00")
	w := newWorld(t, time.Date(2026, 3, 28, 7, 0, 0, 0, time.UTC), []*retail.Location{l})
	nine := time.Date(2026, 3, 28, 9, 30, 0, 0, l.Zone)
	w.booked["S-B"] = map[time.Time]int{nine.UTC(): 7, nine.In(time.FixedZone("x", 3600)): 2}
	slots, err := w.service(sourcing.DefaultConfig()).PickupSlots(context.Background(), "S-B", retail.MethodPickup, "", 1)
	if err != nil {
		t.Fatal(err)
	}
	if got := slots[0]; !got.StartsAt.Equal(nine) || got.Left != 1 || got.Capacity != 10 || !got.Available {
		t.Fatalf("got %+v", got)
	}
}

func TestSlotQuestionsThatCannotBe(t *testing.T) {
	l := berlin(t, "09:00", "18:00")
	w := newWorld(t, time.Date(2026, 3, 28, 7, 0, 0, 0, time.UTC), []*retail.Location{l})
	s := w.service(sourcing.DefaultConfig())
	for name, tt := range map[string]struct {
		ref    string
		method retail.FulfillmentMethod
		from   retail.Date
		days   int
		want   retail.Code
	}{
		"no day":                 {"S-B", retail.MethodPickup, "", 0, retail.CodeBadInput},
		"too many days":          {"S-B", retail.MethodPickup, "", 15, retail.CodeBadInput},
		"a day that is none":     {"S-B", retail.MethodPickup, "2026-99-99", 1, retail.CodeBadInput},
		"an early day, none":     {"S-B", retail.MethodPickup, "2026-02-30", 1, retail.CodeBadInput},
		"no text of a day":       {"S-B", retail.MethodPickup, "0", 1, retail.CodeBadInput},
		"a day far ahead":        {"S-B", retail.MethodPickup, "2027-01-01", 1, retail.CodeBadInput},
		"an unknown place":       {"S-X", retail.MethodPickup, "", 1, retail.CodeNotFound},
		"a method that delivers": {"S-B", retail.MethodShipping, "", 1, retail.CodeBadInput},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.PickupSlots(context.Background(), tt.ref, tt.method, tt.from, tt.days)
			if err == nil || retail.CodeOf(err) != tt.want {
				t.Fatalf("got %v, want %s", err, tt.want)
			}
		})
	}
	if _, err := s.PickupSlots(context.Background(), "S-B", retail.MethodCurbside, "", 1); !retail.Refused(err, retail.WhyPlaceClosed) {
		t.Fatalf("got %v", err)
	}
}

func TestConfigurationsThatMakeNoSense(t *testing.T) {
	if err := sourcing.DefaultConfig().Validate(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*sourcing.Config){
		"no currency":         func(c *sourcing.Config) { c.Currency = "" },
		"a negative fee":      func(c *sourcing.Config) { c.ShippingFee = -1 },
		"a huge fee":          func(c *sourcing.Config) { c.InstantFeePerKm = 1 << 60 },
		"no radius":           func(c *sourcing.Config) { c.InstantKm = 0 },
		"no speed":            func(c *sourcing.Config) { c.RideKmh = 0 },
		"a split for nothing": func(c *sourcing.Config) { c.Cost.PerSite = 0 },
		"four parcels":        func(c *sourcing.Config) { c.MaxParcels = 4 },
		"no neighbours":       func(c *sourcing.Config) { c.NearbyPlaces = 0 },
		"slots of nothing":    func(c *sourcing.Config) { c.SlotMinutes = 0 },
		"no pickers":          func(c *sourcing.Config) { c.Pickers = 0 },
		"no handling time":    func(c *sourcing.Config) { c.Handling = -time.Hour },
	} {
		config := sourcing.DefaultConfig()
		spoil(&config)
		if config.Validate() == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}
