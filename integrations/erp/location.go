package erp

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/portico-retail/portico/integrations/upstream"
	"github.com/portico-retail/portico/retail"
)

type locationRow struct {
	Code           string  `db:"code"`
	Kind           string  `db:"kind"`
	Name           *string `db:"name"`
	NameEn         *string `db:"name_en"`
	Country        *string `db:"country"`
	Province       *string `db:"province"`
	City           *string `db:"city"`
	District       *string `db:"district"`
	Address        *string `db:"address"`
	PostalCode     *string `db:"postal_code"`
	Latitude       float64 `db:"latitude"`
	Longitude      float64 `db:"longitude"`
	TimeZone       string  `db:"time_zone"`
	Pickup         int     `db:"pickup"`
	Curbside       int     `db:"curbside"`
	Instant        int     `db:"instant"`
	PickingMinutes int     `db:"picking_minutes"`
	Cutoff         *string `db:"cutoff"`
	Capacity       *int    `db:"capacity"`
}

// Hours are scanned as text, so that a bad value is seen with its place instead of failing as a row.
type hoursRow struct {
	Code    string  `db:"code"`
	Weekday *string `db:"weekday"`
	Opens   *string `db:"opens"`
	Closes  *string `db:"closes"`
}

type holidayRow struct {
	Code   string  `db:"code"`
	Day    *string `db:"day"`
	Opens  *string `db:"opens"`
	Closes *string `db:"closes"`
	Name   *string `db:"name"`
}

// calendar collects the hours of all places; a place with an unreadable row is bad as a whole, because it would
// otherwise look closed or open when it is not.
type calendar struct {
	hours    map[string][]retail.OpeningHours
	holidays map[string][]retail.HolidayHours
	bad      map[string]bool
}

// Locations reads every active place with its hours and the holidays from yesterday on.
func (c *Client) Locations(ctx context.Context) (list []*retail.Location, quarantined int, err error) {
	type answer struct {
		list []*retail.Location
		bad  int
	}
	a, err := upstream.Do(ctx, c.feed, "locations", func(ctx context.Context) (answer, error) {
		rows, bad, err := query[locationRow](ctx, c, "locations", nil, maxPlaces)
		if err != nil {
			return answer{}, err
		}
		cal, lost, err := c.calendar(ctx)
		if err != nil {
			return answer{}, err
		}
		list, refused := places(rows, cal)
		if ill(bad+refused, len(rows)+bad) {
			return answer{}, badAnswer("locations", errors.New("most places are unreadable"))
		}
		return answer{list: list, bad: bad + lost + refused}, nil
	})
	c.metrics.Quarantine(retail.SourceERP, "location", a.bad)
	return a.list, a.bad, err
}

func (c *Client) calendar(ctx context.Context) (cal calendar, lost int, err error) {
	hours, lostHours, err := query[hoursRow](ctx, c, "hours", nil, 7*4*maxPlaces)
	if err != nil {
		return cal, 0, err
	}
	from := c.now().UTC().AddDate(0, 0, -1).Format(time.DateOnly)
	holidays, lostDays, err := query[holidayRow](ctx, c, "holidays", map[string]any{"from": from}, 400*maxPlaces)
	if err != nil {
		return cal, 0, err
	}
	cal = calendar{
		hours: map[string][]retail.OpeningHours{}, holidays: map[string][]retail.HolidayHours{}, bad: map[string]bool{},
	}
	unread, unreadDays := lostHours, lostDays
	for _, r := range hours {
		if !cal.addHours(r) {
			unread++
		}
	}
	for _, r := range holidays {
		if !cal.addHoliday(r) {
			unreadDays++
		}
	}
	if ill(unread, len(hours)+lostHours) || ill(unreadDays, len(holidays)+lostDays) {
		return cal, 0, badAnswer("hours", errors.New("most opening hours are unreadable"))
	}
	return cal, lostHours + lostDays + cal.cutHours(), nil
}

// ill reports whether so many of all rows are unreadable that the ERP is ill and not the rows. Leaving them out would
// close every place or take it off the map. Of a few rows any may be bad.
func ill(unreadable, all int) bool { return unreadable > 10 && 2*unreadable > all }

func (cal calendar) addHours(r hoursRow) bool {
	day, err := strconv.Atoi(text(r.Weekday))
	opens, closes, ok := openTimes(r.Opens, r.Closes)
	if err != nil || day < 1 || day > 7 || !ok {
		cal.bad[r.Code] = true
		return false
	}
	cal.hours[r.Code] = append(cal.hours[r.Code], retail.OpeningHours{Weekday: day, Opens: opens, Closes: closes})
	return true
}

func (cal calendar) addHoliday(r holidayRow) bool {
	day, err := time.Parse(time.DateOnly, text(r.Day))
	if err != nil {
		cal.bad[r.Code] = true
		return false
	}
	h := retail.HolidayHours{Date: retail.Date(day.Format(time.DateOnly)), Title: text(r.Name)}
	if r.Opens != nil || r.Closes != nil {
		opens, closes, ok := openTimes(r.Opens, r.Closes)
		if !ok {
			cal.bad[r.Code] = true
			return false
		}
		h.Opens, h.Closes = &opens, &closes
	}
	cal.holidays[r.Code] = append(cal.holidays[r.Code], h)
	return true
}

// openTimes reads a stretch of opening, which may pass midnight but may not be empty.
func openTimes(opens, closes *string) (from, to retail.LocalTime, ok bool) {
	from, okFrom := localTime(text(opens))
	to, okTo := localTime(text(closes))
	return from, to, okFrom && okTo && from != "24:00" && from != to
}

func localTime(s string) (retail.LocalTime, bool) {
	if s == "24:00" {
		return "24:00", true
	}
	t, err := time.Parse("15:04", s)
	if err != nil || len(s) != len("15:04") {
		return "", false
	}
	return retail.LocalTime(t.Format("15:04")), true
}

// places makes locations of rows and counts those that it had to leave out: unreadable, or a code seen before.
func places(rows []locationRow, cal calendar) (list []*retail.Location, refused int) {
	seen := map[string]bool{}
	zones := map[string]*time.Location{}
	for _, r := range rows {
		loc := r.location(cal, zones)
		if loc == nil || seen[r.Code] {
			refused++
			continue
		}
		seen[r.Code] = true
		list = append(list, loc)
	}
	return list, refused
}

// location is the place of the row; nil when something in it cannot be read.
func (r locationRow) location(cal calendar, zones map[string]*time.Location) *retail.Location {
	at := retail.GeoPoint{Latitude: r.Latitude, Longitude: r.Longitude}
	zone := zoneOf(r.TimeZone, zones)
	kind := retail.LocationKind(r.Kind)
	known := kind == retail.Store || kind == retail.FrontWarehouse || kind == retail.Warehouse
	pickup, readable := r.pickup()
	if !retail.ValidLocationCode(r.Code) || !known || !at.Valid() || zone == nil || !readable || cal.bad[r.Code] {
		return nil
	}
	hours, holidays := cal.hours[r.Code], cal.holidays[r.Code]
	slices.SortStableFunc(hours, func(a, b retail.OpeningHours) int {
		return cmp.Or(cmp.Compare(a.Weekday, b.Weekday), cmp.Compare(a.Opens, b.Opens))
	})
	slices.SortStableFunc(holidays, func(a, b retail.HolidayHours) int { return cmp.Compare(a.Date, b.Date) })
	return &retail.Location{
		Code: r.Code, Kind: kind, Position: at, Zone: zone, Hours: hours, Holidays: holidays,
		Names: retail.Text{Chinese: text(r.Name), English: text(r.NameEn)},
		Address: retail.Address{
			CountryCode: text(r.Country), Province: text(r.Province), City: text(r.City),
			District: text(r.District), Line: text(r.Address), PostalCode: text(r.PostalCode),
		},
		Services: r.services(), Pickup: pickup,
	}
}

func (r locationRow) services() []retail.PickupService {
	var list []retail.PickupService
	for _, s := range []struct {
		on   int
		name retail.PickupService
	}{{r.Pickup, retail.ServicePickup}, {r.Curbside, retail.ServiceCurbside}, {r.Instant, retail.ServiceInstant}} {
		if s.on == 1 {
			list = append(list, s.name)
		}
	}
	return list
}

// pickup is nil for a place that hands out nothing; ok is false when a value is out of its range.
func (r locationRow) pickup() (s *retail.PickupSettings, ok bool) {
	if r.PickingMinutes < 0 || r.PickingMinutes > 24*60 || (r.Capacity != nil && *r.Capacity < 0) {
		return nil, false
	}
	s = &retail.PickupSettings{PickingMinutes: r.PickingMinutes}
	if r.Cutoff != nil && *r.Cutoff != "" {
		cutoff, ok := localTime(*r.Cutoff)
		if !ok {
			return nil, false
		}
		s.Cutoff = &cutoff
	}
	if r.Capacity != nil && *r.Capacity > 0 {
		s.Capacity = r.Capacity
	}
	if r.Pickup != 1 && r.Curbside != 1 {
		return nil, true
	}
	return s, true
}

// zoneOf loads a zone once; nil when there is none of that name. "" and "Local" are names to Go but not to IANA.
func zoneOf(name string, known map[string]*time.Location) *time.Location {
	if zone, ok := known[name]; ok {
		return zone
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" {
		zone = nil
	}
	known[name] = zone
	return zone
}
